//! `policy undo`: what was there before the last apply.

use anyhow::{Context, bail};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use serde_json::{Value, json};

use super::carry_out::BEFORE;
use crate::{
    cli::{DryRun, Report},
    cluster::{Cluster, NETWORK_POLICIES, Query},
    escape,
    input::Input,
    selection::Name,
};

/// What policies that we applied have in common.
const LABELS: &str = "app.kubernetes.io/managed-by=runtimemap";

/// Which policies.
#[derive(Debug, PartialEq)]
pub(crate) struct Undo {
    pub(crate) input: Input,
    pub(crate) dry_run: DryRun,
}

/// Restores each.
pub(crate) fn undo(plan: &Undo) -> anyhow::Result<Report> {
    let Undo { input, dry_run } = plan;
    let cluster = input.connect()?;
    let selection = input.selection(Some(&cluster));
    let query = Query { namespace: selection.namespace.as_deref(), labels: LABELS, fields: "" };
    let policies: Vec<NetworkPolicy> = cluster.list(&NETWORK_POLICIES, query)?;
    let mut chosen = Vec::new();
    for name in &selection.names {
        let found: Vec<&NetworkPolicy> = policies.iter().filter(|policy| is(name, policy)).collect();
        if found.is_empty() {
            bail!("no NetworkPolicy of {:?} was applied by `kubectl runtimemap policy apply`", name.text());
        }
        chosen.extend(found);
    }
    let mut report = Report::default();
    for policy in chosen {
        let named = NETWORK_POLICIES.named(policy.metadata.name.as_deref().unwrap_or_default());
        let what = restore(&cluster, policy, *dry_run).with_context(|| format!("{named} was not restored"))?;
        report.text.push_str(&format!("{} {what}\n", escape::line(&named)));
    }
    Ok(report)
}

/// Whether a name means a policy: its own name, or that of what it was made for.
fn is(name: &Name, policy: &NetworkPolicy) -> bool {
    let policy = policy.metadata.name.as_deref().unwrap_or_default();
    let of = policy.strip_prefix("runtimemap-").unwrap_or(policy);
    match name.workload_kind() {
        Some("networkpolicy" | "networkpolicies") => policy == name.bare(),
        Some(kind) => of == format!("{}-{}", kind.strip_suffix('s').unwrap_or(kind), name.bare()),
        None => policy == name.bare() || of == name.bare() || of.split_once('-').is_some_and(|(_, rest)| rest == name.bare()),
    }
}

fn restore(cluster: &Cluster, policy: &NetworkPolicy, dry_run: DryRun) -> anyhow::Result<&'static str> {
    let metadata = policy.metadata.clone();
    let (namespace, name) = (metadata.namespace.unwrap_or_default(), metadata.name.unwrap_or_default());
    let Some(before) = metadata.annotations.as_ref().and_then(|annotations| annotations.get(BEFORE)) else {
        bail!("nothing says what was there before; it was undone already, or somebody else changed it");
    };
    let before: Value = serde_json::from_str(before).with_context(|| format!("the annotation {BEFORE} is no JSON"))?;
    let uri = NETWORK_POLICIES.object(&namespace, &name);
    if before.is_null() {
        if dry_run != DryRun::None {
            return Ok("deleted (dry run)");
        }
        cluster.delete(&uri, &metadata.uid.unwrap_or_default(), &metadata.resource_version.unwrap_or_default())?;
        return Ok("deleted");
    }
    if dry_run == DryRun::Client {
        return Ok("restored (dry run)");
    }
    // Without the annotation, which it gives up by no longer applying it.
    let object = json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app.kubernetes.io/managed-by": "runtimemap"}},
        "spec": before,
    });
    cluster.apply(&uri, &object, true, dry_run == DryRun::Server)?;
    Ok(if dry_run == DryRun::Server { "restored (server dry run)" } else { "restored" })
}
