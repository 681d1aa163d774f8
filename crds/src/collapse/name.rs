//! Names that are made up at run time.

/// Whether a name in this directory looks as if it was made up at run time, so that it will be another one next time.
///
/// The whole name counts, never a part of it. It looks generated if it is
/// * a number below `/proc` or `/dev/pts` (pids, threads, file descriptors), or an address range in `map_files`;
/// * a number of four digits or more, also as the number of a database file: `16384_fsm`, `16384.1`;
/// * hexadecimal of twelve digits or more with both digits and letters (container ids, build ids, write-ahead logs);
///
/// or if it contains
/// * a uuid, with `-` or `_`;
/// * 32 hexadecimal digits or more (hashes), also beside other words;
/// * a date `YYYY-MM-DD` or `YYYY_MM_DD`.
///
/// A shared library (`.so`) never does, whatever its version: `libc.so.6`, `libabsl_base.so.20220623`. Nor does a
/// version such as `python3.11` or `12`, or a number with a name around it such as `foo-1234.log`: where those vary,
/// the number of names in the directory shows it.
pub fn generated(directory: &str, name: &str) -> bool {
    if name.ends_with(".so") || name.contains(".so.") {
        return false;
    }
    let number = !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit());
    if below(directory, "/proc") {
        return number || (directory.ends_with("/map_files") && address_range(name)) || known_id(name);
    }
    (number && (name.len() >= 4 || below(directory, "/dev/pts"))) || database_file(name) || short_hash(name) || known_id(name)
}

fn below(directory: &str, top: &str) -> bool {
    directory.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn address_range(name: &str) -> bool {
    let hex = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_hexdigit());
    name.split_once('-').is_some_and(|(from, to)| hex(from) && hex(to))
}

/// PostgreSQL: a relation's number with the name of a fork, or with the number of a segment.
fn database_file(name: &str) -> bool {
    let digits = name.bytes().take_while(u8::is_ascii_digit).count();
    match name.get(digits..) {
        Some("_fsm" | "_vm" | "_init") => digits >= 4,
        Some(rest) => digits >= 5 && rest.strip_prefix('.').is_some_and(|s| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit())),
        None => false,
    }
}

fn short_hash(name: &str) -> bool {
    name.len() >= 12
        && name.bytes().all(|b| b.is_ascii_hexdigit())
        && name.bytes().any(|b| b.is_ascii_digit())
        && name.bytes().any(|b| b.is_ascii_alphabetic())
}

fn known_id(name: &str) -> bool {
    // The shortest of them has ten characters.
    name.len() >= 10 && (long_hash(name) || contains(name, UUID) || contains(name, DATE))
}

fn long_hash(name: &str) -> bool {
    name.split(|c: char| !c.is_ascii_hexdigit()).any(|run| run.len() >= 32)
}

/// `h` a hexadecimal digit, `d` a decimal one, `-` a dash or an underscore.
const UUID: &str = "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh";
const DATE: &str = "dddd-dd-dd";

/// Whether the shape stands in the name and does not go on at either end.
fn contains(name: &str, shape: &str) -> bool {
    let fits = |byte: u8, class: u8| match class {
        b'h' => byte.is_ascii_hexdigit(),
        b'd' => byte.is_ascii_digit(),
        _ => byte == b'-' || byte == b'_',
    };
    let (name, shape) = (name.as_bytes(), shape.as_bytes());
    name.windows(shape.len()).enumerate().any(|(start, window)| {
        let end = start + shape.len();
        window.iter().zip(shape).all(|(&byte, &class)| fits(byte, class))
            && !start.checked_sub(1).and_then(|i| name.get(i)).is_some_and(u8::is_ascii_digit)
            && !name.get(end).is_some_and(u8::is_ascii_digit)
            && (shape.len() != DATE.len() || plausible_date(window))
    })
}

fn plausible_date(date: &[u8]) -> bool {
    let two = |at: usize| date.get(at..at + 2).map_or(0, |d| (d[0] - b'0') * 10 + (d[1] - b'0'));
    matches!(two(0), 19 | 20) && (1..=12).contains(&two(5)) && (1..=31).contains(&two(8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_up_at_run_time_looks_generated() {
        for (directory, name) in [
            ("/proc", "1"),
            ("/proc/⋯/task", "77"),
            ("/proc/⋯/fd", "3"),
            ("/proc/⋯/map_files", "7f00-7fff"),
            ("/dev/pts", "0"),
            ("/var/lib/postgresql/15/main/base", "16384"),
            ("/var/lib/postgresql/15/main/base/⋯", "1259"),
            ("/var/lib/postgresql/15/main/base/⋯", "1259_vm"),
            ("/var/lib/postgresql/15/main/base/⋯", "16384.1"),
            ("/var/lib/postgresql/15/main/pg_wal", "00000001000000000000000A"),
            ("/var/lib/postgresql/15/main/pg_xact", "0000"),
            ("/var/lib/nginx/body", "0000000001"),
            ("/run/user", "1000"),
            ("/var/lib/docker/overlay2", "4c01db0b339c"),
            ("/sys/fs/cgroup", "cri-containerd-9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.scope"),
            ("/sys/fs/cgroup", "kubepods-pod8c1b2c0e_0a1b_4c2d_9e3f_001122334455.slice"),
            ("/data", "8c1b2c0e-0a1b-4c2d-9e3f-001122334455"),
            ("/var/log", "access-2024-01-31.log"),
            ("/run/secrets/kubernetes.io/serviceaccount", "..2024_01_31_12_00_00.123456789"),
            ("/usr/lib/debug/.build-id/ab", "0123456789abcdef0123456789abcdef012345.debug"),
        ] {
            assert!(generated(directory, name), "{directory}/{name}");
        }
    }

    #[test]
    fn versions_words_and_names_with_a_number_do_not() {
        for (directory, name) in [
            ("/usr/lib/x86_64-linux-gnu", "libc.so.6"),
            ("/usr/lib/x86_64-linux-gnu", "libabsl_base.so.20220623"),
            ("/usr/lib/x86_64-linux-gnu", "libx-2024-01-31.so"),
            ("/usr/lib", "python3.11"),
            ("/usr/lib/gcc/x86_64-linux-gnu", "12"),
            ("/usr/lib/postgresql", "15"),
            ("/lib/modules", "6.1.0-13-amd64"),
            ("/usr/share", "2024-13-01"),
            ("/usr/share", "2024.1"),
            ("/usr/share", "12024-01-31"),
            ("/var/log", "foo-1234.log"),
            ("/proc", "meminfo"),
            ("/proc", "self"),
            ("/proc/sys/net/ipv4", "tcp_rmem"),
            ("/var/lib/postgresql/15/main/base/⋯", "PG_VERSION"),
            ("/", "deadbeef"),
            ("/", "defacedfacade"),
            ("/", ""),
            ("/process", "1"),
        ] {
            assert!(!generated(directory, name), "{directory}/{name}");
        }
    }

    #[test]
    fn names_of_any_length_and_script_are_looked_at_without_harm() {
        for name in ["é", "1é34", "12345é", "⋯", "ééééé-éé-éé", "2024-01-3é"] {
            assert!(!generated("/", name), "{name}");
        }
    }
}
