//! A filter as an object of the Security Profiles Operator, which carries it to the nodes.

use runtimemap_crds::{OciSeccomp, seccomp_profile::OciSyscall, yaml};
use serde_json::json;

use super::destination::Document;
use crate::escape;

/// What a call that is refused returns where nothing else is said.
const EPERM: u32 = 1;

/// The object. Its newer versions belong to the whole cluster, so the namespace is a part of the name.
pub(super) fn document(namespace: &str, path: &[String], filter: &OciSeccomp) -> anyhow::Result<Document> {
    let file = path.last().map(|file| file.trim_end_matches(".json")).unwrap_or_default();
    let namespace = if namespace.is_empty() { "default" } else { namespace };
    let name = format!("{namespace}-{file}");
    let OciSeccomp { default_action, default_errno_ret, architectures, syscalls } = filter;
    // Older versions of the operator want a text there, which runtimes then do not read, and newer ones a number. Unsaid it means the same.
    let unsaid = |entry: &OciSyscall| OciSyscall { errno_ret: entry.errno_ret.filter(|number| *number != EPERM), ..entry.clone() };
    let syscalls: Vec<OciSyscall> = syscalls.iter().map(unsaid).collect();
    let object = json!({
        "apiVersion": "security-profiles-operator.x-k8s.io/v1beta1",
        "kind": "SeccompProfile",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "runtimemap"}},
        "spec": {"defaultAction": default_action, "architectures": architectures, "syscalls": syscalls},
    });
    let mut text = String::new();
    if default_errno_ret.is_some_and(|number| number != EPERM) {
        text.push_str("# Note: the operator's objects have no default error number, so what is not listed gets EPERM, not ENOSYS.\n");
    }
    text.push_str(&escape::yaml(&yaml::to_string(&object)?));
    Ok(Document { path: vec![format!("{name}.yaml")], text })
}
