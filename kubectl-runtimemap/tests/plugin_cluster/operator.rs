//! Objects of the Security Profiles Operator: an API server that has its kind takes what `seccomp export --format spo` writes.

use std::{
    io::Write,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::server::{Outcome, Server};

const DEFINITION: &str = "seccompprofiles.security-profiles-operator.x-k8s.io";

/// The operator's kind: names, types and bounds of the fields that we write, and no others, as api/seccompprofile/v1beta1 and v1 of
/// kubernetes-sigs/security-profiles-operator (Apache-2.0) have them. They differ in the type of errnoRet, and in the scope.
fn definition(scope: &str, errno_ret: &Value) -> Value {
    let words = |prefix: &str, words: &str| -> Value {
        let words: Vec<String> = words.split_whitespace().map(|word| format!("SCMP_{prefix}_{word}")).collect();
        json!({"type": "string", "enum": words})
    };
    let list = |kind: &str, items: Value| json!({"type": "array", "x-kubernetes-list-type": kind, "items": items});
    let action = words("ACT", "KILL KILL_PROCESS KILL_THREAD TRAP ERRNO TRACE ALLOW LOG NOTIFY");
    let architecture = words(
        "ARCH",
        "NATIVE X86 X86_64 X32 ARM AARCH64 MIPS MIPS64 MIPS64N32 MIPSEL MIPSEL64 MIPSEL64N32 PPC PPC64 PPC64LE S390 S390X PARISC PARISC64 RISCV64",
    );
    let number = json!({"type": "integer", "format": "int64", "minimum": 0});
    let mut args = list(
        "atomic",
        json!({
            "type": "object", "required": ["index", "op"],
            "properties": {
                "index": {"type": "integer", "minimum": 0, "maximum": 5}, "value": number, "valueTwo": number,
                "op": words("CMP", "NE LT LE EQ GE GT MASKED_EQ"),
            },
        }),
    );
    args["maxItems"] = 6.into();
    let mut names = list("set", json!({"type": "string"}));
    names["minItems"] = 1.into();
    let entry = json!({
        "type": "object", "required": ["action", "names"],
        "properties": {"action": action, "names": names, "args": args, "errnoRet": errno_ret},
    });
    let spec = json!({
        "type": "object", "required": ["defaultAction"],
        "properties": {"defaultAction": action, "architectures": list("set", architecture), "syscalls": list("atomic", entry)},
    });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": DEFINITION},
        "spec": {
            "group": "security-profiles-operator.x-k8s.io", "scope": scope,
            "names": {"kind": "SeccompProfile", "plural": "seccompprofiles", "singular": "seccompprofile"},
            "versions": [{
                "name": "v1beta1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "required": ["spec"], "properties": {"spec": spec}}},
            }],
        },
    })
}

/// Whether the API server would take it. It serves a kind only a moment after it says that it does.
fn is_taken(server: &Server, text: &str) -> (Option<i32>, String) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let (code, said) = attempt(server, text);
        if !said.contains("could not find the requested resource") || Instant::now() > deadline {
            return (code, said);
        }
    }
}

/// Every field that it does not know is an error.
fn attempt(server: &Server, text: &str) -> (Option<i32>, String) {
    let arguments = ["create", "--dry-run=server", "--validate=strict", "-o", "name", "-f", "-"];
    // What kubectl remembers of kinds may be of the one before.
    let cache = tempfile::tempdir().unwrap();
    let mut child = server
        .command("kubectl")
        .args(arguments)
        .arg("--cache-dir")
        .arg(cache.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("kubectl runs");
    child.stdin.take().expect("it was piped").write_all(text.as_bytes()).expect("it reads");
    let Outcome { stdout, stderr, code } = child.wait_with_output().expect("it ends").into();
    (code, stdout + &stderr)
}

#[test]
fn every_version_of_the_operators_kind_takes_the_filters() {
    let server = Server::get();
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let exported = |flags: &str| {
        let files =
            ["tests/fixtures/shop.yaml", "../tests/demo/web.yaml"].map(|file| format!("-f {}", package.join(file).display())).join(" ");
        let Outcome { stdout, stderr, code } = server.runtimemap(&format!("seccomp export {files} --format spo {flags}"));
        assert_eq!(code, Some(0), "{stderr}");
        stdout
    };
    let (plain, audit) = (exported(""), exported("--audit"));
    // What a schema could refuse is in them: conditions, refusals by name, architectures.
    for word in ["SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE", "SCMP_ACT_ERRNO", "SCMP_ARCH_X86_64", "valueTwo"] {
        assert!(plain.contains(word), "{word}: {plain}");
    }
    let number = json!({"type": "integer", "minimum": 0, "maximum": 4095});
    for (scope, errno_ret) in [("Namespaced", json!({"type": "string"})), ("Cluster", number)] {
        server.create(&definition(scope, &errno_ret).to_string());
        server.kubectl(&["wait", "--for=condition=Established", "crd", DEFINITION, "--timeout=60s"]);
        for text in [&plain, &audit] {
            let (code, said) = is_taken(&server, text);
            assert_eq!(code, Some(0), "{scope}: {said}");
            assert_eq!(
                said.matches("seccompprofile.security-profiles-operator.x-k8s.io/").count(),
                text.matches("kind: SeccompProfile").count()
            );
        }
        // It does look.
        let (code, said) = is_taken(&server, &plain.replace("SCMP_CMP_MASKED_EQ", "SCMP_CMP_MASKED"));
        assert!(code == Some(1) && said.contains("SCMP_CMP_MASKED"), "{said}");
        server.kubectl(&["delete", "crd", DEFINITION, "--wait=true"]);
    }
}
