//! What a container named, made harmless.
//!
//! A name is whatever bytes a container chose: it may take over a terminal (escape sequences), turn the rest of the line
//! around (bidirectional controls), hide a part of itself (zero-width characters) or begin a line of its own.

mod yaml;

use std::{borrow::Cow, fmt::Write};

pub(crate) use yaml::yaml;

/// Characters beyond the control characters that are not seen themselves and change how others are: Unicode's format
/// characters, its separators of lines and paragraphs, and code points that are no characters.
const UNSEEN: [(char, char); 26] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fdd0}', '\u{fdef}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{fffe}', '\u{ffff}'),
    ('\u{110bd}', '\u{110cd}'),
    ('\u{13430}', '\u{1345f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// Whether a character must not reach a reader's eyes as it is.
pub(crate) fn is_hostile(character: char) -> bool {
    character.is_control() || UNSEEN.iter().any(|&(first, last)| (first..=last).contains(&character))
}

/// One line of a terminal or of a comment: a newline becomes `\n`, a tab `\t`, another control character `\x1b` or
/// `\u{202e}`. What has none of them stays as it is.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            // Writing to a String cannot fail.
            _ if character.is_ascii_control() => _ = write!(escaped, "\\x{:02x}", u32::from(character)),
            _ if is_hostile(character) => escaped.extend(character.escape_unicode()),
            _ => escaped.push(character),
        }
    }
    Cow::Owned(escaped)
}

/// JSON text, with each such character written as JSON writes it. Newlines are kept: inside of strings JSON has none.
pub(crate) fn json(text: &str) -> Cow<'_, str> {
    written_out(text, |character, escaped| {
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "\\u{unit:04x}");
        }
    })
}

/// The text, with each such character but newlines written by `write`.
fn written_out(text: &str, write: impl Fn(char, &mut String)) -> Cow<'_, str> {
    let hostile = |character: char| character != '\n' && is_hostile(character);
    if !text.contains(hostile) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if hostile(character) { write(character, &mut escaped) } else { escaped.push(character) }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t3_what_moves_the_cursor_or_hides_is_written_out() {
        for (text, expected) in [
            ("\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
            ("a\nb\r\tc\0", "a\\nb\\r\\tc\\x00"),
            ("\u{9b}31m\x7f", "\\u{9b}31m\\x7f"),
            ("user\u{202e}gpj.exe", "user\\u{202e}gpj.exe"),
            ("a\u{200b}b\u{2028}c\u{feff}", "a\\u{200b}b\\u{2028}c\\u{feff}"),
            ("\u{e0041}", "\\u{e0041}"),
        ] {
            assert_eq!(line(text), expected);
        }
    }

    #[test]
    fn what_can_be_seen_stays_as_it_is() {
        for text in ["/etc/nginx/nginx.conf", "/srv/Zürich/日本語/⋯/*", "\\xff", "👩"] {
            assert!(matches!(line(text), Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn escaped_json_is_the_same_json() {
        let value = serde_json::json!({"a\u{7f}": ["\u{9b}\u{202e}", "\u{e0041}", "é\n\x1b"]});
        let text = serde_json::to_string_pretty(&value).unwrap();
        let escaped = json(&text);
        assert!(!escaped.contains(|c| c != '\n' && is_hostile(c)), "{escaped:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).unwrap(), value);
    }
}
