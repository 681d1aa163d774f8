//! From flags to a plan that can be carried out.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use k8s_openapi::jiff::SignedDuration;

use super::{AgentFlags, ControllerFlags, Lasting, RecordFlags, UninstallFlags};
use crate::{
    agent, controller,
    record::{Plan, Subject},
    uninstall,
};

/// Longest name of a container, and so of a workload that is one container.
const NAME: usize = 63;

/// A flag that cannot be carried out.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    #[error("nothing to record: give a command after `--`, or --pid or --cgroup")]
    NoSubject,
    #[error("--stopped needs a command after `--`")]
    Stopped,
    #[error("--pid {0} is not a running process")]
    Pid(u32),
    #[error("{flag} {value} is not a time such as 30s, 5m or 1h")]
    Duration { flag: &'static str, value: String },
    #[error("{flag} {value} is not a power of two between 64Ki and 1024Mi")]
    Size { flag: &'static str, value: String },
    #[error("{flag} {value} is not a name that Kubernetes takes: at most 63 of a-z, 0-9 and -, with a letter or digit at both ends")]
    Name { flag: &'static str, value: String },
}

pub(super) fn check(flags: RecordFlags) -> Result<Plan, Error> {
    let RecordFlags { name, namespace, output, facts, quiet, stopped, no_mask, avoid, pid, cgroup, duration, command } = flags;
    let duration = duration.map(|text| parse_duration("--duration", &text)).transpose()?;
    let (subject, origin) = match (command.first(), pid, cgroup) {
        (Some(program), None, None) => {
            let origin = PathBuf::from(program);
            (Subject::Command { argv: command, stopped }, origin)
        }
        (None, _, _) if stopped => return Err(Error::Stopped),
        (None, Some(pid), None) => {
            let program = fs::read_to_string(format!("/proc/{pid}/comm")).map_err(|_| Error::Pid(pid))?;
            (Subject::Process { pid, duration }, PathBuf::from(program.trim_end()))
        }
        (None, None, Some(path)) => (Subject::Cgroup { path: path.clone(), duration }, path),
        _ => return Err(Error::NoSubject),
    };
    let name = match name {
        Some(name) => valid("--name", name)?,
        None => clean(&origin),
    };
    Ok(Plan { name, namespace: valid("--namespace", namespace)?, output, facts, quiet, mask: !no_mask, avoid, subject })
}

pub(super) fn agent(flags: AgentFlags) -> Result<agent::Plan, Error> {
    let AgentFlags { node, kubeconfig, lasting, no_pins, below, listen, idle, slots, buffer, rate, no_mask, avoid, seccomp, seccomp_stay } =
        flags;
    let Lasting { state, pins } = lasting;
    let idle = parse_duration("--idle", &idle)?;
    let seccomp_stay = parse_duration("--seccomp-stay", &seccomp_stay)?;
    let buffer = parse_size("--buffer", &buffer)?;
    let (mask, pins) = (!no_mask, (!no_pins).then_some(pins));
    Ok(agent::Plan { node, kubeconfig, slots, buffer, rate, mask, avoid, state, pins, below, listen, idle, seccomp, seccomp_stay })
}

pub(super) fn controller(flags: ControllerFlags) -> Result<controller::Plan, Error> {
    let ControllerFlags { kubeconfig, learning_period, namespace, identity, lease, listen } = flags;
    let flag = "--learning-period";
    let wrong = || Error::Duration { flag, value: learning_period.clone() };
    let period = SignedDuration::try_from(parse_duration(flag, &learning_period)?).map_err(|_| wrong())?;
    let identity = identity.unwrap_or_else(|| {
        let host = nix::unistd::gethostname().unwrap_or_default();
        format!("{}-{}", host.to_string_lossy(), std::process::id())
    });
    let shortest = Duration::from_secs(2);
    let length = parse_duration("--lease", &lease)?;
    if length < shortest {
        return Err(Error::Duration { flag: "--lease", value: format!("{lease} (less than 2s)") });
    }
    Ok(controller::Plan { kubeconfig, period, namespace: valid("--namespace", namespace)?, identity, lease: length, listen })
}

pub(super) fn uninstall(flags: UninstallFlags) -> Result<uninstall::Plan, Error> {
    let UninstallFlags { kubeconfig, namespace, patience } = flags;
    let patience = parse_duration("--patience", &patience)?;
    Ok(uninstall::Plan { kubeconfig, namespace: valid("--namespace", namespace)?, patience })
}

fn parse_duration(flag: &'static str, text: &str) -> Result<Duration, Error> {
    let wrong = || Error::Duration { flag, value: text.to_owned() };
    let parsed: SignedDuration = text.parse().map_err(|_| wrong())?;
    let parsed = Duration::try_from(parsed).map_err(|_| wrong())?;
    if parsed.is_zero() { Err(wrong()) } else { Ok(parsed) }
}

/// A number with Ki or Mi behind it. A buffer must hold the longest record, and be a power of two.
fn parse_size(flag: &'static str, text: &str) -> Result<u32, Error> {
    let units = [("Ki", 1 << 10), ("Mi", 1 << 20)];
    let parsed = units.into_iter().find_map(|(unit, factor)| text.strip_suffix(unit)?.parse::<u32>().ok()?.checked_mul(factor));
    parsed
        .filter(|size| size.is_power_of_two() && (64 << 10..=1 << 30).contains(size))
        .ok_or_else(|| Error::Size { flag, value: text.to_owned() })
}

fn valid(flag: &'static str, value: String) -> Result<String, Error> {
    let inner = value.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    let ends = !value.starts_with('-') && !value.ends_with('-');
    if inner && ends && !value.is_empty() && value.len() <= NAME { Ok(value) } else { Err(Error::Name { flag, value }) }
}

/// A file name as Kubernetes takes it: what it does not take becomes a dash.
fn clean(path: &Path) -> String {
    let name = path.file_name().unwrap_or(OsStr::new("")).to_string_lossy().to_lowercase();
    let mut clean = String::new();
    for character in name.chars() {
        match character {
            'a'..='z' | '0'..='9' => clean.push(character),
            _ if clean.ends_with('-') || clean.is_empty() => {}
            _ => clean.push('-'),
        }
    }
    clean.truncate(NAME);
    let clean = clean.trim_end_matches('-');
    if clean.is_empty() { "command".to_owned() } else { clean.to_owned() }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Verb};

    fn plan(line: &str) -> Result<Plan, Error> {
        let words = std::iter::once("runtimemap-recorder").chain(line.split(' '));
        match Cli::try_parse_from(words).unwrap().verb {
            Verb::Record(flags) => check(flags),
            _ => unreachable!(),
        }
    }

    #[test]
    fn a_command_gives_the_name_unless_one_is_given() {
        let found = plan("record -- /usr/sbin/nginx -g x").unwrap();
        assert_eq!((found.name.as_str(), found.namespace.as_str(), found.mask), ("nginx", "default", true));
        assert_eq!(found.subject, Subject::Command { argv: vec!["/usr/sbin/nginx".into(), "-g".into(), "x".into()], stopped: false });
        assert_eq!(plan("record --name web --namespace shop -- nginx").unwrap().name, "web");
    }

    #[test]
    fn names_of_files_become_names_that_kubernetes_takes() {
        let cases = [
            ("/bin/python3.11", "python3-11"),
            ("./My_Server--x.SH", "my-server-x-sh"),
            ("...", "command"),
            ("é", "command"),
            ("-a-", "a"),
        ];
        for (path, name) in cases {
            assert_eq!(clean(Path::new(path)), name, "{path}");
        }
        let long = clean(Path::new(&format!("{}-b", "a".repeat(62))));
        assert_eq!(long, "a".repeat(62));
    }

    #[test]
    fn what_cannot_be_carried_out_is_refused_before_anything_is_touched() {
        assert_eq!(plan("record").unwrap_err(), Error::NoSubject);
        assert_eq!(plan("record --stopped --pid 1").unwrap_err(), Error::Stopped);
        assert_eq!(plan("record --pid 4194304999").unwrap_err().to_string(), "--pid 4194304999 is not a running process");
        assert_eq!(plan("record --pid 1 --duration soon").unwrap_err(), Error::Duration { flag: "--duration", value: "soon".into() });
        assert_eq!(plan("record --pid 1 --duration 0s").unwrap_err(), Error::Duration { flag: "--duration", value: "0s".into() });
        for name in ["Web", "-a", "a-", "a_b", &"a".repeat(64)] {
            assert!(matches!(plan(&format!("record --name={name} -- x")), Err(Error::Name { flag: "--name", .. })), "{name}");
        }
    }

    #[test]
    fn durations_have_units() {
        for (text, seconds) in [("30s", 30), ("5m", 300), ("1h", 3600), ("1h30m", 5400)] {
            assert_eq!(parse_duration("--x", text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert!(parse_duration("--x", "30").is_err());
        assert!(parse_duration("--x", "-30s").is_err());
    }

    #[test]
    fn sizes_have_units_and_are_powers_of_two() {
        assert_eq!((parse_size("--x", "64Ki"), parse_size("--x", "1024Mi")), (Ok(64 << 10), Ok(1 << 30)));
        for text in ["16", "Mi", "3Mi", "32Ki", "2048Mi", "99999999Mi", "-1Mi", "16M"] {
            let error = parse_size("--x", text).unwrap_err().to_string();
            assert_eq!(error, format!("--x {text} is not a power of two between 64Ki and 1024Mi"));
        }
    }

    #[test]
    fn a_command_and_a_process_exclude_each_other() {
        assert!(Cli::try_parse_from(["r", "record", "--pid", "1", "--", "x"]).is_err());
        assert!(Cli::try_parse_from(["r", "record", "--pid", "1", "--cgroup", "/x"]).is_err());
        assert!(Cli::try_parse_from(["r", "record", "--duration", "3s", "--", "x"]).is_err());
    }
}
