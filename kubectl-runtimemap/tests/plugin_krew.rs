//! The archive and the manifest that krew installs the plugin by, held against krew's own rules.
#![cfg(target_os = "linux")]
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_kubectl-runtimemap");

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is a folder of the workspace").to_owned()
}

fn pack(args: &[&str]) {
    let output = Command::new(repository().join("krew/pack.sh")).args(args).output().expect("pack.sh runs");
    assert!(output.status.success(), "{}", said(&output));
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Archives of several platforms and the manifest. What the binary is does not matter to them, and a small one is packed sooner.
fn made(folder: &Path) -> Value {
    let out = folder.to_str().unwrap();
    let binary = stand_in(folder);
    let binary = binary.to_str().unwrap();
    for (os, arch) in [("linux", "amd64"), ("linux", "arm64"), ("windows", "amd64")] {
        pack(&[binary, os, arch, out]);
    }
    pack(&["--manifest", "v0.1.0", out]);
    serde_saphyr::from_str(&fs::read_to_string(folder.join("runtimemap.yaml")).unwrap()).unwrap()
}

fn stand_in(folder: &Path) -> PathBuf {
    let file = folder.join("stand-in");
    fs::write(&file, "#!/bin/sh\n").unwrap();
    file
}

/// What is wrong with a manifest by krew's rules.
fn faults(manifest: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let mut rule = |holds: bool, what: &str| {
        if !holds {
            faults.push(what.to_owned());
        }
    };
    let spec = &manifest["spec"];
    rule(manifest["apiVersion"] == "krew.googlecontainertools.github.com/v1alpha2", "apiVersion");
    rule(manifest["kind"] == "Plugin", "kind");
    let name = manifest["metadata"]["name"].as_str().unwrap_or_default();
    rule(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "name");
    let version = spec["version"].as_str().unwrap_or_default();
    let numbers: Vec<&str> = version.strip_prefix('v').unwrap_or_default().split('.').collect();
    rule(numbers.len() == 3 && numbers.iter().all(|number| number.parse::<u32>().is_ok()), "version");
    for field in ["shortDescription", "description", "homepage"] {
        rule(spec[field].as_str().is_some_and(|text| !text.trim().is_empty()), field);
    }
    rule(spec["shortDescription"].as_str().is_some_and(|text| text.len() <= 50), "shortDescription is too long");
    let mut selected = Vec::new();
    for platform in spec["platforms"].as_array().into_iter().flatten() {
        let labels = &platform["selector"]["matchLabels"];
        let (os, arch) = (labels["os"].as_str().unwrap_or_default(), labels["arch"].as_str().unwrap_or_default());
        rule(["linux", "darwin", "windows"].contains(&os) && ["amd64", "arm64"].contains(&arch), "selector");
        rule(!selected.contains(&(os, arch)), "selectors overlap");
        selected.push((os, arch));
        let sum = platform["sha256"].as_str().unwrap_or_default();
        rule(sum.len() == 64 && sum.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "sha256");
        let uri = platform["uri"].as_str().unwrap_or_default();
        rule(uri.starts_with("https://") && uri.contains(version) && uri.ends_with(&format!("-{os}-{arch}.tar.gz")), "uri");
        let extension = if os == "windows" { ".exe" } else { "" };
        rule(platform["bin"] == format!("kubectl-runtimemap{extension}"), "bin");
    }
    rule(!selected.is_empty(), "platforms");
    faults
}

#[test]
fn t2_the_manifest_keeps_krews_rules_and_names_what_was_made() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = made(folder.path());
    assert_eq!(faults(&manifest), Vec::<String>::new(), "{manifest:#}");
    let platforms = manifest["spec"]["platforms"].as_array().unwrap();
    assert_eq!(platforms.len(), 3, "platforms without an archive are left out");
    for platform in platforms {
        let file = platform["uri"].as_str().unwrap().rsplit('/').next().unwrap();
        let output = Command::new("sha256sum").arg(folder.path().join(file)).output().unwrap();
        assert!(said(&output).starts_with(platform["sha256"].as_str().unwrap()), "{file}");
    }
}

#[test]
fn a_manifest_that_breaks_a_rule_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let good = made(folder.path());
    for (pointer, value, fault) in [
        ("/spec/version", "0.1", "version"),
        ("/spec/platforms/0/sha256", "ABC", "sha256"),
        ("/spec/platforms/0/selector/matchLabels/arch", "arm64", "selectors overlap"),
        ("/spec/shortDescription", "", "shortDescription"),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value.into();
        assert!(faults(&bad).iter().any(|found| found == fault), "{pointer}: {:?}", faults(&bad));
    }
}

#[test]
fn t2_an_archive_holds_the_plugin_and_its_licence_and_is_the_same_each_time() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for folder in [&first, &second] {
        let binary = stand_in(folder.path());
        pack(&[binary.to_str().unwrap(), "linux", "amd64", folder.path().to_str().unwrap()]);
    }
    let name = "kubectl-runtimemap-linux-amd64.tar.gz";
    assert!(fs::read(first.path().join(name)).unwrap() == fs::read(second.path().join(name)).unwrap(), "the same binary, other bytes");
    let output = Command::new("tar").args(["--list", "--verbose", "--gzip", "--file"]).arg(first.path().join(name)).output().unwrap();
    let listed = said(&output);
    // Files only: krew refuses links.
    assert!(listed.lines().count() == 2 && listed.lines().all(|line| line.starts_with('-')), "{listed}");
    assert!(listed.contains(" LICENSE") && listed.contains("-rwxr-xr-x") && listed.contains(" kubectl-runtimemap"), "{listed}");
}

#[test]
fn t2_unpacked_as_krew_does_it_runs_through_kubectl() {
    let folder = tempfile::tempdir().unwrap();
    pack(&[BINARY, "linux", "amd64", folder.path().to_str().unwrap()]);
    installs(&folder.path().join("kubectl-runtimemap-linux-amd64.tar.gz"), "kubectl-runtimemap");
}

/// Run by `make dist`, which makes what is installed here and names it.
#[test]
#[ignore = "installs what `make dist` made"]
fn what_make_dist_made_is_installed_by_its_own_manifest() {
    let dist = PathBuf::from(env::var("RUNTIMEMAP_DIST").expect("RUNTIMEMAP_DIST names the folder; make dist sets it"));
    let manifest: Value = serde_saphyr::from_str(&fs::read_to_string(dist.join("runtimemap.yaml")).unwrap()).unwrap();
    assert_eq!(faults(&manifest), Vec::<String>::new(), "{manifest:#}");
    assert_eq!(manifest["spec"]["version"], format!("v{}", env!("CARGO_PKG_VERSION")));
    let sums = Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(&dist).output().unwrap();
    assert!(sums.status.success(), "{}", said(&sums));
    for platform in manifest["spec"]["platforms"].as_array().unwrap() {
        let file = platform["uri"].as_str().unwrap().rsplit('/').next().unwrap();
        // Every archive is summed, and described by what it was built of.
        let sum = format!("{file}: OK");
        assert!(said(&sums).lines().any(|line| line == sum), "{sum} is not in {}", said(&sums));
        let output = Command::new("sha256sum").arg(dist.join(file)).output().unwrap();
        assert!(said(&output).starts_with(platform["sha256"].as_str().unwrap()), "{file}");
        let bill = file.replace(".tar.gz", ".cdx.json");
        assert_names(&dist.join(&bill), &["kube", "serde_json", "runtimemap-policy"]);
        let labels = &platform["selector"]["matchLabels"];
        if labels["os"] == "linux" {
            // What the kernel runs is in it, too.
            assert_names(&dist.join(bill.replace("kubectl-runtimemap", "runtimemap-recorder")), &["aya", "redb", "aya-ebpf"]);
        }
        if labels["os"] == env::consts::OS && labels["arch"] == env::consts::ARCH.replace("x86_64", "amd64").replace("aarch64", "arm64") {
            installs(&dist.join(file), platform["bin"].as_str().unwrap());
        }
    }
}

/// That a bill of materials lists these libraries, with their licences.
fn assert_names(bill: &Path, names: &[&str]) {
    let bill: Value = serde_json::from_str(&fs::read_to_string(bill).unwrap()).unwrap();
    let components = bill["components"].as_array().unwrap();
    for name in names {
        let mut of_name = components.iter().filter(|component| component["name"] == *name);
        assert!(of_name.next().is_some_and(|component| component["licenses"][0]["expression"] != ""), "{name}");
    }
}

/// Unpacks an archive as krew does, and calls what is in it.
fn installs(archive: &Path, program: &str) {
    let home = tempfile::tempdir().unwrap();
    let (store, bin) = (home.path().join("store/runtimemap/v0.1.0"), home.path().join("bin"));
    fs::create_dir_all(&store).unwrap();
    fs::create_dir_all(&bin).unwrap();
    let unpacked =
        Command::new("tar").args(["--extract", "--gzip", "--file"]).arg(archive).arg("--directory").arg(&store).output().unwrap();
    assert!(unpacked.status.success(), "{}", said(&unpacked));
    // krew links the one file that the manifest calls bin.
    symlink(store.join(program), bin.join("kubectl-runtimemap")).unwrap();
    let path = env::join_paths(std::iter::once(bin.clone()).chain(env::split_paths(&env::var_os("PATH").unwrap()))).unwrap();
    let kubectl = |args: &[&str]| Command::new("kubectl").args(args).env("PATH", &path).output().unwrap();
    let version = kubectl(&["runtimemap", "version", "--client"]);
    assert_eq!(said(&version), format!("Client Version: v{}\n", env!("CARGO_PKG_VERSION")));
    // The program for completion goes beside the link, where PATH has it, not into the store.
    let installed = kubectl(&["runtimemap", "completion", "install", "--directory", bin.to_str().unwrap()]);
    assert!(installed.status.success(), "{}", said(&installed));
    let completed = kubectl(&["__complete", "runtimemap", "sho"]);
    assert!(said(&completed).starts_with("show\t"), "{}", said(&completed));
}
