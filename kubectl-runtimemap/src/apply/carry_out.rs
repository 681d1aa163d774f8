//! The applying itself.

use k8s_openapi::api::networking::v1::NetworkPolicy;
use serde_json::{Value, json};

use super::{Apply, keep::REVIEW, plan::Planned};
use crate::{
    cli::{DryRun, Report},
    cluster::{Cluster, NETWORK_POLICIES},
    escape,
};

/// What was there before, on the policy itself: its spec as JSON, or `null`.
pub(super) const BEFORE: &str = "runtimemap.io/before";

/// Applies, tries or prints.
pub(super) fn carry_out(plan: &Apply, cluster: Option<&Cluster>, planned: &[Planned]) -> anyhow::Result<Report> {
    let mut report = Report::default();
    let Some(cluster) = cluster.filter(|_| plan.dry_run != DryRun::Client) else {
        let texts: Vec<String> = planned.iter().map(Planned::yaml).collect::<anyhow::Result<_>>()?;
        report.text = texts.join("---\n");
        return Ok(report);
    };
    let mut done: Vec<String> = Vec::new();
    for one in planned {
        let named = NETWORK_POLICIES.named(one.policy.metadata.name.as_deref().unwrap_or_default());
        match apply(plan, cluster, one) {
            Ok(what) => {
                report.text.push_str(&format!("{} {what}\n", escape::line(&named)));
                done.push(named);
            }
            Err(error) if done.is_empty() => return Err(error),
            Err(error) => {
                // Said before the error, so that nobody has to guess how far it came.
                return Err(error.context(format!("{} applied before this failed", done.join(", "))));
            }
        }
    }
    Ok(report)
}

fn apply(plan: &Apply, cluster: &Cluster, planned: &Planned) -> anyhow::Result<&'static str> {
    let uri = planned.uri();
    let live: Option<NetworkPolicy> = cluster.find(&uri)?;
    let mut object = serde_json::to_value(&planned.policy)?;
    let annotations = live.as_ref().and_then(|live| live.metadata.annotations.clone()).unwrap_or_default();
    let same = live.as_ref().is_some_and(|live| normal(live) == normal(&planned.policy));
    let before = match (&live, annotations.get(BEFORE)) {
        // Applied again as it is, it does not forget what it replaced.
        (Some(_), Some(before)) if same => before.clone(),
        (Some(live), _) => serde_json::to_string(&live.spec)?,
        (None, _) => "null".to_owned(),
    };
    object["metadata"]["annotations"][BEFORE] = before.into();
    if !planned.has_object {
        object["metadata"]["annotations"][REVIEW] = serde_json::to_string(&planned.review)?.into();
    }
    let dry_run = plan.dry_run == DryRun::Server;
    cluster.apply(&uri, &object, plan.force_conflicts, dry_run)?;
    Ok(if dry_run { "serverside-applied (server dry run)" } else { "serverside-applied" })
}

/// A policy's spec as the API server keeps it: lists that are empty are none, and protocols are said.
pub(super) fn normal(policy: &NetworkPolicy) -> Value {
    let mut spec = serde_json::to_value(&policy.spec).unwrap_or_default();
    for (list, peers) in [("ingress", "from"), ("egress", "to")] {
        if spec[list].as_array().is_some_and(Vec::is_empty) {
            spec[list] = Value::Null;
        }
        for rule in spec[list].as_array_mut().into_iter().flatten() {
            for key in [peers, "ports"] {
                if rule[key].as_array().is_some_and(Vec::is_empty) {
                    rule[key] = Value::Null;
                }
            }
            for port in rule["ports"].as_array_mut().into_iter().flatten() {
                if port["protocol"].is_null() {
                    port["protocol"] = json!("TCP");
                }
            }
        }
    }
    without_nulls(spec)
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            fields.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name, without_nulls(value))).collect()
        }
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        value => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn o6_what_the_api_server_drops_is_no_difference() {
        let policy = |text: &str| serde_json::from_str::<NetworkPolicy>(text).unwrap();
        let ours = policy(
            r#"{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{},"spec":{"podSelector":{},"ingress":[],"egress":[{"to":[],"ports":[{"port":53}]}]}}"#,
        );
        let theirs = policy(
            r#"{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{},"spec":{"podSelector":{},"egress":[{"ports":[{"port":53,"protocol":"TCP"}]}]}}"#,
        );
        assert_eq!(normal(&ours), normal(&theirs));
    }
}
