//! Whether a pattern stands for something that was seen.

use super::{
    REST, VARIED,
    escape::{literal_argument, literal_name},
    name::generated,
};

/// Whether the pattern of a profile stands for this path, given as [`escape`](super::escape) writes it.
///
/// `⋯` stands for one name that looks [`generated`] where it is, a final `*` for at least one further name.
pub fn matches(pattern: &str, path: &str) -> bool {
    let mut names = path.split('/');
    let mut tokens = pattern.split('/').peekable();
    // Where we are, as a pattern: what looks generated depends on it.
    let mut directory = String::new();
    let mut first = true;
    while let Some(token) = tokens.next() {
        let Some(name) = names.next() else { return false };
        if token == REST && tokens.peek().is_none() {
            return true;
        }
        let fits = match token {
            REST => true,
            VARIED => generated(&directory, name),
            _ => token == literal_name(name),
        };
        if !fits {
            return false;
        }
        if !first {
            directory.push('/');
        }
        directory.push_str(token);
        first = false;
    }
    names.next().is_none()
}

/// Whether the arguments of a profile stand for these, given as [`escape`](super::escape) writes each.
pub fn matches_args(pattern: &[String], args: &[String]) -> bool {
    if let Some((last, start)) = pattern.split_last()
        && last == REST
    {
        return args.len() >= start.len() && start.iter().zip(args).all(|(token, arg)| matches_argument(token, arg));
    }
    pattern.len() == args.len() && pattern.iter().zip(args).all(|(token, arg)| matches_argument(token, arg))
}

fn matches_argument(token: &str, argument: &str) -> bool {
    let argument = literal_argument(argument);
    match token.strip_suffix(VARIED) {
        Some(start) if !start.ends_with('\\') => argument.starts_with(start),
        _ => token == argument,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_stands_for_what_it_was_made_from_and_nothing_else() {
        for (pattern, path, expected) in [
            ("/etc/passwd", "/etc/passwd", true),
            ("/etc/passwd", "/etc/passwd/x", false),
            ("/etc/passwd", "/etc", false),
            ("/proc/⋯/stat", "/proc/12/stat", true),
            ("/proc/⋯/stat", "/proc/self/stat", false),
            ("/data/⋯", "/data/12", false),
            ("/tmp/*", "/tmp/a", true),
            ("/tmp/*", "/tmp/a/b/c", true),
            ("/tmp/*", "/tmp", false),
            ("/tmp/*", "/tmpx/a", false),
            ("/tmp/\\*", "/tmp/*", true),
            ("/tmp/\\*", "/tmp/a", false),
            ("/tmp/\\⋯", "/tmp/⋯", true),
            ("/tmp/\\⋯", "/tmp/1234", false),
            ("/", "/", true),
            ("/*", "/a", true),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn arguments_match_one_by_one_and_the_rest() {
        let list = |words: &str| words.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        for (pattern, args, expected) in [
            ("ls -l", "ls -l", true),
            ("ls -l", "ls", false),
            ("ls ⋯", "ls /tmp", true),
            ("ls ⋯", "ls", false),
            ("ls ⋯", "ls a b", false),
            ("ls *", "ls", true),
            ("ls *", "ls a b", true),
            ("*", "ls a b", true),
            ("ls *", "cat a", false),
            ("sh abc⋯", "sh abcdef", true),
            ("sh abc⋯", "sh abdef", false),
            ("echo \\*", "echo *", true),
            ("echo \\*", "echo a", false),
            ("echo a\\⋯", "echo a⋯", true),
            ("echo a\\⋯", "echo ab", false),
        ] {
            assert_eq!(matches_args(&list(pattern), &list(args)), expected, "{pattern} | {args}");
        }
    }
}
