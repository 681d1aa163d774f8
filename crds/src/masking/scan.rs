//! Finding secrets within a text.

use super::MASK;

/// Whether a key or a flag of this name holds a secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    if ["file", "path", "dir", "name", "url", "ttl"].iter().any(|end| name.ends_with(end)) {
        return false;
    }
    let words = ["password", "passwd", "passphrase", "secret", "apikey", "accesskey", "privatekey", "credential"];
    let token = name.match_indices("token").any(|(at, word)| {
        let after = &name[at + word.len()..];
        !after.starts_with('s') && !after.starts_with("iz") && !after.starts_with("is")
    });
    token || name == "mysqlpwd" || name == "authorization" || words.iter().any(|word| name.contains(word))
}

/// The text without its secrets.
pub(super) fn mask_text(text: &str) -> String {
    if text.contains("PRIVATE KEY-----") {
        return MASK.to_owned();
    }
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    // A word after `Bearer` or after a telling flag.
    let mut expect_secret = false;
    while !rest.is_empty() {
        let word = word_length(rest);
        if word == 0 {
            let next = rest.chars().next().map_or(1, char::len_utf8);
            let (separator, after) = rest.split_at(next);
            masked.push_str(separator);
            expect_secret &= separator.trim().is_empty();
            rest = after;
            continue;
        }
        let (word, after) = rest.split_at(word);
        if let Some((keep, value)) = user_info(word, after) {
            masked.push_str(word);
            masked.push_str(keep);
            masked.push_str(MASK);
            rest = &after[keep.len() + value..];
            expect_secret = false;
        } else if let Some((separator, value)) = value_of(word, after) {
            masked.push_str(word);
            masked.push_str(separator);
            masked.push_str(MASK);
            rest = &after[separator.len() + value..];
            expect_secret = false;
        } else {
            let secret = is_token(word) || (expect_secret && !word.starts_with('-'));
            masked.push_str(if secret { MASK } else { word });
            expect_secret = announces(word);
            rest = after;
        }
    }
    masked
}

/// Bytes of a key, a flag or a token.
fn word_length(text: &str) -> usize {
    text.find(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | '~' | '*'))).unwrap_or(text.len())
}

/// Whether the next word is a secret.
fn announces(word: &str) -> bool {
    word.eq_ignore_ascii_case("bearer") || word == "Basic" || (word.starts_with("--") && is_secret_name(word))
}

/// For `key=value`, `key: value` and `"key":"value"`: what stands between, and the length of the value.
fn value_of<'a>(word: &str, after: &'a str) -> Option<(&'a str, usize)> {
    if !is_secret_name(word) {
        return None;
    }
    let unquoted = after.strip_prefix(['"', '\'']).unwrap_or(after);
    let value = unquoted.strip_prefix('=').or_else(|| {
        let value = unquoted.strip_prefix(':')?;
        Some(value.strip_prefix(' ').unwrap_or(value))
    })?;
    let header = word.eq_ignore_ascii_case("authorization");
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
    let (value, length) = match quote {
        Some(quote) => (&value[1..], quoted_length(&value[1..], quote)),
        None if header => (value, value.find(['"', '\'', '\n']).unwrap_or(value.len())),
        None => {
            (value, value.find(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '&' | '"' | '\'' | '}' | ')')).unwrap_or(value.len()))
        }
    };
    (length > 0).then(|| (&after[..after.len() - value.len()], length))
}

fn quoted_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if c == quote && !escaped {
            return at;
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

/// For `scheme` followed by `://user:password@`: what is kept, and the length of what is not.
fn user_info<'a>(scheme: &str, after: &'a str) -> Option<(&'a str, usize)> {
    let rest = after.strip_prefix("://")?;
    if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let authority = &rest[..rest.find(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'')).unwrap_or(rest.len())];
    let user = &authority[..authority.rfind('@')?];
    match user.split_once(':') {
        Some((name, password)) if !password.is_empty() => Some((&after[..3 + name.len() + 1], password.len())),
        // What was masked before is what it would be masked to.
        None if user.len() >= 20 || is_token(user) || user == MASK => Some((&after[..3], user.len())),
        _ => None,
    }
}

/// Whether a word is a secret by its own shape.
fn is_token(word: &str) -> bool {
    let all = |text: &str, fits: fn(&u8) -> bool| text.bytes().all(|b| fits(&b));
    let aws = word.len() == 20
        && (word.starts_with("AKIA") || word.starts_with("ASIA"))
        && all(word, |b| b.is_ascii_uppercase() || b.is_ascii_digit());
    let known = ["ghp_", "gho_", "ghs_", "ghu_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "xoxa-"];
    let vendor = word.len() >= 20 && known.iter().any(|start| word.starts_with(start));
    let base64url: fn(&u8) -> bool = |b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let parts: Vec<&str> = word.split('.').collect();
    let jwt = word.starts_with("eyJ") && parts.len() == 3 && !parts[1].is_empty() && parts.iter().all(|part| all(part, base64url));
    aws || vendor || jwt
}
