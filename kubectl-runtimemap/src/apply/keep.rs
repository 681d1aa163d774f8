//! Where decisions are kept: in the generated object, in the file, or beside the policy itself.

use std::{env, fs};

use anyhow::Context;
use k8s_openapi::{
    api::networking::v1::NetworkPolicy,
    apimachinery::pkg::apis::meta::v1::Time,
    jiff::{Timestamp, Unit},
};
use runtimemap_crds::{GeneratedNetworkPolicy, Object, Review, yaml};
use serde_json::json;

use super::{Apply, review::Subject};
use crate::{
    cli::{DryRun, Report},
    cluster::{Cluster, NETWORK_POLICIES, POLICIES},
    source::Source,
};

/// Decisions about a policy of which there is no generated object, on the policy itself.
pub(super) const REVIEW: &str = "runtimemap.io/review";

/// Now, to the second, as Kubernetes writes times.
pub(crate) fn now() -> Time {
    let now = Timestamp::now();
    Time(now.round(Unit::Second).unwrap_or(now))
}

/// Who decides: by the API server's name for them, else by the machine's.
pub(crate) fn user(cluster: Option<&Cluster>) -> String {
    let known = cluster.and_then(|cluster| cluster.user().ok()).filter(|name| !name.is_empty());
    known.or_else(|| env::var("USER").or_else(|_| env::var("USERNAME")).ok()).unwrap_or_else(|| "unknown".to_owned())
}

/// The review that stands on the policy in force.
pub(super) fn kept_with_policy(cluster: &Cluster, policy: &GeneratedNetworkPolicy) -> anyhow::Result<Option<Review>> {
    let metadata = &policy.spec.metadata;
    let namespace = metadata.namespace.as_deref().unwrap_or("default");
    let live: Option<NetworkPolicy> = cluster.find(&NETWORK_POLICIES.object(namespace, metadata.name.as_deref().unwrap_or_default()))?;
    let text = live.and_then(|policy| policy.metadata.annotations?.remove(REVIEW));
    // Somebody else's text is no review: then everything is asked.
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

/// Keeps what was decided.
pub(super) fn keep(plan: &Apply, cluster: Option<&Cluster>, subjects: &[Subject<'_>], report: &mut Report) -> anyhow::Result<()> {
    if plan.input.is_files() {
        return in_files(plan, subjects, report);
    }
    let Some(cluster) = cluster.filter(|_| plan.dry_run == DryRun::None) else { return Ok(()) };
    for subject in subjects.iter().filter(|subject| subject.map.policy.is_some()) {
        let review = subject.review();
        if subject.policy.review.as_ref() == Some(&review) {
            continue;
        }
        let uri = POLICIES.object(&subject.map.namespace, &subject.map.name);
        if let Err(failure) = cluster.merge(&uri, &json!({"review": review})) {
            report.remarks.push(format!("Warning: {}: the policy is applied, but its decisions are not kept: {failure}", subject.title()));
        }
    }
    Ok(())
}

/// Writes the files again, with the decisions in them.
fn in_files(plan: &Apply, subjects: &[Subject<'_>], report: &mut Report) -> anyhow::Result<()> {
    for source in &plan.input.sources {
        let Source::File(path) = source else {
            report.remarks.push("Warning: the decisions are not kept: standard input cannot be written; give a file".to_owned());
            continue;
        };
        let mut objects = source.read()?;
        let mut changed = false;
        for subject in subjects {
            let is = |object: &Object| {
                object.name() == subject.map.name && object.metadata().namespace.as_deref().unwrap_or_default() == subject.map.namespace
            };
            let review = Some(subject.review());
            let place = objects.iter().position(|object| is(object) && object.kind() == GeneratedNetworkPolicy::KIND);
            if let Some(Object::GeneratedNetworkPolicy(policy)) = place.and_then(|place| objects.get_mut(place)) {
                changed |= policy.review != review;
                policy.review = review;
            } else if objects.iter().any(is) {
                objects.push(GeneratedNetworkPolicy { review, ..subject.policy.clone() }.into());
                changed = true;
            }
        }
        if changed {
            write(path, &yaml::to_stream(&objects)?)?;
            report.remarks.push(format!("The decisions are kept in {}.", path.display()));
        }
    }
    Ok(())
}

/// Whole or not at all.
fn write(path: &std::path::Path, text: &str) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(std::path::Path::new("."));
    let file = tempfile::NamedTempFile::new_in(folder).with_context(|| format!("failed to write beside {}", path.display()))?;
    fs::write(file.path(), text).with_context(|| format!("failed to write beside {}", path.display()))?;
    if let Ok(metadata) = fs::metadata(path) {
        fs::set_permissions(file.path(), metadata.permissions()).with_context(|| format!("failed to write {}", path.display()))?;
    }
    file.persist(path).map(|_| ()).with_context(|| format!("failed to write {}", path.display()))
}
