//! Block YAML as the recorder and most people write it, as JSON: a reader of JSON takes a tenth of the time that one of YAML takes.
//!
//! Whatever could mean something else to a reader of YAML is left to it: flow collections, anchors, tags, comments behind values, scalars of
//! several lines, and plain scalars that some reader takes for no string.

use std::{collections::HashSet, fmt::Write as _};

/// Nested deeper than any object.
const DEPTH: usize = 64;
/// Plain scalars that some reader of YAML takes for no string.
const WORDS: [&str; 10] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan"];

/// A document as JSON; None where it takes a reader of YAML.
pub(super) fn to_json(text: &str) -> Option<String> {
    let mut lines = Vec::new();
    for line in text.lines() {
        let content = line.trim_start_matches(' ');
        if !content.is_empty() && !content.starts_with('#') {
            lines.push((line.len() - content.len(), content));
        }
    }
    // The marker, which stands alone or has more of the document behind it.
    let first = usize::from(lines.first().is_some_and(|&(_, line)| line == "---"));
    let mut document = Document { lines, at: first, json: String::with_capacity(text.len() + text.len() / 4) };
    let (indent, _) = document.line()?;
    document.block(indent, 0)?;
    (document.at == document.lines.len()).then_some(document.json)
}

/// Lines with how far they are indented, and what was written of them.
struct Document<'a> {
    lines: Vec<(usize, &'a str)>,
    at: usize,
    json: String,
}

impl<'a> Document<'a> {
    fn line(&self) -> Option<(usize, &'a str)> {
        self.lines.get(self.at).copied()
    }

    /// The collection that begins here.
    fn block(&mut self, indent: usize, depth: usize) -> Option<()> {
        let (_, line) = self.line().filter(|_| depth < DEPTH)?;
        if item(line).is_some() { self.sequence(indent, depth) } else { self.mapping(indent, depth) }
    }

    fn sequence(&mut self, indent: usize, depth: usize) -> Option<()> {
        self.json.push('[');
        let mut first = true;
        while let Some((found, line)) = self.line().filter(|&(found, _)| found >= indent) {
            // A sequence may stand as far left as the key that it belongs to: then the next key ends it.
            let Some(rest) = item(line) else { break };
            if found != indent {
                return None;
            }
            if !std::mem::take(&mut first) {
                self.json.push(',');
            }
            let value = rest.trim_start_matches(' ');
            if value.is_empty() {
                self.at += 1;
                self.nested(indent + 1, depth)?;
            } else if key(value).is_some() || item(value).is_some() {
                // What stands behind the dash begins a collection, indented to where it stands.
                let inner = indent + line.len() - value.len();
                *self.lines.get_mut(self.at)? = (inner, value);
                self.block(inner, depth + 1)?;
            } else {
                self.scalar(value)?;
                self.at += 1;
            }
        }
        self.json.push(']');
        Some(())
    }

    fn mapping(&mut self, indent: usize, depth: usize) -> Option<()> {
        self.json.push('{');
        let mut keys = HashSet::new();
        while let Some((found, line)) = self.line().filter(|&(found, _)| found >= indent) {
            if found != indent {
                return None;
            }
            let (key, value) = key(line)?;
            if !keys.is_empty() {
                self.json.push(',');
            }
            let start = self.json.len();
            if key.starts_with(['"', '\'']) {
                self.scalar(key)?;
            } else {
                self.string(key)?;
            }
            let written = self.json.get(start..)?.to_owned();
            if !keys.insert(written) {
                return None;
            }
            self.json.push(':');
            self.at += 1;
            if value.is_empty() {
                // Items of a sequence may stand below the key itself.
                let below = self.line().is_some_and(|(found, line)| found == indent && item(line).is_some());
                self.nested(if below { indent } else { indent + 1 }, depth)?;
            } else {
                self.scalar(value)?;
            }
        }
        self.json.push('}');
        Some(())
    }

    /// What is indented at least so far, or nothing.
    fn nested(&mut self, least: usize, depth: usize) -> Option<()> {
        match self.line() {
            Some((indent, _)) if indent >= least => self.block(indent, depth + 1),
            _ => {
                self.json.push_str("null");
                Some(())
            }
        }
    }

    fn scalar(&mut self, text: &str) -> Option<()> {
        match text.as_bytes().first()? {
            b'"' => self.double_quoted(text.strip_prefix('"')?.strip_suffix('"')?),
            b'\'' => {
                let inner = text.strip_prefix('\'')?.strip_suffix('\'')?;
                let whole = inner.replace("''", "\u{0}");
                if whole.contains('\'') || inner.contains('\u{0}') { None } else { self.string(&whole.replace('\u{0}', "'")) }
            }
            _ if matches!(text, "[]" | "{}" | "true" | "false") || is_number(text) => {
                self.json.push_str(text);
                Some(())
            }
            _ if is_plain(text) => self.string(text),
            _ => None,
        }
    }

    /// Escapes of both languages, and those of YAML that have a like in JSON.
    fn double_quoted(&mut self, text: &str) -> Option<()> {
        self.json.push('"');
        let mut rest = text.chars();
        while let Some(character) = rest.next() {
            match character {
                '"' => return None,
                '\\' => match rest.next()? {
                    same @ ('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't') => self.json.extend(['\\', same]),
                    '0' => self.json.push_str("\\u0000"),
                    'a' => self.json.push_str("\\u0007"),
                    'v' => self.json.push_str("\\u000b"),
                    'e' => self.json.push_str("\\u001b"),
                    width @ ('x' | 'u') => {
                        let digits: String = rest.by_ref().take(if width == 'x' { 2 } else { 4 }).collect();
                        // What is no character by itself is for a reader of YAML to refuse.
                        char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?;
                        // Writing to a String cannot fail.
                        let _ = write!(self.json, "\\u{digits:0>4}");
                    }
                    _ => return None,
                },
                character if character.is_control() => return None,
                character => self.json.push(character),
            }
        }
        self.json.push('"');
        Some(())
    }

    fn string(&mut self, text: &str) -> Option<()> {
        self.json.push('"');
        for character in text.chars() {
            match character {
                '"' | '\\' => self.json.extend(['\\', character]),
                character if character.is_control() => return None,
                character => self.json.push(character),
            }
        }
        self.json.push('"');
        Some(())
    }
}

/// What stands behind the dash of an item.
fn item(line: &str) -> Option<&str> {
    line.strip_prefix('-').filter(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// A key and what stands behind it. A key in quotes holds no colon with a blank, or is left to others.
fn key(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(": ").or_else(|| Some((line.strip_suffix(':')?, "")))?;
    let is_quoted = |quote: char| key.len() > 1 && key.starts_with(quote) && key.ends_with(quote);
    let is_word = key.starts_with(|first: char| first.is_ascii_alphabetic())
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/'));
    (is_quoted('"') || is_quoted('\'') || is_word && !is_word_of_others(key)).then_some((key, value.trim_matches(' ')))
}

fn is_word_of_others(text: &str) -> bool {
    WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// A number in every reader's eyes.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.len() < 18
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && (digits == "0" && text == "0" || !digits.starts_with('0'))
        && !digits.is_empty()
}

/// A string in every reader's eyes: a word, a path, an address.
fn is_plain(text: &str) -> bool {
    let is_address = || text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'/')) && text.matches('.').count() == 3;
    let begins = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/') || is_address();
    begins
        && !is_word_of_others(text)
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b'+' | b'=' | b'@'))
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, test_runner::TestRunner};
    use serde_json::Value;

    use super::*;

    fn read(text: &str) -> Option<Value> {
        to_json(text).map(|json| serde_json::from_str(&json).unwrap_or_else(|error| panic!("{text:?} became {json:?}: {error}")))
    }

    #[test]
    fn what_the_recorder_writes_is_read() {
        let text = "---\n# seen\napiVersion: a/v1\nspec:\n  list:\n  - name: web\n    ports:\n    - 80\n    - -1\n    none: []\n  - - a\n    - 'it''s'\n  empty:\n  \
                    \"quoted \\\"key\\e\": {}\n  path: /a/b.c\n  address: 10.0.0.0/8\n  yes_: true\nlast: \"\\u202e\\x1b: # \"\n";
        let read = read(text).unwrap();
        assert_eq!(read, serde_saphyr::from_str::<Value>(text).unwrap());
        assert_eq!(read["spec"]["list"][1][1], "it's");
    }

    #[test]
    fn what_somebody_could_read_otherwise_is_left_to_them() {
        for value in [
            "[a]",
            "{a: b}",
            "&a b",
            "*a",
            "!!str a",
            "|",
            ">",
            "a # b",
            "a: b",
            "1.5",
            "1e3",
            "012",
            "0x1",
            "1:30",
            "~",
            "null",
            "Yes",
            "on",
            "2026-11-23T10:00:00Z",
            "-0",
            "- a",
            "\"a",
            "\"a\" b",
            "\"\\q\"",
            "\"\\ud800\"",
            "'a'b'",
            "%a",
            "@a",
            "`a",
            ".inf",
            "a\tb",
            "1_000",
        ] {
            assert_eq!(to_json(&format!("key: {value}\n")), None, "{value}");
        }
        for text in [
            "",
            "a",
            "a: b\na: c\n",
            "a: b\n  c\n",
            "a:\n   b: c\n  d: e\n",
            "? a\n: b\n",
            "a:b\n",
            "--- a\n",
            "- a\nb: c\n",
            "\ta: b\n",
            "y: 1\n",
        ] {
            assert_eq!(to_json(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_read_is_what_a_reader_of_yaml_reads() {
        let dashes = "(- ){0,2}";
        let rest = "(|a: ?|bc:|\"d e\": |'f': |a)(|a|80|-7|true|\\[\\]|\\{\\}|\"\\PC{0,3}\"|'\\PC{0,3}'|/x|10.0.0.1|\\PC{0,4})";
        let lines = prop::collection::vec((0..3_usize, dashes, rest), 0..5);
        let found = std::cell::Cell::new(0);
        let outcome = TestRunner::new(ProptestConfig::with_cases(3000)).run(&lines, |lines| {
            let text: String = lines.iter().map(|(indent, dashes, rest)| format!("{}{dashes}{rest}\n", "  ".repeat(*indent))).collect();
            if let Some(value) = read(&text) {
                found.set(found.get() + 1);
                let other = serde_saphyr::from_str::<Value>(&text);
                prop_assert_eq!(Some(value), other.ok(), "{:?}", text);
            }
            Ok(())
        });
        outcome.unwrap_or_else(|error| panic!("{error}"));
        assert!(found.get() > 100, "of 3000 texts {} were read", found.get());
    }
}
