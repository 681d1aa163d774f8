//! Filters of each architecture, name by name against its table of system calls.

use std::collections::{BTreeMap, BTreeSet};

use runtimemap_crds::{ContainerProfile, OciSeccomp};
use runtimemap_policy::seccomp::{FAMILIES, ONLY_AMD64, Options, PAUSE, REFUSED, base, base::MEASURED, filter};
use syscalls::{aarch64, arm, x86, x86_64};

/// Names of an architecture, as the kernel and libseccomp have them: the table calls one otherwise.
fn table(architecture: &str) -> BTreeSet<&'static str> {
    match architecture {
        "amd64" => x86_64::Sysno::iter().map(|call| call.name()).collect(),
        "x86" => x86::Sysno::iter().map(|call| call.name()).collect(),
        "arm64" => aarch64::Sysno::iter().map(|call| if call.name() == "fstatat" { "newfstatat" } else { call.name() }).collect(),
        _ => arm::Sysno::iter().map(|call| call.name()).collect(),
    }
}

/// A container whose program makes every call that our own lists have.
fn busy() -> ContainerProfile {
    let calls = FAMILIES.iter().copied().flatten().chain(PAUSE).chain(["alarm", "getpgrp", "personality", "socket"].iter());
    ContainerProfile { name: "web".into(), syscalls: calls.map(|call| (*call).to_owned()).collect(), ..ContainerProfile::default() }
}

fn made(container: &ContainerProfile, architectures: &[&str]) -> OciSeccomp {
    let architectures: Vec<String> = architectures.iter().map(|&architecture| architecture.to_owned()).collect();
    filter(container, &architectures, &Options::default())
}

fn names(filter: &OciSeccomp, action: &str) -> BTreeSet<String> {
    filter.syscalls.iter().filter(|entry| entry.action == action).flat_map(|entry| entry.names.clone()).collect()
}

fn allowed(filter: &OciSeccomp) -> BTreeSet<String> {
    names(filter, "SCMP_ACT_ALLOW")
}

#[test]
fn the_list_of_what_arm64_lacks_is_the_difference_of_the_tables() {
    let (amd64, arm64) = (table("amd64"), table("arm64"));
    let listed: Vec<&str> = ONLY_AMD64.iter().map(|(name, _)| *name).collect();
    assert_eq!(listed, amd64.difference(&arm64).copied().collect::<Vec<_>>());
    for (name, same) in ONLY_AMD64 {
        assert!(same.is_none_or(|same| arm64.contains(same) && amd64.contains(same) && !REFUSED.contains(&same)), "{name}");
    }
    // Whatever one C library does in place of another's call, it can do on arm64.
    let of: BTreeMap<&str, Option<&str>> = ONLY_AMD64.iter().copied().collect();
    for name in FAMILIES.iter().copied().flatten().chain(PAUSE).filter(|name| **name != "arch_prctl") {
        assert!(of.get(name).is_none_or(Option::is_some), "{name}");
    }
}

#[test]
fn s4_each_name_is_one_of_the_architectures_own() {
    for (architecture, compat) in [("amd64", "x86"), ("arm64", "arm")] {
        let known: BTreeSet<&str> = table(architecture).union(&table(compat)).copied().collect();
        let filter = made(&busy(), &[architecture]);
        let all = &allowed(&filter) | &names(&filter, "SCMP_ACT_ERRNO");
        let strange: Vec<&String> = all.iter().filter(|name| !known.contains(name.as_str())).collect();
        assert_eq!(strange, Vec::<&String>::new(), "{architecture}");
    }
    // And on arm64 none of amd64's alone, whatever 32-bit processors call so.
    let filter = made(&busy(), &["arm64"]);
    let all = &allowed(&filter) | &names(&filter, "SCMP_ACT_ERRNO");
    let strange: Vec<&str> = ONLY_AMD64.iter().map(|(name, _)| *name).filter(|name| all.contains(*name)).collect();
    assert_eq!(strange, Vec::<&str>::new());
}

#[test]
fn s1_what_a_runtime_needs_it_may_do_on_arm64_by_the_calls_that_are_there() {
    let (amd64, arm64) =
        (allowed(&made(&ContainerProfile::default(), &["amd64"])), allowed(&made(&ContainerProfile::default(), &["arm64"])));
    let own = table("arm64");
    let needed = MEASURED.iter().flat_map(base::Measured::calls).filter(|calls| calls.needed).flat_map(|calls| calls.names());
    for name in needed.chain(base::CHANCE.iter().copied()).chain(base::OLDER_KERNELS.iter().copied()) {
        assert!(amd64.contains(name), "{name}");
        let there = ONLY_AMD64.iter().find(|(only, _)| *only == name).map_or(Some(name), |(_, same)| *same).unwrap();
        assert!(own.contains(there) && arm64.contains(there), "{name}, on arm64 {there}");
    }
}

#[test]
fn what_was_seen_on_one_architecture_is_allowed_on_the_other_by_its_own_call() {
    let seen =
        |calls: &[&str]| ContainerProfile { syscalls: calls.iter().map(|&call| call.to_owned()).collect(), ..ContainerProfile::default() };
    let options = Options { siblings: false, ..Options::default() };
    let both = ["amd64", "arm64"].map(str::to_owned);
    let filter = filter(&seen(&["open", "alarm", "vfork", "dup2", "epoll_wait"]), &both, &options);
    let allowed = allowed(&filter);
    for name in ["open", "openat", "alarm", "setitimer", "vfork", "clone", "dup2", "dup3", "epoll_wait", "epoll_pwait"] {
        assert!(allowed.contains(name), "{name}");
    }
    let clone: Vec<_> = filter.syscalls.iter().filter(|entry| entry.names == ["clone"]).collect();
    assert!(!clone.is_empty() && clone.iter().all(|entry| entry.args.len() == 1), "no namespaces, there either");
    assert_eq!(filter.architectures, ["SCMP_ARCH_AARCH64", "SCMP_ARCH_X86_64"]);
}

#[test]
fn s4_arm64s_calls_of_32_bits_are_let_in_with_their_architecture_where_they_were_seen() {
    assert_eq!(made(&busy(), &["arm64"]).architectures, ["SCMP_ARCH_AARCH64"]);
    let compat = BTreeMap::from([("arm".to_owned(), vec!["open".to_owned(), "set_tls".to_owned()].into_iter().collect())]);
    let filter = made(&ContainerProfile { syscall_architectures: compat, ..busy() }, &["arm64"]);
    // As default profiles have them.
    assert_eq!(filter.architectures, ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]);
    assert!(allowed(&filter).is_superset(&["open", "openat", "set_tls"].map(str::to_owned).into()));
}

#[test]
fn s10_the_ceiling_is_the_same_on_arm64() {
    let arm64 = table("arm64");
    let mut container = busy();
    container.syscalls.extend(arm64.iter().map(|call| (*call).to_owned()));
    let filter = made(&container, &["arm64"]);
    let (allowed, refused) = (allowed(&filter), names(&filter, "SCMP_ACT_ERRNO"));
    for name in REFUSED.iter().filter(|name| arm64.contains(**name)) {
        assert!(refused.contains(*name) && !allowed.contains(*name), "{name}");
    }
    assert!(!allowed.contains("clone3"));
    for call in ["clone", "personality", "socket"] {
        let entries: Vec<_> = filter.syscalls.iter().filter(|entry| entry.names.iter().any(|name| name == call)).collect();
        assert!(!entries.is_empty() && entries.iter().all(|entry| entry.args.len() == 1), "{call}");
    }
}
