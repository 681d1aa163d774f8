//! kubectl's own connection flags, each where it decides whether there is an answer.

use std::{fs, process::Command};

use crate::server::{Outcome, Server};

/// A call that knows of the cluster only what its flags say.
fn bare(server: &Server, args: &[&str]) -> Outcome {
    let mut command: Command = server.command("kubectl");
    command.arg("runtimemap").args(args).env("KUBECONFIG", "/nonexistent").env("HOME", "/nonexistent");
    command.output().expect("kubectl runs").into()
}

fn jsonpath(server: &Server, path: &str) -> String {
    server.kubectl(&["config", "view", "--raw", "-o", &format!("jsonpath={path}")])
}

/// A part of the kubeconfig, as a file.
fn file(folder: &tempfile::TempDir, server: &Server, name: &str, path: &str) -> String {
    let encoded = folder.path().join(format!("{name}.base64"));
    fs::write(&encoded, jsonpath(server, path)).unwrap();
    let decoded = Command::new("base64").arg("--decode").arg(&encoded).output().unwrap();
    let file = folder.path().join(name);
    fs::write(&file, decoded.stdout).unwrap();
    file.display().to_string()
}

#[test]
fn a_cluster_can_be_named_by_flags_alone() {
    let server = Server::get();
    server.shop("flags");
    let folder = tempfile::tempdir().unwrap();
    let url = jsonpath(&server, "{.clusters[0].cluster.server}");
    let authority = file(&folder, &server, "ca.crt", "{.clusters[0].cluster.certificate-authority-data}");
    let certificate = file(&folder, &server, "admin.crt", "{.users[0].user.client-certificate-data}");
    let key = file(&folder, &server, "admin.key", "{.users[0].user.client-key-data}");
    let show = ["show", "-n", "flags", "-o", "name", "web"];
    let with = |flags: &[&str]| bare(&server, &[&show[..], flags].concat());
    let to = ["--server", &url, "--certificate-authority", &authority];
    let by = ["--client-certificate", &certificate, "--client-key", &key];
    let found = "applicationprofile.runtimemap.io/deployment-web\nnetworkneighborhood.runtimemap.io/deployment-web\n";

    let all = with(&[to, by].concat());
    assert_eq!((all.code, all.stdout.as_str()), (Some(0), found), "{}", all.stderr);
    let compressed = with(&[&to[..], &by, &["--disable-compression"]].concat());
    assert_eq!(compressed.stdout, found);
    // Without a certificate of its authority the server is nobody's, unless that is not looked at.
    let untrusted = with(&[&to[..2], &by].concat());
    assert!(untrusted.code == Some(1) && untrusted.stderr.starts_with("Unable to connect to the server: "), "{}", untrusted.stderr);
    assert_eq!(with(&[&to[..2], &by, &["--insecure-skip-tls-verify"]].concat()).stdout, found);
    // The server's certificate has this name, and not the other.
    assert_eq!(with(&[&to[..], &by, &["--tls-server-name", "kubernetes"]].concat()).stdout, found);
    let misnamed = with(&[&to[..], &by, &["--tls-server-name", "elsewhere"]].concat());
    assert!(misnamed.stderr.starts_with("Unable to connect to the server: "), "{}", misnamed.stderr);
    // Nobody's name and password: this server takes none.
    let unknown = with(&[&to[..], &["--username", "alice", "--password", "x"]].concat());
    assert!(unknown.code == Some(1) && unknown.stderr.contains("User \"system:anonymous\" cannot list"), "{}", unknown.stderr);
    let nobody = bare(&server, &show);
    assert!(nobody.stderr.starts_with("error: no cluster is configured"), "{}", nobody.stderr);
}

#[test]
fn a_token_says_who_asks() {
    let server = Server::get();
    server.shop("token");
    let folder = tempfile::tempdir().unwrap();
    let url = jsonpath(&server, "{.clusters[0].cluster.server}");
    let authority = file(&folder, &server, "ca.crt", "{.clusters[0].cluster.certificate-authority-data}");
    server.kubectl(&["create", "serviceaccount", "reader", "-n", "token"]);
    let token = server.kubectl(&["create", "token", "reader", "-n", "token"]);
    let flags = ["--server", &url, "--certificate-authority", &authority, "--token", token.trim()];
    let show = || bare(&server, &[&["show", "-n", "token"][..], &flags].concat());
    let refused = show();
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("User \"system:serviceaccount:token:reader\" cannot list"), "{}", refused.stderr);
    server.kubectl(&["create", "role", "reader", "-n", "token", "--verb=get,list", "--resource=networkneighborhoods.runtimemap.io"]);
    server.kubectl(&["create", "rolebinding", "reader", "-n", "token", "--role=reader", "--serviceaccount=token:reader"]);
    // Whoever may not read profiles still sees the network.
    let listed = show();
    assert_eq!(listed.code, Some(0), "{}", listed.stderr);
    assert!(listed.stdout.contains("deployment/web"), "{}", listed.stdout);
    let one = bare(&server, &[&["show", "web", "-n", "token"][..], &flags].concat());
    assert!(one.stderr.starts_with("Warning: applicationprofiles are left out: "), "{}", one.stderr);
    assert!(one.stdout.contains("No ApplicationProfile was given"), "{}", one.stdout);
}

#[test]
fn the_flags_choose_among_what_a_kubeconfig_has() {
    let server = Server::get();
    server.shop("chosen");
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    fs::write(&config, server.kubectl(&["config", "view", "--raw"])).unwrap();
    let config = config.to_str().unwrap();
    let set = |args: &[&str]| server.kubectl(&[&["config", "--kubeconfig", config][..], args].concat());
    let (cluster, user) = (jsonpath(&server, "{.clusters[0].name}"), jsonpath(&server, "{.users[0].name}"));
    set(&["set-cluster", "broken", "--server=https://127.0.0.1:1"]);
    set(&["set-credentials", "nobody", "--token=x"]);
    set(&["set-context", "broken", "--cluster=broken", "--user=nobody", "--namespace=chosen"]);
    set(&["use-context", "broken"]);
    let show = |flags: &[&str]| bare(&server, &[&["show", "--no-headers", "--kubeconfig", config][..], flags].concat());
    assert!(show(&[]).stderr.starts_with("Unable to connect to the server: "));
    assert!(show(&["--cluster", &cluster]).stderr.contains("Unauthorized"));
    let chosen = show(&["--cluster", &cluster, "--user", &user]);
    assert!(chosen.code == Some(0) && chosen.stdout.starts_with("deployment/web"), "{}", chosen.stderr);
    assert_eq!(show(&["--cluster", "none"]).stderr, "error: cluster \"none\" does not exist\n");
    assert_eq!(show(&["--user", "none"]).stderr, "error: auth info \"none\" does not exist\n");
    // Somebody else, with groups and a UID of theirs.
    let as_ = |flags: &[&str]| show(&[&["--cluster", &cluster, "--user", &user, "--as", "alice"][..], flags].concat());
    assert!(as_(&[]).stderr.contains("User \"alice\" cannot list"), "{}", as_(&[]).stderr);
    assert_eq!(as_(&["--as-group", "system:masters", "--as-group", "others", "--as-uid", "7"]).code, Some(0));
}
