//! Values in arguments that look like secrets (R23): an argument list ends in an object that many may read.

mod scan;

use scan::{is_secret_name, mask_text};

/// What stands for a value that was taken out.
pub const MASK: &str = "***";

/// The arguments with whatever looks like a secret replaced by `***`.
///
/// Masked are
/// * the value after a flag with a telling name: `--password X`, `--token=X`, `-Dapp.secret=X`;
/// * the value of a telling key anywhere: `PGPASSWORD=X`, `api_key: X`, `"password":"X"`, `...;Password=X;...`; telling
///   names contain password, passwd, passphrase, secret, token, apikey, accesskey, privatekey or credential, however
///   they are written, unless they name a file, a path or a directory (`--token-file`) or a number (`--max-tokens`);
/// * the user part of URLs: `https://user:X@host`, and a user that is long enough to be a token;
/// * the `Authorization` header and what follows `Bearer` and `Basic`; `curl -u user:X`;
/// * JSON web tokens, AWS access keys, the tokens of GitHub, GitLab and Slack, private keys.
///
/// `-pX` is left alone: it is a port or a path far more often than a password. A file's name is no secret. The number
/// of arguments stays the same, and masking twice changes nothing.
pub fn mask_args(args: &[String]) -> Vec<String> {
    let curl = args.first().is_some_and(|name| name.rsplit('/').next() == Some("curl"));
    let mut masked = Vec::with_capacity(args.len());
    let mut previous: Option<&str> = None;
    for (index, argument) in args.iter().enumerate() {
        let follows = match previous {
            Some(flag) if is_value_flag(flag) && !is_long_flag(argument) => MASK.to_owned(),
            Some("-u" | "--user" | "-U" | "--proxy-user") if curl && argument.contains(':') => mask_after(argument, ':'),
            _ if index == 0 => argument.clone(),
            _ => mask_argument(argument),
        };
        masked.push(follows);
        previous = (index > 0).then_some(argument.as_str());
    }
    masked
}

/// A flag whose value is the next argument.
fn is_value_flag(argument: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    argument.strip_prefix('-').is_some_and(|name| name.chars().all(plain) && is_secret_name(name))
}

fn is_long_flag(argument: &str) -> bool {
    argument.strip_prefix("--").is_some_and(|name| name.starts_with(|c: char| c.is_ascii_alphabetic()))
}

fn mask_argument(argument: &str) -> String {
    // The value of an argument that is `key=value` goes to its end, whatever is in it.
    if let Some((key, _)) = argument.split_once('=')
        && !key.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '/' | '?' | '&' | ';' | ','))
        && is_secret_name(key)
    {
        return mask_after(argument, '=');
    }
    mask_text(argument)
}

fn mask_after(argument: &str, separator: char) -> String {
    match argument.split_once(separator) {
        Some((key, value)) if !value.is_empty() => format!("{key}{separator}{MASK}"),
        _ => argument.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(args: &[&str]) -> Vec<String> {
        args.iter().map(|&argument| argument.to_owned()).collect()
    }

    fn one(argument: &str) -> String {
        mask_args(&list(&["app", argument])).remove(1)
    }

    #[test]
    fn r23_values_that_look_like_secrets_are_masked() {
        for (argument, expected) in [
            ("--password=hunter2", "--password=***"),
            ("--password=a b,c;d", "--password=***"),
            ("--db-passwd=x", "--db-passwd=***"),
            ("-Dspring.datasource.password=x", "-Dspring.datasource.password=***"),
            ("PGPASSWORD=x", "PGPASSWORD=***"),
            ("MYSQL_PWD=x", "MYSQL_PWD=***"),
            ("AWS_SECRET_ACCESS_KEY=wJalr/K7MDENG+bPx", "AWS_SECRET_ACCESS_KEY=***"),
            ("--apiKey=abc", "--apiKey=***"),
            ("--api-key=abc", "--api-key=***"),
            ("--set=db.password=x", "--set=db.password=***"),
            ("db.password=x,foo=bar", "db.password=***"),
            ("host=db password=x user=me", "host=db password=*** user=me"),
            ("Server=db;Password=x;User=me", "Server=db;Password=***;User=me"),
            ("PGPASSWORD='x y' psql -h db", "PGPASSWORD=***"),
            ("exec psql --password x -h db", "exec psql --password *** -h db"),
            ("export TOKEN=abc; run", "export TOKEN=***; run"),
            ("{\"user\":\"me\",\"password\":\"x\\\"y\",\"a\":1}", "{\"user\":\"me\",\"password\":\"***\",\"a\":1}"),
            ("X-Api-Key: abc", "X-Api-Key: ***"),
            ("Authorization: Bearer abc.def", "Authorization: ***"),
            ("curl -H 'Authorization: token abc' https://a", "curl -H 'Authorization: ***' https://a"),
            ("using bearer abcdef now", "using bearer *** now"),
            ("postgres://me:x@db/app", "postgres://me:***@db/app"),
            ("https://me:p@ss@db/app", "https://me:***@db/app"),
            ("https://ghx_0123456789abcdef0123@github.com/a", "https://***@github.com/a"),
            ("https://a/b?token=abc&x=1", "https://a/b?token=***&x=1"),
            ("--jwt-like=eyJhbGciOi.eyJzdWIi.abc_-1", "--jwt-like=***"),
            ("id AKIAIOSFODNN7EXAMPLE end", "id *** end"),
            ("ghp_0123456789abcdefghijABCDEFGHIJ012345", "***"),
            ("glpat-0123456789abcdefghij", "***"),
            ("-----BEGIN RSA PRIVATE KEY-----\nMII\n", "***"),
        ] {
            assert_eq!(one(argument), expected);
        }
    }

    #[test]
    fn r23_a_telling_scheme_is_a_scheme_the_second_time_too() {
        let once = one("password://AKIAIOSFODNN7EXAMPLE@db");
        assert_eq!((once.as_str(), one(&once).as_str()), ("password://***@db", "password://***@db"));
    }

    #[test]
    fn r23_what_is_no_secret_stays() {
        for argument in [
            "",
            "-p8080",
            "-pX",
            "--password",
            "--password=",
            "--token-file=/run/token",
            "--secret-path=/x",
            "--password_file=x",
            "--max-tokens=100",
            "--tokenizer=bert",
            "PWD=/home",
            "ssh://git@host/a",
            "http://[::1]:80/a@b",
            "https://host/a:b@c",
            "user:group",
            "O=1,L=2",
            "--",
            "eyJ",
            "AKIA",
            "basic",
            "Basic",
            "a basic",
            "key",
            "/etc/passwd",
            "/run/secrets/token",
            "cat /etc/passwd /run/secrets",
            "***",
            "passwd",
            "=x",
            ":",
            "\"",
            "'",
        ] {
            assert_eq!(one(argument), argument);
        }
    }

    #[test]
    fn r23_the_argument_after_a_telling_flag_is_masked() {
        assert_eq!(mask_args(&list(&["mysql", "--password", "x", "db"])), list(&["mysql", "--password", "***", "db"]));
        assert_eq!(mask_args(&list(&["a", "-token", "-x", "b"])), list(&["a", "-token", "***", "b"]));
        assert_eq!(mask_args(&list(&["mysql", "--password", "--user", "me"])), list(&["mysql", "--password", "--user", "me"]));
        assert_eq!(mask_args(&list(&["/usr/bin/curl", "-u", "me:x", "a"])), list(&["/usr/bin/curl", "-u", "me:***", "a"]));
        assert_eq!(mask_args(&list(&["id", "-u", "1:2"])), list(&["id", "-u", "1:2"]));
        assert_eq!(mask_args(&list(&["-password", "x"])), list(&["-password", "x"]));
        // Not a flag, neither before nor after its end is masked.
        let once = mask_args(&list(&["a", "--authorization\\AKIAIOSFODNN7EXAMPLE", "x"]));
        assert_eq!(once, list(&["a", "--authorization\\***", "x"]));
        assert_eq!(mask_args(&once), once);
        assert_eq!(mask_args(&[]), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn r23_masking_twice_changes_nothing(args in prop::collection::vec(
            "([a-z]{0,3}|--|-|password|token|Bearer|basic|authorization|://|AKIA[A-Z0-9]{16}|eyJa\\.b\\.c|[=:@;,&\"'\\\\ \n*/]|é){0,12}", 0..5))
        {
            let once = mask_args(&args);
            prop_assert_eq!(once.len(), args.len());
            prop_assert_eq!(mask_args(&once), once);
        }
    }
}
