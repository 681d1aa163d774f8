//! Lengths of time as kubectl's flags have them.

use std::time::Duration;

/// Reads `90`, `30s`, `1m30s`, `2h` or `250ms`; 0 is none.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, unit) = rest.split_at(digits);
        let number: u64 = number.parse().map_err(|_| wrong(text))?;
        let (length, milliseconds) = match unit {
            unit if unit.starts_with("ms") => (2, 1),
            unit if unit.starts_with('s') => (1, 1000),
            unit if unit.starts_with('m') => (1, 60_000),
            unit if unit.starts_with('h') => (1, 3_600_000),
            _ => return Err(wrong(text)),
        };
        let part = number.checked_mul(milliseconds).map(Duration::from_millis).ok_or_else(|| wrong(text))?;
        total = total.checked_add(part).ok_or_else(|| wrong(text))?;
        rest = &unit[length..];
    }
    if text.is_empty() { Err(wrong(text)) } else { Ok(total) }
}

fn wrong(text: &str) -> String {
    format!("{text:?} is no length of time; give 0, or a number with a unit, such as 30s, 2m or 1h")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_kubectl_reads_them() {
        for (text, milliseconds) in [("0", 0), ("5", 5000), ("30s", 30_000), ("1m30s", 90_000), ("2h", 7_200_000), ("250ms", 250)] {
            assert_eq!(parse(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "s", "1x", "-1s", "1s ", "99999999999999999999h", "18446744073709551615h"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
