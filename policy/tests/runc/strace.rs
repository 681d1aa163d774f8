//! What strace saw, read back.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// One call, put together where another thread's came between.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Call {
    thread: u32,
    name: String,
    rest: String,
}

/// Calls that were entered, in the order of their ends. `strace -f -o FILE` wrote the text.
fn calls(text: &str) -> Vec<Call> {
    let mut open = HashMap::<u32, Call>::new();
    let mut calls = Vec::new();
    for line in text.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let (Ok(thread), rest) = (thread.parse(), rest.trim_start()) else { continue };
        if let Some((_, end)) = rest.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
            if let Some(call) = open.remove(&thread) {
                calls.push(Call { rest: call.rest + end, ..call });
            }
            continue;
        }
        let Some((name, rest)) = rest.split_once('(') else { continue };
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            continue;
        }
        let call = Call { thread, name: name.to_owned(), rest: rest.to_owned() };
        match rest.strip_suffix(" <unfinished ...>") {
            Some(rest) => {
                open.insert(thread, Call { rest: rest.to_owned(), ..call });
            }
            None => calls.push(call),
        }
    }
    // A thread that ends in a call never comes back from it.
    calls.extend(open.into_values());
    calls
}

/// Names of all calls.
pub(crate) fn names(text: &str) -> BTreeSet<String> {
    calls(text).into_iter().map(|call| call.name).collect()
}

/// Names of the calls that a process made between loading a filter and becoming another program. `strace -f --decode-pids=pidns` wrote the text.
pub(crate) fn under_filter(text: &str) -> BTreeSet<String> {
    let mut process = BTreeMap::<u32, u32>::new();
    let mut filtered = HashSet::<u32>::new();
    let mut names = BTreeSet::new();
    for Call { thread, name, rest } in calls(text) {
        let own = *process.entry(thread).or_insert(thread);
        if filtered.contains(&own) {
            names.insert(name.clone());
        }
        match name.as_str() {
            "clone" | "clone3" if rest.contains("CLONE_THREAD") => {
                if let Some(child) = result(&rest) {
                    process.insert(child, own);
                }
            }
            // Without a filter it only asks what the kernel can do.
            "seccomp" if rest.starts_with("SECCOMP_SET_MODE_FILTER") && rest.ends_with("= 0") => {
                filtered.insert(own);
            }
            "prctl" if rest.starts_with("PR_SET_SECCOMP") && rest.ends_with("= 0") => {
                filtered.insert(own);
            }
            "execve" | "execveat" if rest.ends_with("= 0") => {
                filtered.remove(&own);
            }
            _ => {}
        }
    }
    names
}

/// The number a call returned, as strace's own namespace has it.
fn result(rest: &str) -> Option<u32> {
    let (_, result) = rest.rsplit_once(" = ")?;
    let number = match result.split_once(" /* ") {
        Some((_, translated)) => translated.split_whitespace().next()?,
        None => result,
    };
    number.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
7 execve(\"/runc\", [\"runc\"], 0x1 /* 3 vars */) = 0
7 clone(child_stack=0x1, flags=CLONE_VM|CLONE_THREAD <unfinished ...>
8 futex(0x1, FUTEX_WAIT, 0 <unfinished ...>
7 <... clone resumed>) = 2 /* 8 in strace's PID NS */
7 seccomp(SECCOMP_SET_MODE_FILTER, 0, NULL) = -1 EFAULT (Bad address)
7 getuid() = 0
7 seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, {len=9, filter=0x1}) = 0
8 <... futex resumed>) = 0
8 close(4) = 0
9 read(0, \"\", 1) = 0
7 execve(\"/ends\", [\"/ends\"], 0x1 /* 0 vars */) = 0
7 exit_group(42) = ?
7 +++ exited with 42 +++
";

    #[test]
    fn only_calls_of_the_filtered_process_before_its_program_count() {
        let names: Vec<String> = under_filter(TEXT).into_iter().collect();
        assert_eq!(names, ["close", "execve", "futex"]);
    }

    #[test]
    fn every_call_has_its_name() {
        let names: Vec<String> = names(TEXT).into_iter().collect();
        assert_eq!(names, ["clone", "close", "execve", "exit_group", "futex", "getuid", "read", "seccomp"]);
    }
}
