//! Names and label values that the API server accepts, and hashes.

/// Longest name of an object.
const NAME: usize = 253;
/// Longest value of a label.
const VALUE: usize = 63;

/// The policy's own name: never that of a policy somebody wrote by hand.
pub(super) fn of_policy(workload: &str) -> String {
    let valid = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, '-' | '.');
    bounded(&format!("runtimemap-{workload}"), NAME, valid)
}

/// A name as the value of a label.
pub(super) fn as_label(name: &str) -> String {
    bounded(name, VALUE, |letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.'))
}

/// The name of a volume in a pod.
pub(crate) fn as_volume(name: &str) -> String {
    bounded(name, VALUE, |letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-')
}

/// A text of valid characters, beginning and ending in a letter or digit. What had to be changed carries a hash, so that two stay two.
fn bounded(text: &str, longest: usize, valid: impl Fn(char) -> bool) -> String {
    let replaced: String = text.chars().map(|letter| if valid(letter) { letter } else { '-' }).collect();
    let trimmed = |text: &str| text.trim_matches(|letter: char| !letter.is_ascii_alphanumeric()).to_owned();
    let clean = trimmed(&replaced);
    if clean == text && clean.len() <= longest {
        return clean;
    }
    let hash = stable_hash(text);
    // All characters are ASCII now.
    let kept = trimmed(&clean[..clean.len().min(longest - hash.len() - 1)]);
    if kept.is_empty() { hash } else { format!("{kept}-{hash}") }
}

/// A hash that is the same in every build and on every machine: FNV-1a, 64 bits, in hexadecimal.
pub(super) fn stable_hash(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_valid_stays_as_it_is() {
        assert_eq!(of_policy("deployment-web"), "runtimemap-deployment-web");
        assert_eq!(of_policy("cronjob-v1.2"), "runtimemap-cronjob-v1.2");
        assert_eq!(as_volume("cache-1"), "cache-1");
        assert_eq!(as_label("My_app.v1"), "My_app.v1");
    }

    #[test]
    fn a_volume_has_neither_capitals_nor_dots() {
        let name = as_volume("My_cache.d");
        assert!(name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-'), "{name}");
    }

    #[test]
    fn any_other_becomes_valid_and_stays_different() {
        let names = ["Web", "web ", "⋯", "web-", &"x".repeat(300), &format!("{}y", "x".repeat(300))].map(of_policy);
        for name in &names {
            assert!(name.len() <= NAME && name.starts_with("runtimemap"), "{name}");
            assert!(name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-'), "{name}");
            assert!(name.ends_with(|letter: char| letter.is_ascii_alphanumeric()), "{name}");
        }
        let different: std::collections::BTreeSet<&String> = names.iter().collect();
        assert_eq!(different.len(), names.len());
        assert_eq!(as_label(&"x".repeat(64)).len(), VALUE);
        assert_eq!(as_label("⋯").len(), 16);
    }
}
