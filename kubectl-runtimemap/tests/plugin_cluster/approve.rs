//! `seccomp approve`: what is kept of it, and that an approval is of the filters that were seen.

use runtimemap_crds::SeccompProfile;

use crate::{
    server::{Outcome, Server},
    terminal::Terminal,
};

const PROFILE: &str = "\
apiVersion: runtimemap.io/v1alpha1
kind: SeccompProfile
metadata: {name: deployment-NAME, namespace: NAMESPACE}
spec:
  workload: {apiVersion: apps/v1, kind: Deployment, name: NAME}
  containers:
    main: {defaultAction: SCMP_ACT_ERRNO, defaultErrnoRet: 38, syscalls: [{names: [read, write], action: SCMP_ACT_ALLOW}]}
status: {notes: [\"planted, with an escape \\e[31m\"]}
";

fn profiles(server: &Server, namespace: &str, names: &[&str]) {
    server.kubectl(&["create", "namespace", namespace]);
    for name in names {
        server.create(&PROFILE.replace("NAMESPACE", namespace).replace("NAME", name));
    }
}

fn read(server: &Server, namespace: &str, name: &str) -> SeccompProfile {
    let text = server.kubectl(&["get", "seccompprofiles.runtimemap.io", &format!("deployment-{name}"), "-n", namespace, "-o", "json"]);
    serde_json::from_str(&text).unwrap()
}

fn is_approved(server: &Server, namespace: &str, name: &str) -> bool {
    let profile = read(server, namespace, name);
    profile.decision().is_some_and(|decision| decision.decision == runtimemap_crds::Verdict::Approved && !decision.by.is_empty())
}

#[test]
fn who_approves_sees_the_filters_first_and_what_was_approved_is_kept_with_a_name() {
    let server = Server::get();
    profiles(&server, "approving", &["api", "web"]);
    let mut terminal = Terminal::run(&server, "seccomp approve -n approving", &[]);
    terminal.wait_for("approving/Deployment/api [1/2]").wait_for("main: 2 calls allowed, else SCMP_ACT_ERRNO").wait_for("note: planted");
    terminal.wait_for("[y,n,p,q,?] ").answer("?").wait_for("y - approve").wait_for("[y,n,p,q,?] ").answer("p").wait_for("\"read\"");
    terminal.wait_for("[y,n,p,q,?] ").answer("y");
    terminal.wait_for("approving/Deployment/web [2/2]").wait_for("[y,n,p,q,?] ").answer("n");
    let (shown, code) = terminal.finish();
    assert!(code == Some(0) && shown.contains("seccompprofile.runtimemap.io/deployment-api approved"), "{shown}");
    assert!(!shown.contains("\u{1b}[31m"), "a note reached the terminal as it was: {shown:?}");
    assert_eq!(["api", "web"].map(|name| is_approved(&server, "approving", name)), [true, false]);
    // Left, nothing is changed.
    let mut terminal = Terminal::run(&server, "seccomp approve -n approving", &[]);
    terminal.wait_for("approving/Deployment/api is approved as it is").wait_for("[y,n,p,q,?] ").answer("q");
    assert!(terminal.finish().0.contains("Nothing was changed."));
    assert!(!is_approved(&server, "approving", "web"));
    let shown = server.runtimemap("show api -n approving").stdout;
    assert!(shown.contains("approved by "), "{shown}");
}

#[test]
fn an_approval_is_of_the_filters_as_they_are_and_can_be_taken_back() {
    let server = Server::get();
    profiles(&server, "anew", &["web"]);
    let approved = server.runtimemap("seccomp approve deployment/web -n anew --yes");
    assert_eq!(approved.stdout, "seccompprofile.runtimemap.io/deployment-web approved\n", "{}", approved.stderr);
    assert!(is_approved(&server, "anew", "web"));
    let change = r#"[{"op": "add", "path": "/spec/containers/main/syscalls/0/names/-", "value": "mount"}]"#;
    server.kubectl(&["patch", "seccompprofiles.runtimemap.io", "deployment-web", "-n", "anew", "--type=json", "-p", change]);
    assert!(!is_approved(&server, "anew", "web"), "others than those that were approved");
    let dry = server.runtimemap("seccomp approve web -n anew --yes --dry-run");
    assert_eq!(dry.stdout, "seccompprofile.runtimemap.io/deployment-web approved (dry run)\n", "{}", dry.stderr);
    assert!(!is_approved(&server, "anew", "web"));
    server.runtimemap("seccomp approve web -n anew --yes");
    assert!(is_approved(&server, "anew", "web"));
    let taken = server.runtimemap("seccomp approve web -n anew --withdraw");
    assert_eq!(taken.stdout, "seccompprofile.runtimemap.io/deployment-web no longer approved\n", "{}", taken.stderr);
    assert!(!is_approved(&server, "anew", "web"));
    let again = server.runtimemap("seccomp approve web -n anew --withdraw");
    assert!(again.stdout.is_empty() && again.stderr.contains("anew/Deployment/web is not approved"), "{}", again.stderr);
}

#[test]
fn t4_an_approval_without_a_terminal_has_to_be_asked_for_by_a_flag() {
    let server = Server::get();
    profiles(&server, "nobody", &["web"]);
    let Outcome { stdout, stderr, code } = server.runtimemap("seccomp approve web -n nobody");
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.starts_with("error: a review needs a terminal") && stderr.contains("--yes") && stderr.lines().count() == 1, "{stderr}");
    assert!(!is_approved(&server, "nobody", "web"));
}

#[test]
fn what_still_learns_is_not_approved_unless_asked_for() {
    let server = Server::get();
    profiles(&server, "early", &["web"]);
    server.create(
        "apiVersion: runtimemap.io/v1alpha1\nkind: ApplicationProfile\nmetadata: {name: deployment-web, namespace: early}\n\
         spec: {workload: {apiVersion: apps/v1, kind: Deployment, name: web}}\nstatus: {phase: Learning}\n",
    );
    let refused = server.runtimemap("seccomp approve web -n early --yes");
    assert!(refused.code == Some(1) && refused.stderr.contains("--allow-incomplete"), "{}", refused.stderr);
    assert!(!is_approved(&server, "early", "web"));
    assert_eq!(server.runtimemap("seccomp approve web -n early --yes --allow-incomplete").code, Some(0));
    assert!(is_approved(&server, "early", "web"));
}
