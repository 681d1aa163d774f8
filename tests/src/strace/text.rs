//! How strace writes values: quoted strings, lists, structures, descriptors with their paths.

use super::Unreadable;

/// Index of the byte that ends the value list which begins at `from`: the first closing bracket too many, or the text's end.
pub(super) fn end_of_values(text: &str, from: usize) -> usize {
    scan(text, from, &mut |_| {})
}

/// Walks over values, calls `comma` at each separator of the outermost level.
fn scan(text: &str, from: usize, comma: &mut dyn FnMut(usize)) -> usize {
    let bytes = text.as_bytes();
    let mut depth = 0usize;
    let mut at = from;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = end_of_string(bytes, at + 1),
            b'<' if at > from
                && (bytes[at - 1].is_ascii_digit() || text[..at].ends_with("AT_FDCWD"))
                && bytes.get(at + 1) != Some(&b'<') =>
            {
                at = end_of_path(bytes, at + 1);
            }
            b'/' if bytes.get(at + 1) == Some(&b'*') => at = text[at..].find("*/").map_or(bytes.len(), |length| at + length + 1),
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' if depth == 0 => return at,
            b')' | b']' | b'}' => depth -= 1,
            b',' if depth == 0 => comma(at),
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

fn end_of_string(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at
}

fn end_of_path(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && bytes[at] != b'>' {
        at += 1;
    }
    at
}

/// The values of a list, without the blanks around them.
pub fn split(text: &str) -> Vec<&str> {
    if text.trim().is_empty() {
        return Vec::new();
    }
    let mut parts = Vec::new();
    let mut start = 0;
    let end = scan(text, 0, &mut |comma| {
        parts.push(text[start..comma].trim());
        start = comma + 1;
    });
    parts.push(text[start..end].trim());
    parts
}

/// The values of a structure `{name=value, …}`; a value without a name has the empty one.
///
/// # Errors
/// If it is none.
pub fn fields(text: &str) -> Result<Vec<(&str, &str)>, Unreadable> {
    let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).ok_or_else(|| Unreadable::new("not a structure", text))?;
    Ok(split(inner)
        .into_iter()
        .map(|part| match part.split_once('=') {
            Some((name, value)) if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') => (name, value),
            _ => ("", part),
        })
        .collect())
}

/// The bytes of a string in quotes. One that strace has cut is an error: raise its limit instead.
///
/// # Errors
/// If it is none, or cut.
pub fn quoted(text: &str) -> Result<Vec<u8>, Unreadable> {
    let inner =
        text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or_else(|| Unreadable::new("not a whole string", text))?;
    unquote(inner)
}

/// The strings of `["a", "b"]`.
///
/// # Errors
/// If it is none, or cut.
pub fn strings(text: &str) -> Result<Vec<Vec<u8>>, Unreadable> {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).ok_or_else(|| Unreadable::new("not a list", text))?;
    split(inner).into_iter().map(quoted).collect()
}

/// Takes strace's escapes out of the inside of a string or path.
///
/// # Errors
/// If an escape is unknown.
pub fn unquote(text: &str) -> Result<Vec<u8>, Unreadable> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'\\' {
            out.push(bytes[at]);
            at += 1;
            continue;
        }
        let kind = *bytes.get(at + 1).ok_or_else(|| Unreadable::new("a backslash at the end", text))?;
        at += 2;
        match kind {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'v' => out.push(0x0b),
            b'f' => out.push(0x0c),
            b'"' | b'\\' => out.push(kind),
            b'0'..=b'7' => {
                let length = 1 + bytes[at..].iter().take(2).take_while(|byte| (b'0'..=b'7').contains(*byte)).count();
                let digits = &text[at - 1..at - 1 + length];
                out.push(u8::from_str_radix(digits, 8).map_err(|_| Unreadable::new("an octal number above 377", text))?);
                at += length - 1;
            }
            b'x' => {
                let digits = text.get(at..at + 2).ok_or_else(|| Unreadable::new("half a hexadecimal byte", text))?;
                out.push(u8::from_str_radix(digits, 16).map_err(|_| Unreadable::new("not a hexadecimal byte", text))?);
                at += 2;
            }
            _ => return Err(Unreadable::new("an unknown escape", text)),
        }
    }
    Ok(out)
}

/// The path behind a descriptor, `3</etc/passwd>` or `3</tmp/x>(deleted)`, and whether it is deleted. None if strace shows none.
///
/// # Errors
/// If it is written in another way.
pub fn descriptor_path(text: &str) -> Result<Option<(Vec<u8>, bool)>, Unreadable> {
    let Some(start) = text.find('<') else { return Ok(None) };
    let end = text.rfind('>').filter(|end| *end > start).ok_or_else(|| Unreadable::new("half a descriptor", text))?;
    let deleted = match &text[end + 1..] {
        "" => false,
        "(deleted)" => true,
        _ => return Err(Unreadable::new("something after a descriptor", text)),
    };
    Ok(Some((unquote(&text[start + 1..end])?, deleted)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_and_brackets_inside_of_strings_and_paths_do_not_split() {
        assert_eq!(
            split(r#"3</a,)\76"b>, "x,\"]", {a=[1, 2], b=f(3, 4)}, 1<<3, 0x7f /* 3, vars */"#),
            [r#"3</a,)\76"b>"#, r#""x,\"]""#, "{a=[1, 2], b=f(3, 4)}", "1<<3", "0x7f /* 3, vars */",]
        );
        assert!(split(" ").is_empty());
    }

    #[test]
    fn escapes_give_the_bytes_back() {
        assert_eq!(quoted(r#""a\n\33\0011\377\"\\\74""#).unwrap(), b"a\n\x1b\x011\xff\"\\<");
        assert_eq!(quoted(r#""\xff\x0a""#).unwrap(), b"\xff\n");
    }

    #[test]
    fn a_string_that_strace_cut_is_an_error() {
        assert!(quoted(r#""abc"..."#).is_err());
        assert!(strings(r#"["a", "b"...]"#).is_err());
        assert!(strings(r#"["a", ...]"#).is_err());
    }

    #[test]
    fn a_descriptor_tells_its_path_and_whether_it_is_gone() {
        assert_eq!(descriptor_path(r"3</tmp/we\74i\76rd\n>").unwrap(), Some((b"/tmp/we<i>rd\n".to_vec(), false)));
        assert_eq!(descriptor_path("8</tmp/x/del>(deleted)").unwrap(), Some((b"/tmp/x/del".to_vec(), true)));
        assert_eq!(descriptor_path("8").unwrap(), None);
    }
}
