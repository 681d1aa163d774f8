//! Bytes as text, by the recorder's published rule, written here a second time so that one checks the other.

/// Valid UTF-8 stays, a backslash is doubled, any other byte becomes `\xNN`.
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(&chunk.valid().replace('\\', "\\\\"));
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn every_byte_string_has_its_own_text() {
        assert_eq!(escape(b"/tmp/\xc3\xa4\n\\x\xff\xc3"), "/tmp/\u{e4}\n\\\\x\\xff\\xc3");
    }
}
