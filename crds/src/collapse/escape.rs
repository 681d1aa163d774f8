//! Bytes as text, and text that cannot be taken for a pattern.

use std::fmt::Write;

use super::{REST, VARIED};

/// The text of a path or an argument: a backslash as `\\`, bytes that are not UTF-8 as `\xNN`, all else as it is.
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '\\' {
                text.push('\\');
            }
            text.push(c);
        }
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// The pattern that stands for this path alone, given its text as [`escape`] writes it: a name `⋯` or `*` gets a
/// backslash before it.
pub fn literal_path(path: &str) -> String {
    path.split('/').map(literal_name).collect::<Vec<_>>().join("/")
}

/// The pattern that stands for this name alone.
pub(super) fn literal_name(name: &str) -> String {
    if name == VARIED || name == REST { format!("\\{name}") } else { name.to_owned() }
}

/// The pattern that stands for this argument alone, given its text as [`escape`] writes it.
pub fn literal_argument(argument: &str) -> String {
    if argument == REST {
        return format!("\\{REST}");
    }
    match argument.strip_suffix(VARIED) {
        Some(start) => format!("{start}\\{VARIED}"),
        None => argument.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_text_that_no_other_bytes_become() {
        assert_eq!(escape(b"/a b\n\xc3\xa9"), "/a b\né");
        assert_eq!(escape(b"/a\\b"), "/a\\\\b");
        assert_eq!(escape(b"/\xff\xfe/\xe2\x8b"), "/\\xff\\xfe/\\xe2\\x8b");
        assert_ne!(escape(b"\xff"), escape(b"\\xff"));
    }

    #[test]
    fn names_that_are_patterns_are_escaped() {
        assert_eq!(literal_path("/a/⋯/*/*b/⋯⋯"), "/a/\\⋯/\\*/*b/⋯⋯");
        assert_eq!(literal_argument("*"), "\\*");
        assert_eq!(literal_argument("a⋯"), "a\\⋯");
        assert_eq!(literal_argument("⋯a"), "⋯a");
    }
}
