//! The keys of a review: what each does, and what they show.

use serde_json::{Value, json};

use crate::{
    server::{Outcome, Server},
    terminal::Terminal,
};

/// A workload with whatever a reviewer must not overlook.
const RISKY: &str = "\
apiVersion: runtimemap.io/v1alpha1
kind: NetworkNeighborhood
metadata: {name: deployment-risky, namespace: NAMESPACE}
spec:
  workload: {apiVersion: apps/v1, kind: Deployment, name: risky}
  podSelector: {matchLabels: {app: risky}}
  containers:
  - name: risky
    egress:
    - {identifier: a, type: external, peer: {class: World}, ipAddresses: [169.254.169.254], ports: [{name: TCP-80, protocol: TCP, port: 80}]}
    - {identifier: b, type: internal, peer: {class: KubeAPI}, ipAddresses: [192.0.2.10], ports: [{name: TCP-6443, protocol: TCP, port: 6443}]}
    - {identifier: c, type: external, peer: {class: World}, ipAddresses: [203.0.113.7, 203.0.113.8], ports: [{name: TCP-443, protocol: TCP, port: 443}]}
status: {phase: Complete}
";

fn risky(server: &Server, namespace: &str) {
    server.kubectl(&["create", "namespace", namespace]);
    server.create(&RISKY.replace("NAMESPACE", namespace));
}

fn egress(server: &Server, namespace: &str) -> Value {
    let text = server.kubectl(&["get", "networkpolicy", "runtimemap-deployment-risky", "-n", namespace, "-o", "jsonpath={.spec.egress}"]);
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_reviewer_is_told_every_risk() {
    let server = Server::get();
    risky(&server, "risks");
    let mut terminal = Terminal::run(&server, "policy apply risky -n risks", &[]);
    terminal.wait_for("! risks/Deployment/risky: isolates a pod that was free: no policy in force restricts its egress");
    terminal.wait_for("! risks/Deployment/risky: DNS is missing: egress is restricted, and no rule allows port 53");
    terminal.wait_for("[1/3]").wait_for("Allow this? ").answer("j").wait_for("[2/3]").wait_for("Allow this? ").answer("j");
    terminal.wait_for("[3/3]").wait_for("Allow this? ").answer("q");
    let (shown, code) = terminal.finish();
    assert_eq!(code, Some(0), "{shown}");
    for risk in ["! the metadata address, from which clouds give out credentials", "! the Kubernetes API server"] {
        assert_eq!(shown.matches(risk).count(), 1, "{risk}: {shown}");
    }
}

#[test]
fn a_rule_can_be_searched_split_and_left_for_later() {
    let server = Server::get();
    risky(&server, "keys");
    let mut terminal = Terminal::run(&server, "policy apply risky -n keys", &[]);
    // A search asks for its text when none is given, and goes round.
    terminal.wait_for("[1/3]").wait_for("Allow this? ").answer("/").wait_for("Search for: ").answer("203.0.113.8");
    terminal.wait_for("203.0.113.7/32, 203.0.113.8/32 on TCP 443").wait_for("Allow this? ").answer("s");
    terminal.wait_for("allow to 203.0.113.7/32 on TCP 443 (changed)").wait_for("allow to 203.0.113.8/32 on TCP 443 (changed)");
    terminal.wait_for("Allow this? ").answer("y");
    // Forward and back leave a rule undecided; done leaves the rest.
    terminal.wait_for("Allow this? ").answer("j").wait_for("Allow this? ").answer("k").wait_for("Allow this? ").answer("d");
    terminal.wait_for("1 rule allowed, 0 rejected, 2 undecided and left out").wait_for("Apply 1 policy? ").answer("?");
    terminal.wait_for("p - print the policies").wait_for("Apply 1 policy? ").answer("y");
    let (shown, code) = terminal.finish();
    assert_eq!(code, Some(0), "{shown}");
    let port = json!([{"port": 443, "protocol": "TCP"}]);
    let to = |address: &str| json!({"to": [{"ipBlock": {"cidr": address}}], "ports": port});
    assert_eq!(egress(&server, "keys"), json!([to("203.0.113.7/32"), to("203.0.113.8/32")]));
}

#[test]
fn a_rule_can_be_widened_and_narrowed() {
    let server = Server::get();
    risky(&server, "wider");
    let mut terminal = Terminal::run(&server, "policy apply risky -n wider", &[]);
    let find = |terminal: &mut Terminal| {
        terminal.wait_for("Allow this? ").answer("/203.0.113").wait_for("[");
        terminal.wait_for("Allow this? ").answer("w").wait_for("Change to (empty: leave it): ");
    };
    find(&mut terminal);
    // Neither a choice nor a block; then nothing; then the prefix, any public address, back, one alone, and a block of one's own.
    terminal.answer("203.0.113.0/33").wait_for("is neither one of these nor a block of addresses");
    terminal.wait_for("Allow this? ").answer("w").wait_for("Change to").answer("");
    terminal.wait_for("allow to 203.0.113.7/32, 203.0.113.8/32 on TCP 443");
    terminal.wait_for("Allow this? ").answer("w").wait_for("1  the /24").wait_for("Change to").answer("1");
    terminal.wait_for("allow to 203.0.113.0/24 on TCP 443 (changed)");
    terminal.wait_for("Allow this? ").answer("w").wait_for("2  any public address, no private one").wait_for("Change to").answer("2");
    terminal.wait_for("allow to 0.0.0.0/0 except 10.0.0.0/8").wait_for("! open to all addresses");
    terminal.wait_for("Allow this? ").answer("w").wait_for("1  what it was before").wait_for("Change to").answer("1");
    terminal.wait_for("allow to 203.0.113.7/32, 203.0.113.8/32 on TCP 443");
    terminal.wait_for("Allow this? ").answer("w").wait_for("4  only 203.0.113.8/32").wait_for("Change to").answer("4");
    terminal.wait_for("allow to 203.0.113.8/32 on TCP 443 (changed)");
    terminal.wait_for("Allow this? ").answer("w").wait_for("Change to").answer("203.0.113.0/28");
    terminal.wait_for("allow to 203.0.113.0/28 on TCP 443 (changed)").wait_for("Allow this? ").answer("y");
    terminal.wait_for("Allow this? ").answer("n").wait_for("Allow this? ").answer("n");
    terminal.wait_for("1 rule allowed, 2 rejected").wait_for("Apply 1 policy? ").answer("y");
    let (shown, code) = terminal.finish();
    assert_eq!(code, Some(0), "{shown}");
    let port = json!([{"port": 443, "protocol": "TCP"}]);
    assert_eq!(egress(&server, "wider"), json!([{"to": [{"ipBlock": {"cidr": "203.0.113.0/28"}}], "ports": port}]));
}

#[test]
fn a_rule_for_pods_can_be_widened_to_their_namespace() {
    let server = Server::get();
    server.shop("selector");
    let mut terminal = Terminal::run(&server, "policy apply web -n selector", &[]);
    terminal.wait_for("pods app=proxy on TCP 8080").wait_for("Allow this? ").answer("w").wait_for("1  all pods of that namespace");
    terminal.wait_for("Change to").answer("1").wait_for("allow from all pods on TCP 8080 (changed)").wait_for("! every pod of a namespace");
    terminal.wait_for("Allow this? ").answer("a").wait_for("Apply 1 policy? ").answer("y");
    let (shown, code) = terminal.finish();
    assert_eq!(code, Some(0), "{shown}");
    let from = "jsonpath={.spec.ingress[0].from}";
    let from = server.kubectl(&["get", "networkpolicy", "runtimemap-deployment-web", "-n", "selector", "-o", from]);
    assert_eq!(from, r#"[{"podSelector":{}}]"#);
}

#[test]
fn decisions_are_kept_in_the_generated_object_and_asked_again_on_request() {
    let server = Server::get();
    server.shop("object");
    // As the controller makes it, from what the plugin itself makes.
    let policy = server.runtimemap("policy export web -n object").stdout;
    let spec: Value = serde_saphyr::from_str(&policy).unwrap();
    let object = json!({
        "apiVersion": "runtimemap.io/v1alpha1", "kind": "GeneratedNetworkPolicy",
        "metadata": {"name": "deployment-web", "namespace": "object", "labels": {"team": "shop"}}, "spec": spec,
    });
    server.create(&object.to_string());
    let mut terminal = Terminal::run(&server, "policy apply -n object -l team=shop", &[]);
    terminal.wait_for("[1/3]").wait_for("Allow this? ").answer("n").wait_for("Allow this? ").answer("a");
    terminal.wait_for("Apply 1 policy? ").answer("y");
    let (shown, code) = terminal.finish();
    assert_eq!(code, Some(0), "{shown}");
    let review = "jsonpath={.review.decisions[*].decision} {.review.decisions[0].by}";
    let review = server.kubectl(&["get", "generatednetworkpolicy", "deployment-web", "-n", "object", "-o", review]);
    assert_eq!(review, "Rejected Approved Approved admin");
    // Nothing is asked now, but that it is to be applied.
    let mut terminal = Terminal::run(&server, "policy apply web -n object", &[]);
    terminal
        .wait_for("rejected by admin, still in what was learned")
        .wait_for("every rule is decided")
        .wait_for("Apply 1 policy? ")
        .answer("n");
    assert_eq!(terminal.finish().1, Some(0));
    let mut terminal = Terminal::run(&server, "policy apply web -n object --review-all", &[]);
    terminal.wait_for("[1/3]").wait_for("Allow this? ").answer("q");
    assert!(terminal.finish().0.contains("Nothing was changed."));
    // What is exported and simulated is what was reviewed.
    let exported = server.runtimemap("policy export web -n object").stdout;
    assert!(exported.contains("# Note: 1 rule is left out, as the review rejected them"), "{exported}");
    server.kubectl(&["delete", "networkpolicy", "web-by-hand", "-n", "object"]);
    let tried = server.runtimemap("policy simulate web -n object");
    assert!(tried.code == Some(1) && tried.stdout.contains("1 of 3 recorded flows would be cut"), "{}{}", tried.stdout, tried.stderr);
}

#[test]
fn a_review_of_a_file_is_kept_in_the_file() {
    let server = Server::get();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("risky.yaml");
    std::fs::write(&file, RISKY).unwrap();
    let line = format!("policy apply -f {} --dry-run=client", file.display());
    let mut terminal = Terminal::run(&server, &line, &[]);
    terminal.wait_for("[1/3]").wait_for("Allow this? ").answer("n").wait_for("Allow this? ").answer("a");
    let (shown, code) = terminal.finish();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("kind: NetworkPolicy") && shown.contains("The decisions are kept in "), "{shown}");
    let Outcome { stdout, stderr, code } = server.runtimemap(&format!("{line} --yes"));
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("rejected by ") && stderr.contains("2 rules allowed, 1 rejected"), "{stderr}");
    assert!(stdout.contains("cidr: 203.0.113.7/32"), "{stdout}");
}
