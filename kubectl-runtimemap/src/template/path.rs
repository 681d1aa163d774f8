//! A path of kubectl's dialect, turned into that of RFC 9535.
//!
//! kubectl has no `$`, escapes dots in names by a backslash, and takes any quoted name in brackets.

use anyhow::{anyhow, bail};
use jsonpath_rust::{
    parser::{model::JpQuery, parse_json_path},
    query::js_path_process,
};
use serde_json::Value;

/// Longest path that is read, in bytes. Those of people have some dozens; the parser goes deeper with each bracket.
const MAX_BYTES: usize = 1024;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path(JpQuery);

impl Path {
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        if text.len() > MAX_BYTES {
            bail!("jsonpath: the path is longer than {MAX_BYTES} bytes");
        }
        let standard = standard(text)?;
        parse_json_path(&standard).map(Self).map_err(|error| {
            let error = error.to_string();
            let last = error.lines().last().unwrap_or_default().trim_start_matches([' ', '=']);
            anyhow!("jsonpath: {text:?} is no path: {last}")
        })
    }

    /// What it leads to, in order.
    pub(super) fn values<'a>(&self, value: &'a Value) -> anyhow::Result<Vec<&'a Value>> {
        let found = js_path_process(&self.0, value).map_err(|error| anyhow!("jsonpath: {error}"))?;
        Ok(found.into_iter().map(jsonpath_rust::query::QueryRef::val).collect())
    }
}

/// The same path as RFC 9535 writes it.
fn standard(text: &str) -> anyhow::Result<String> {
    let mut rest = text.trim();
    rest = rest.strip_prefix(['$', '@']).unwrap_or(rest);
    let mut path = String::from("$");
    if !rest.is_empty() && !rest.starts_with(['.', '[']) {
        // `{metadata.name}` is taken, too.
        path.push_str(&name(&mut rest)?);
    }
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("..") {
            rest = after;
            path.push_str("..");
            match rest.strip_prefix('*') {
                Some(after) => {
                    path.push('*');
                    rest = after;
                }
                None if rest.starts_with('[') => {}
                None => path.push_str(&name(&mut rest)?),
            }
        } else if let Some(after) = rest.strip_prefix('.') {
            rest = after;
            match rest.strip_prefix('*') {
                Some(after) => {
                    path.push_str("[*]");
                    rest = after;
                }
                None if rest.starts_with('[') => {}
                None => path.push_str(&name(&mut rest)?),
            }
        } else if rest.starts_with('[') {
            let end = closing(rest)?;
            path.push_str(&bracket(&rest[1..end])?);
            rest = &rest[end + 1..];
        } else {
            bail!("jsonpath: {text:?} is no path: expected '.' or '[' before {rest:?}");
        }
    }
    Ok(path)
}

/// A name up to the next dot or bracket, as a bracket of its own.
fn name(rest: &mut &str) -> anyhow::Result<String> {
    let mut name = String::new();
    let mut characters = rest.char_indices();
    let mut end = rest.len();
    while let Some((index, character)) = characters.next() {
        match character {
            '\\' => name.extend(characters.next().map(|(_, escaped)| escaped)),
            '.' | '[' => {
                end = index;
                break;
            }
            _ => name.push(character),
        }
    }
    if name.is_empty() {
        bail!("jsonpath: a name is missing after '.'");
    }
    *rest = &rest[end..];
    Ok(format!("[{}]", Value::from(name)))
}

fn bracket(inner: &str) -> anyhow::Result<String> {
    let inner = inner.trim();
    if inner.starts_with(['"', '\'']) {
        let names: Vec<String> = outside_brackets(inner, ',')
            .into_iter()
            .map(|name| string(name.trim()).map(|name| Value::from(name).to_string()))
            .collect::<Result<_, _>>()?;
        return Ok(format!("[{}]", names.join(",")));
    }
    Ok(format!("[{inner}]"))
}

/// Place of the bracket that closes the first.
fn closing(text: &str) -> anyhow::Result<usize> {
    let mut depth = 0_u32;
    let mut quote = None;
    let mut escaped = false;
    for (index, character) in text.char_indices() {
        match (quote, character) {
            _ if escaped => escaped = false,
            (_, '\\') => escaped = true,
            (Some(open), _) if open == character => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(character),
            (None, '[') => depth += 1,
            (None, ']') => {
                depth -= 1;
                if depth == 0 {
                    return Ok(index);
                }
            }
            _ => {}
        }
    }
    bail!("jsonpath: a '[' is not closed")
}

/// The parts between separators that stand outside of brackets, parentheses and quotes.
pub(super) fn outside_brackets(text: &str, separator: char) -> Vec<&str> {
    let (mut depth, mut quote, mut start, mut parts) = (0_i32, None, 0, Vec::new());
    for (index, character) in text.char_indices() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(character),
            (None, '[' | '(') => depth += 1,
            (None, ']' | ')') => depth -= 1,
            (None, _) if character == separator && depth <= 0 => {
                parts.push(&text[start..index]);
                start = index + character.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// The content of a quoted string; `\n`, `\t`, `\r`, and a backslash before anything else stands for that.
pub(super) fn string(quoted: &str) -> anyhow::Result<String> {
    let quote = quoted.chars().next().filter(|quote| ['"', '\''].contains(quote));
    let inner = quote.and_then(|quote| quoted.strip_prefix(quote)?.strip_suffix(quote));
    let Some(inner) = inner else { bail!("jsonpath: {quoted} is no string") };
    let mut text = String::new();
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some('r') => text.push('\r'),
                other => text.extend(other),
            },
            other => text.push(other),
        }
    }
    Ok(text)
}
