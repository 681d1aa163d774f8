//! The filters: what is in, what is not, and whether libseccomp knows the names.

use std::{collections::BTreeMap, process::Command};

use runtimemap_crds::{ApplicationProfile, ApplicationProfileSpec, ContainerProfile, OciSeccomp, Origin};
use runtimemap_policy::seccomp::{Options, filter, generate};

fn container(calls: &[&str]) -> ContainerProfile {
    ContainerProfile {
        name: "web".to_owned(),
        syscalls: calls.iter().map(|call| (*call).to_owned()).collect(),
        ..ContainerProfile::default()
    }
}

fn amd64() -> Vec<String> {
    vec!["amd64".to_owned()]
}

fn allows(filter: &OciSeccomp, call: &str) -> bool {
    filter.syscalls.iter().any(|entry| entry.action == "SCMP_ACT_ALLOW" && entry.names.iter().any(|name| name == call))
}

#[test]
fn s1_s5_the_runtimes_own_calls_and_the_endings_are_always_in() {
    let filter = filter(&container(&[]), &amd64(), &Options::default());
    for call in ["execve", "fchown", "fstatfs", "capset", "setuid", "statx", "openat2", "exit_group", "rt_sigreturn"] {
        assert!(allows(&filter, call), "{call}");
    }
}

#[test]
fn s3_what_is_not_listed_does_not_exist() {
    let filter = filter(&container(&["read"]), &amd64(), &Options::default());
    assert_eq!((filter.default_action.as_str(), filter.default_errno_ret), ("SCMP_ACT_ERRNO", Some(38)));
    assert!(!allows(&filter, "clone3") && !allows(&filter, "socket"));
}

#[test]
fn s4_architectures_are_named_as_libseccomp_does() {
    let both = filter(&container(&[]), &["amd64".to_owned(), "arm64".to_owned()], &Options::default());
    assert_eq!(both.architectures, ["SCMP_ARCH_AARCH64", "SCMP_ARCH_X86_64"]);
    let mut compat = container(&[]);
    compat.syscall_architectures = BTreeMap::from([("x86".to_owned(), vec!["socketcall".to_owned()])]);
    let compat = filter(&compat, &amd64(), &Options::default());
    assert_eq!(compat.architectures, ["SCMP_ARCH_X86", "SCMP_ARCH_X86_64"]);
    assert!(allows(&compat, "socketcall"));
}

#[test]
fn s6_origins_can_be_left_out() {
    let mut profile = container(&["read"]);
    let calls = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    profile.syscall_origins = BTreeMap::from([(Origin::Exec, calls(&["ptrace"])), (Origin::Runtime, calls(&["pivot_root", "ptrace"]))]);
    let all = filter(&profile, &amd64(), &Options::default());
    // A call that a command from outside made stays in, though the runtime made it as well.
    assert!(allows(&all, "ptrace") && !allows(&all, "pivot_root"));
    assert!(!allows(&filter(&profile, &amd64(), &Options { entered: false, ..Options::default() }), "ptrace"));
}

#[test]
fn siblings_are_a_class_that_can_be_switched_off() {
    let profile = container(&["clone3", "newfstatat"]);
    assert!(allows(&filter(&profile, &amd64(), &Options::default()), "clone"));
    assert!(!allows(&filter(&profile, &amd64(), &Options { siblings: false, ..Options::default() }), "clone"));
}

#[test]
fn a_call_that_default_profiles_refuse_is_answered_eperm_unless_it_was_used() {
    let unused = filter(&container(&[]), &amd64(), &Options::default());
    let refused = unused.syscalls.iter().find(|entry| entry.action == "SCMP_ACT_ERRNO").unwrap();
    assert!(refused.names.iter().any(|name| name == "mount") && refused.errno_ret == Some(1));
    let mut object = ApplicationProfile::new(
        "x",
        ApplicationProfileSpec { containers: vec![container(&["mount"])], ..ApplicationProfileSpec::default() },
    );
    object.spec.architectures = amd64();
    let generated = generate(&object, &Options::default());
    assert!(allows(&generated.spec.containers["web"], "mount"));
    assert!(generated.status.unwrap().notes.iter().any(|note| note.contains("mount is allowed since it was used")));
}

#[test]
fn s8_the_audit_variant_refuses_nothing() {
    let audit = filter(&container(&["read"]), &amd64(), &Options { audit: true, ..Options::default() });
    assert_eq!((audit.default_action.as_str(), audit.default_errno_ret, audit.syscalls.len()), ("SCMP_ACT_LOG", None, 1));
}

#[test]
fn s7_libseccomp_knows_every_name() {
    if std::env::var("RUNTIMEMAP_TEST_WITHOUT").is_ok_and(|parts| parts.split([' ', ',']).any(|part| part == "libseccomp")) {
        println!("switched off by name: libseccomp");
        return;
    }
    let filter = filter(&container(&[]), &amd64(), &Options::default());
    let names: Vec<&String> = filter.syscalls.iter().flat_map(|entry| &entry.names).collect();
    for name in names {
        // Names of one architecture only resolve on the others to negative numbers; unknown ones to -1.
        let known = ["x86_64", "x86", "aarch64"].iter().any(|architecture| {
            let output = Command::new("scmp_sys_resolver").args(["-a", architecture, name]).output();
            let output =
                output.expect("scmp_sys_resolver (Debian package seccomp) is needed; RUNTIMEMAP_TEST_WITHOUT=libseccomp leaves this out");
            String::from_utf8_lossy(&output.stdout).trim() != "-1"
        });
        assert!(known, "libseccomp does not know {name}");
    }
}
