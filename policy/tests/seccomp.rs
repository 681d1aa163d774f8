//! The filters: what is in, what is not, and whether libseccomp knows the names.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{collections::BTreeMap, process::Command};

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use runtimemap_crds::{
    ApplicationProfile, ApplicationProfileSpec, CapabilityUse, ContainerProfile, NetworkNeighborhood, NetworkNeighborhoodSpec, OciSeccomp,
    Origin, ProfileStatus, WorkloadReference,
    condition::{SANDBOXED, condition, reason},
};
use runtimemap_policy::{
    network,
    seccomp::{
        Options, PAUSE, REFUSED, Runtime,
        base::{MEASURED, Measured},
        filter, generate,
    },
    security_context::{Known, advise},
};

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
    for (go, name) in
        [("386", "X86"), ("arm", "ARM"), ("ppc64le", "PPC64LE"), ("riscv64", "RISCV64"), ("s390x", "S390X"), ("x32", "X32"), ("x86", "X86")]
    {
        assert_eq!(filter(&container(&[]), &[go.to_owned()], &Options::default()).architectures, [format!("SCMP_ARCH_{name}")]);
    }
    assert!(filter(&container(&[]), &["mips".to_owned()], &Options::default()).architectures.is_empty());
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

fn with(mut container: ContainerProfile, capability: &str) -> ContainerProfile {
    container.capabilities = vec![CapabilityUse { name: capability.to_owned(), granted: true, ..CapabilityUse::default() }];
    container
}

fn generated(container: ContainerProfile, options: &Options) -> (OciSeccomp, Vec<String>) {
    let spec = ApplicationProfileSpec { architectures: amd64(), containers: vec![container], ..ApplicationProfileSpec::default() };
    let object = generate(&ApplicationProfile::new("x", spec), options);
    (object.spec.containers["web"].clone(), object.status.unwrap().notes)
}

#[test]
fn s10_a_learned_filter_is_never_wider_than_the_default_profile() {
    let (unused, _) = generated(container(&[]), &Options::default());
    let refused = unused.syscalls.iter().find(|entry| entry.action == "SCMP_ACT_ERRNO").unwrap();
    assert!(refused.names.iter().any(|name| name == "mount") && refused.errno_ret == Some(1));
    // It was used, and its capability was not.
    let (closed, notes) = generated(container(&["mount", "keyctl", "clone3"]), &Options::default());
    assert!(!allows(&closed, "mount") && !allows(&closed, "keyctl") && !allows(&closed, "clone3"));
    assert!(notes.iter().any(|note| note.starts_with("web: clone3, keyctl and mount are not allowed although")), "{notes:?}");
    let (open, notes) = generated(with(container(&["mount", "keyctl"]), "SYS_ADMIN"), &Options::default());
    assert!(allows(&open, "mount") && !allows(&open, "keyctl"));
    assert!(notes.iter().any(|note| note.starts_with("web: mount is allowed since it was used")), "{notes:?}");
    let denied = CapabilityUse { name: "SYS_ADMIN".to_owned(), granted: false, ..CapabilityUse::default() };
    let (denied, _) = generated(ContainerProfile { capabilities: vec![denied], ..container(&["mount"]) }, &Options::default());
    assert!(!allows(&denied, "mount"));
    let by_name = Options { beyond: ["keyctl".to_owned()].into(), ..Options::default() };
    let (asked, _) = generated(container(&["mount", "keyctl"]), &by_name);
    assert!(allows(&asked, "keyctl") && !allows(&asked, "mount"));
}

#[test]
fn s10_conditions_on_arguments_are_kept() {
    let calls = ["clone", "personality", "socket"];
    let (filter, _) = generated(container(&calls), &Options::default());
    for call in calls {
        let entries: Vec<_> = filter.syscalls.iter().filter(|entry| entry.names.iter().any(|name| name == call)).collect();
        assert!(!entries.is_empty() && entries.iter().all(|entry| entry.args.len() == 1 && entry.action == "SCMP_ACT_ALLOW"), "{call}");
    }
    let (privileged, _) = generated(with(container(&calls), "SYS_ADMIN"), &Options::default());
    assert!(privileged.syscalls.iter().any(|entry| entry.args.is_empty() && entry.names.iter().any(|name| name == "clone")));
    let by_name = Options { beyond: ["socket".to_owned()].into(), ..Options::default() };
    let (asked, _) = generated(container(&calls), &by_name);
    assert!(asked.syscalls.iter().any(|entry| entry.args.is_empty() && entry.names.iter().any(|name| name == "socket")));
}

#[test]
fn s2_a_filter_for_the_pod_is_for_all_containers_and_the_pause_container() {
    let mut other = container(&["getcpu"]);
    other.name = "other".to_owned();
    other.syscall_origins = BTreeMap::from([(Origin::Exec, vec!["ptrace".to_owned()])]);
    let spec = ApplicationProfileSpec {
        architectures: amd64(),
        containers: vec![container(&["sendfile"])],
        init_containers: vec![other],
        ..ApplicationProfileSpec::default()
    };
    let profile = ApplicationProfile::new("x", spec);
    assert_eq!(generate(&profile, &Options::default()).spec.pod, None);
    let pod = generate(&profile, &Options { pod: true, entered: false, ..Options::default() }).spec.pod.unwrap();
    for call in PAUSE.iter().chain(&["getcpu", "sendfile"]) {
        assert!(allows(&pod, call), "{call}");
    }
    assert!(!allows(&pod, "ptrace"));
    assert!(allows(&generate(&profile, &Options { pod: true, ..Options::default() }).spec.pod.unwrap(), "ptrace"));
}

#[test]
fn s8_the_audit_variant_refuses_nothing() {
    let audit = filter(&container(&["read"]), &amd64(), &Options { audit: true, ..Options::default() });
    assert_eq!((audit.default_action.as_str(), audit.default_errno_ret), ("SCMP_ACT_LOG", None));
    assert!(audit.syscalls.iter().all(|entry| entry.action == "SCMP_ACT_ALLOW"));
}

#[test]
fn s7_libseccomp_knows_every_name() {
    if std::env::var("RUNTIMEMAP_TEST_WITHOUT").is_ok_and(|parts| parts.split([' ', ',']).any(|part| part == "libseccomp")) {
        println!("switched off by name: libseccomp");
        return;
    }
    let filter = filter(&container(PAUSE), &amd64(), &Options::default());
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

#[test]
fn s9_what_was_made_of_a_sandbox_is_said_to_be_of_no_use() {
    let notes = |sandboxed: bool| {
        let told = condition(SANDBOXED, sandboxed, reason::RUNTIME_CLASS, "web-1 has gvisor", Time(Timestamp::UNIX_EPOCH));
        let status = Some(ProfileStatus { conditions: vec![told], ..ProfileStatus::default() });
        let spec = ApplicationProfileSpec { containers: vec![container(&["read"])], ..ApplicationProfileSpec::default() };
        let mut profile = ApplicationProfile::new("deployment-web", spec);
        profile.status.clone_from(&status);
        let mut neighborhood = NetworkNeighborhood::new("deployment-web", NetworkNeighborhoodSpec::default());
        neighborhood.status = status;
        let policy = network::generate(&neighborhood, &network::Options::default()).status.notes;
        [generate(&profile, &Options::default()).status.unwrap().notes, policy, advise(&profile, &Known::default()).notes]
    };
    let said = |notes: &[String]| notes.iter().any(|note| note.contains("web-1 has gvisor") && note.contains("of no use"));
    assert!(notes(true).iter().all(|notes| said(notes)));
    assert!(!notes(false).iter().any(|notes| said(notes)));
}

/// A profile that gives a reviewer much to know.
fn remarkable() -> ApplicationProfile {
    let mut web = container(&["read", "syscall_600", "syscall_name", "mount", "acct"]);
    web.syscalls_denied = vec!["bpf".to_owned(), "read".to_owned(), "close".to_owned(), "socket".to_owned(), "reboot".to_owned()];
    let web = with(web, "SYS_PACCT");
    let named = |name: &str, calls: &[&str]| ContainerProfile { name: name.to_owned(), ..container(calls) };
    let idle = ContainerProfile { syscall_origins: [(Origin::Runtime, vec!["execve".to_owned()])].into(), ..named("idle", &[]) };
    let entered = ContainerProfile { syscall_origins: [(Origin::Exec, vec!["getcpu".to_owned()])].into(), ..named("entered", &[]) };
    // Refused to it, and made all the same later on.
    let socketed = ContainerProfile { syscalls_denied: vec!["socket".to_owned()], ..named("socketed", &["socket"]) };
    let workload = WorkloadReference { kind: "Deployment".to_owned(), name: "web".to_owned(), ..WorkloadReference::default() };
    let spec = ApplicationProfileSpec {
        workload,
        architectures: vec!["amd64".to_owned(), "mips".to_owned()],
        containers: vec![web, idle, entered, socketed],
        ephemeral_containers: vec![named("debugger", &["ptrace"]), named("silent", &[])],
        ..ApplicationProfileSpec::default()
    };
    ApplicationProfile::new("deployment-web", spec)
}

#[test]
fn a_reviewer_is_told_all_there_is_to_know_and_nothing_else() {
    insta::assert_yaml_snapshot!(generate(&remarkable(), &Options::default()).status.unwrap().notes);
    let options = Options {
        siblings: false,
        probes: false,
        entered: false,
        audit: true,
        runtime: Some(Runtime::Crun),
        pod: true,
        ..Options::default()
    };
    insta::assert_yaml_snapshot!(generate(&remarkable(), &options).status.unwrap().notes);
}

#[test]
fn the_filters_say_whose_they_are() {
    let made = generate(&remarkable(), &Options::default());
    assert_eq!((made.spec.workload.kind.as_str(), made.spec.workload.name.as_str()), ("Deployment", "web"));
    assert_eq!(made.spec.containers.keys().collect::<Vec<_>>(), ["entered", "idle", "socketed", "web"]);
}

#[test]
fn a_call_without_a_name_is_in_no_filter() {
    let made = filter(&container(&["syscall_600", "read"]), &amd64(), &Options::default());
    assert!(allows(&made, "read") && !allows(&made, "syscall_600"));
}

#[test]
fn s1_what_a_runtime_only_tries_is_allowed_unless_default_profiles_refuse_it() {
    let made = filter(&container(&[]), &amd64(), &Options::default());
    let tried: Vec<&str> =
        MEASURED.iter().flat_map(Measured::calls).filter(|calls| !calls.needed).flat_map(|calls| calls.names()).collect();
    let (refused, harmless): (Vec<&str>, Vec<&str>) = tried.into_iter().partition(|name| REFUSED.contains(name));
    for name in ["fcntl", "close_range"] {
        assert!(harmless.contains(&name));
    }
    assert_eq!(harmless.into_iter().filter(|name| !allows(&made, name)).collect::<Vec<_>>(), Vec::<&str>::new());
    assert!(!refused.is_empty() && refused.into_iter().all(|name| !allows(&made, name)));
}
