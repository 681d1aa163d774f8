//! Who may import whom: the crates by what `cargo metadata` says, the modules by the paths their source names.
//!
//! The rules are the tables at the top. Every rule is also held against an example that breaks it, below, so that a
//! reader that finds nothing cannot pass for a workspace in order.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use syn::visit::{self, Visit};

/// Our crates and which of ours each may depend on. What is not here may not exist.
const OURS: [(&str, &[&str]); 6] = [
    ("runtimemap-crds", &[]),
    ("runtimemap-recorder-ebpf", &[]),
    ("runtimemap-policy", &["runtimemap-crds"]),
    ("runtimemap-recorder", &["runtimemap-crds", "runtimemap-policy", "runtimemap-recorder-ebpf"]),
    ("kubectl-runtimemap", &["runtimemap-crds", "runtimemap-policy"]),
    ("runtimemap-tests", &["runtimemap-crds", "runtimemap-policy", "runtimemap-recorder", "runtimemap-recorder-ebpf"]),
];

/// All that the pure crates may use of others'. The kernel half's library has nothing; its programs have aya-ebpf.
const OTHERS: [(&str, &[&str]); 3] = [
    (
        "runtimemap-crds",
        &["k8s-openapi", "kube", "schemars", "serde", "serde-saphyr", "serde_json", "serde_path_to_error", "sha2", "thiserror"],
    ),
    ("runtimemap-policy", &["k8s-openapi", "serde", "serde_json", "thiserror"]),
    ("runtimemap-recorder-ebpf", &["aya-ebpf"]),
];

/// What the plugin may not use, since it is built for macOS and Windows too.
const NOT_IN_THE_PLUGIN: [&str; 7] = ["aya", "aya-obj", "btf-rs", "libc", "nix", "procfs", "syscalls"];

/// Paths that stand for input and output, or for a runtime that does it.
const IO: [&str; 12] = [
    "std::env",
    "std::fs",
    "std::io::stderr",
    "std::io::stdin",
    "std::io::stdout",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::os",
    "std::process",
    "std::thread",
    "tokio",
];

/// Folders of source, what they may not name, and the modules under them that may.
const SOURCES: [(&str, &[&str], &[&str]); 5] = [
    ("crds/src", &IO, &[]),
    ("policy/src", &IO, &[]),
    ("recorder/src", &["aya", "aya_obj"], &["kernel"]),
    // The edges, where they come to be: what talks to a cluster.
    ("recorder/src", &["kube"], &["agent", "controller", "uninstall"]),
    // Label selectors are kube's, too.
    ("kubectl-runtimemap/src", &["kube"], &["cluster", "selection"]),
];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are a folder of the workspace").to_owned()
}

fn metadata() -> Value {
    let cargo = env::var_os("CARGO").expect("cargo runs the tests");
    let output = Command::new(cargo).args(["metadata", "--format-version=1", "--no-deps", "--offline"]).current_dir(workspace()).output();
    let output = output.expect("cargo runs");
    assert!(output.status.success(), "cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata writes JSON")
}

fn table<'a, T: ?Sized>(rows: &[(&str, &'a T)], name: &str) -> Option<&'a T> {
    rows.iter().find(|(row, _)| *row == name).map(|(_, value)| *value)
}

/// What is wrong with the crates, one line each.
fn crate_faults(metadata: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    for package in list(&metadata["packages"]) {
        let name = text(&package["name"]);
        let Some(ours) = table(&OURS, name) else {
            faults.push(format!("{name} has no row in OURS"));
            continue;
        };
        for dependency in list(&package["dependencies"]) {
            let wanted = text(&dependency["name"]);
            // A path is only found inside the workspace; cargo-deny sees to that.
            if dependency["path"].is_string() {
                if !ours.contains(&wanted) {
                    faults.push(format!("{name} may not depend on {wanted}"));
                }
                continue;
            }
            let shipped = dependency["kind"].as_str() != Some("dev");
            if let Some(allowed) = table(&OTHERS, name)
                && shipped
                && !allowed.contains(&wanted)
            {
                faults.push(format!("{name} may not use {wanted}"));
            }
            if name == "runtimemap-recorder-ebpf" && !text(&dependency["target"]).contains("bpf") {
                faults.push(format!("{name} may use {wanted} only in its programs, not in its library"));
            }
            if name == "kubectl-runtimemap" && shipped && NOT_IN_THE_PLUGIN.contains(&wanted) {
                faults.push(format!("{name} may not use {wanted}, which is not for every desktop"));
            }
            let plain =
                dependency["uses_default_features"] == false && list(&dependency["features"]).iter().all(|feature| feature == "derive");
            if name == "runtimemap-crds" && wanted == "kube" && !plain {
                faults.push(format!("{name} may use of kube only the derive feature: no client"));
            }
        }
    }
    faults
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Collects every path that a file names outside its tests, imports spelled out.
#[derive(Default)]
struct Paths(Vec<String>);

impl Paths {
    fn of(source: &str) -> Self {
        let mut paths = Self::default();
        paths.visit_file(&syn::parse_file(source).expect("the source compiles"));
        paths
    }

    fn import(&mut self, before: &str, tree: &syn::UseTree) {
        let join = |name: String| if before.is_empty() { name } else { format!("{before}::{name}") };
        match tree {
            syn::UseTree::Path(path) => self.import(&join(path.ident.to_string()), &path.tree),
            syn::UseTree::Name(name) => self.0.push(join(name.ident.to_string())),
            syn::UseTree::Rename(rename) => self.0.push(join(rename.ident.to_string())),
            syn::UseTree::Glob(_) => self.0.push(before.to_owned()),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.import(before, item)),
        }
    }

    /// Those that lie in one of `modules`.
    fn within(&self, modules: &[&str]) -> Vec<&str> {
        let inside = |path: &&str| {
            modules.iter().any(|module| path.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::")))
        };
        self.0.iter().map(|path| path.trim_end_matches("::self")).filter(inside).collect()
    }
}

impl<'a> Visit<'a> for Paths {
    fn visit_item_mod(&mut self, module: &'a syn::ItemMod) {
        let is_test = |attribute: &syn::Attribute| matches!(&attribute.meta, syn::Meta::List(list) if list.path.is_ident("cfg") && list.tokens.to_string() == "test");
        if !module.attrs.iter().any(is_test) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        self.import("", &item.tree);
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        self.0.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect::<Vec<_>>().join("::"));
        visit::visit_path(self, path);
    }
}

/// Every Rust file below a folder.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The top module that a file of `folder` belongs to.
fn module<'a>(folder: &Path, file: &'a Path) -> &'a str {
    let inside = file.strip_prefix(folder).expect("the file is in the folder");
    let first = inside.iter().next().and_then(|part| part.to_str()).unwrap_or_default();
    first.strip_suffix(".rs").unwrap_or(first)
}

#[test]
fn every_crate_depends_only_on_what_its_layer_allows() {
    let metadata = metadata();
    assert_eq!(list(&metadata["packages"]).len(), OURS.len(), "a row of OURS names no crate");
    assert_eq!(crate_faults(&metadata), Vec::<String>::new());
}

#[test]
fn every_module_names_only_what_its_layer_allows() {
    let mut faults = Vec::new();
    for (folder, forbidden, except) in SOURCES {
        let folder = workspace().join(folder);
        let files = rust_files(&folder);
        assert!(!files.is_empty(), "{} has no source", folder.display());
        for file in files.iter().filter(|file| !except.contains(&module(&folder, file)) && !file.ends_with("tests.rs")) {
            let paths = Paths::of(&fs::read_to_string(file).expect("the source can be read"));
            faults.extend(paths.within(forbidden).into_iter().map(|path| format!("{} names {path}", file.display())));
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn no_module_is_a_mod_rs() {
    let crates = ["crds", "policy", "recorder", "recorder-ebpf", "kubectl-runtimemap", "tests"];
    let named: Vec<_> =
        crates.iter().flat_map(|name| rust_files(&workspace().join(name))).filter(|file| file.ends_with("mod.rs")).collect();
    assert_eq!(named, Vec::<PathBuf>::new());
}

#[test]
fn a_crate_that_breaks_its_layer_is_named() {
    let package = |name: &str, dependency: Value| crate_faults(&json!({"packages": [{"name": name, "dependencies": [dependency]}]}));
    let path = |name: &str| json!({"name": name, "path": "/somewhere"});
    let broken = [
        package("runtimemap-crds", path("runtimemap-policy")),
        package("runtimemap-policy", path("runtimemap-recorder")),
        package("kubectl-runtimemap", path("runtimemap-recorder")),
        package("runtimemap-recorder", path("runtimemap-tests")),
        package("runtimemap-new", path("runtimemap-crds")),
        package("runtimemap-crds", json!({"name": "tokio"})),
        package("runtimemap-crds", json!({"name": "kube", "uses_default_features": false, "features": ["client"]})),
        package("runtimemap-policy", json!({"name": "kube"})),
        package("runtimemap-recorder-ebpf", json!({"name": "aya-ebpf", "target": null})),
        package("kubectl-runtimemap", json!({"name": "libc"})),
    ];
    for (number, faults) in broken.iter().enumerate() {
        assert_eq!(faults.len(), 1, "example {number}: {faults:?}");
    }
    assert!(package("runtimemap-policy", path("runtimemap-crds")).is_empty());
}

#[test]
fn a_module_that_does_io_is_named_however_it_imports() {
    let found = |source: &str| Paths::of(source).within(&IO).len();
    assert_eq!(found("use std::fs;"), 1);
    assert_eq!(found("use std::{collections::BTreeMap, fs::{self, File}};"), 2);
    assert_eq!(found("use std::net::{IpAddr, TcpStream as Stream};"), 1);
    assert_eq!(found("use std::process::*;"), 1);
    assert_eq!(found("fn read() { let _ = std::fs::read(\"x\"); }"), 1);
    assert_eq!(found("mod inner { fn wait() { tokio::spawn(x); } }"), 1);
    assert_eq!(found("use std::net::IpAddr; use std::fmt; fn f() { files::fs::read(); }"), 0);
    assert_eq!(found("#[cfg(test)] mod tests { use std::fs; }"), 0);
}
