//! YAML as `runtimemap_crds::yaml` writes it, with what cannot be seen written out.
//!
//! That writer escapes control characters, but leaves others as they are, and not always inside of quotes, where alone
//! YAML has escapes. Here such a scalar is quoted. It relies on each scalar being on one line.

use std::{borrow::Cow, fmt::Write};

use super::{is_hostile, written_out};

/// The same YAML, with no such character but newlines.
pub(crate) fn yaml(text: &str) -> Cow<'_, str> {
    if !text.contains(|character| character != '\n' && is_hostile(character)) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 64);
    for line in text.split_inclusive('\n') {
        if line.trim_end_matches('\n').contains(is_hostile) {
            mend(line, &mut escaped);
        } else {
            escaped.push_str(line);
        }
    }
    Cow::Owned(escaped)
}

/// A line is: indentation, `- ` for each list it begins, a key and `:`, a value; the last two or one of them.
fn mend(line: &str, escaped: &mut String) {
    let (mut line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
    loop {
        let rest = line.trim_start_matches(' ');
        let rest = rest.strip_prefix("- ").unwrap_or(rest);
        if rest.len() == line.len() {
            break;
        }
        escaped.push_str(&line[..line.len() - rest.len()]);
        line = rest;
    }
    let (first, rest) = line.split_at(scalar(line));
    escaped.push_str(&quoted(first));
    if let Some(value) = rest.strip_prefix(": ") {
        escaped.push_str(": ");
        escaped.push_str(&quoted(value));
    } else {
        escaped.push_str(rest);
    }
    escaped.push_str(end);
}

/// Length of the scalar that a line begins with.
fn scalar(line: &str) -> usize {
    let mut characters = line.char_indices();
    match characters.next() {
        Some((_, '"')) => {
            let mut backslash = false;
            for (index, character) in characters {
                match character {
                    '"' if !backslash => return index + 1,
                    _ => backslash = character == '\\' && !backslash,
                }
            }
            line.len()
        }
        // Two quotes are one inside of single quotes: then the scalar goes on, as if another began.
        Some((_, '\'')) => match line[1..].find('\'').map(|index| index + 2) {
            Some(end) if line[end..].starts_with('\'') => end + scalar(&line[end..]),
            Some(end) => end,
            None => line.len(),
        },
        _ => line.find(": ").or_else(|| line.strip_suffix(':').map(str::len)).unwrap_or(line.len()),
    }
}

/// A scalar in double quotes, if it has to be.
fn quoted(scalar: &str) -> String {
    if !scalar.contains(is_hostile) {
        return scalar.to_owned();
    }
    if scalar.starts_with('"') {
        return written(scalar);
    }
    let value = match scalar.strip_prefix('\'').and_then(|scalar| scalar.strip_suffix('\'')) {
        Some(inner) => inner.replace("''", "'"),
        None => scalar.to_owned(),
    };
    // JSON's strings are YAML's.
    written(&serde_json::Value::from(value).to_string())
}

/// Inside of double quotes. Unlike JSON, YAML does not put characters together from halves.
fn written(text: &str) -> String {
    let escaped = written_out(text, |character, escaped| {
        let code = u32::from(character);
        // Writing to a String cannot fail.
        let _ = if code > 0xffff { write!(escaped, "\\U{code:08x}") } else { write!(escaped, "\\u{code:04x}") };
    });
    escaped.into_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use runtimemap_crds::yaml::to_string;

    use super::*;

    type Tree = BTreeMap<String, Vec<BTreeMap<String, String>>>;

    /// Strings of what means something to YAML and of what cannot be seen.
    fn hostile() -> impl Strategy<Value = String> {
        let pieces = prop_oneof![
            prop::sample::select(vec![
                ": ",
                ":",
                "- ",
                " #",
                "'",
                "\"",
                "\\",
                " ",
                "a",
                "?",
                "{",
                "\u{202e}",
                "\u{200b}",
                "\u{e0041}",
                "\u{ad}",
                "\x1b",
                "\n",
                "\u{2028}"
            ])
            .prop_map(str::to_owned),
            any::<char>().prop_map(String::from),
        ];
        prop::collection::vec(pieces, 0..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn t3_escaped_yaml_is_the_same_yaml(tree in prop::collection::btree_map(hostile(), prop::collection::vec(prop::collection::btree_map(hostile(), hostile(), 1..3), 0..3), 0..3)) {
            let text = to_string(&tree).unwrap();
            let escaped = yaml(&text);
            prop_assert!(!escaped.contains(|c| c != '\n' && is_hostile(c)), "{escaped:?}");
            prop_assert_eq!(serde_saphyr::from_str::<Tree>(&escaped).unwrap(), tree, "{:?}", escaped);
        }

        #[test]
        fn t3_an_escaped_list_is_the_same_list(list in prop::collection::vec(hostile(), 1..4)) {
            let escaped = yaml(&to_string(&vec![&list]).unwrap()).into_owned();
            prop_assert!(!escaped.contains(|c| c != '\n' && is_hostile(c)), "{escaped:?}");
            prop_assert_eq!(serde_saphyr::from_str::<Vec<Vec<String>>>(&escaped).unwrap(), vec![list], "{:?}", escaped);
        }
    }
}
