//! What is to be applied, now or later from a file.

use std::{fs, path::Path};

use anyhow::{Context, bail};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use runtimemap_crds::{GeneratedNetworkPolicy, NetworkNeighborhood, Review, yaml};
use runtimemap_policy::network;
use serde::{Deserialize, Serialize};

use super::{Apply, carry_out, preview::World, review::Subject, source_hash};
use crate::{
    cli::{DryRun, Report},
    cluster::{Cluster, NEIGHBORHOODS, NETWORK_POLICIES, POLICIES},
    escape, rules,
    source::Source,
};

/// The first line of a plan's content.
const KIND: &str = "runtimemap.io/policy-plan.v1";

/// A file of `--plan-out`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    kind: String,
    policies: Vec<Planned>,
}

impl File {
    fn read(text: &str, source: &Source) -> anyhow::Result<Self> {
        let file: Self = serde_json::from_str(text).with_context(|| format!("{source} is no plan that --plan-out wrote"))?;
        if file.kind != KIND {
            bail!("{source} is a plan of another version ({:?}); review again", file.kind);
        }
        Ok(file)
    }
}

/// A policy to apply.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Planned {
    /// Namespace and name of what was learned.
    namespace: String,
    name: String,
    /// Hash of the policy as it was generated.
    generated: String,
    /// The policy in force when it was reviewed.
    replaces: Option<Version>,
    pub(super) policy: NetworkPolicy,
    /// What was decided.
    pub(super) review: Review,
    /// Whether there is a generated object to keep the review in.
    pub(super) has_object: bool,
}

/// Which version of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Version {
    uid: String,
    resource_version: String,
}

impl Version {
    fn of(policy: &NetworkPolicy) -> Self {
        let metadata = policy.metadata.clone();
        Self { uid: metadata.uid.unwrap_or_default(), resource_version: metadata.resource_version.unwrap_or_default() }
    }
}

impl Planned {
    pub(super) fn of(subject: &Subject<'_>, world: &World) -> Self {
        let mut policy = rules::with(&subject.policy.spec, &subject.rules());
        let namespace = policy.metadata.namespace.clone().filter(|namespace| !namespace.is_empty()).unwrap_or_else(|| "default".to_owned());
        policy.metadata.namespace = Some(namespace.clone());
        let known = world
            .in_force
            .iter()
            .find(|known| known.metadata.name == policy.metadata.name && known.metadata.namespace == policy.metadata.namespace);
        Self {
            namespace,
            name: subject.map.name.clone(),
            generated: source_hash(&subject.policy),
            replaces: known.map(Version::of),
            policy,
            review: subject.review(),
            has_object: subject.map.policy.is_some(),
        }
    }

    /// As it is printed.
    pub(super) fn yaml(&self) -> anyhow::Result<String> {
        Ok(escape::yaml(&yaml::to_string(&self.policy)?).into_owned())
    }

    /// Where the policy is.
    pub(super) fn uri(&self) -> String {
        NETWORK_POLICIES.object(&self.namespace, self.policy.metadata.name.as_deref().unwrap_or_default())
    }

    /// Where the generated object is.
    pub(super) fn object(&self) -> String {
        POLICIES.object(&self.namespace, &self.name)
    }
}

/// Writes a plan.
pub(super) fn write(path: &Path, planned: &[Planned]) -> anyhow::Result<Report> {
    let file = File { kind: KIND.to_owned(), policies: planned.to_vec() };
    let text = serde_json::to_string_pretty(&file).context("failed to write JSON")? + "\n";
    fs::write(path, escape::json(&text).as_ref()).with_context(|| format!("failed to write {}", path.display()))?;
    let next = format!("Nothing was applied. To apply it: kubectl runtimemap policy apply --plan {}", path.display());
    Ok(Report { remarks: vec![next], ..Report::default() })
}

/// Applies a plan, if everything still is as it was when it was made.
pub(super) fn apply(plan: &Apply, path: &Path) -> anyhow::Result<Report> {
    let source = Source::from(path.to_owned());
    let file = File::read(&source.text()?, &source)?;
    let cluster = plan.input.connect()?;
    for planned in &file.policies {
        let stale = |what: &str| {
            format!("the plan is stale: {what} of {}/{} changed since it was made; review again", planned.namespace, planned.name)
        };
        if generated(&cluster, planned)?.as_ref().map(source_hash).as_deref() != Some(&planned.generated) {
            bail!(stale("what was learned"));
        }
        let live: Option<NetworkPolicy> = cluster.find(&planned.uri())?;
        if live.as_ref().map(Version::of) != planned.replaces {
            bail!(stale("the NetworkPolicy in force"));
        }
    }
    let mut report = carry_out::carry_out(plan, Some(&cluster), &file.policies)?;
    if plan.dry_run == DryRun::None {
        for planned in file.policies.iter().filter(|planned| planned.has_object) {
            if let Err(failure) = cluster.merge(&planned.object(), &serde_json::json!({"review": planned.review})) {
                report.remarks.push(format!("Warning: {}: the decisions are not kept: {failure}", planned.name));
            }
        }
    }
    Ok(report)
}

fn generated(cluster: &Cluster, planned: &Planned) -> anyhow::Result<Option<GeneratedNetworkPolicy>> {
    if planned.has_object {
        return Ok(cluster.find(&planned.object())?);
    }
    let neighborhood: Option<NetworkNeighborhood> = cluster.find(&NEIGHBORHOODS.object(&planned.namespace, &planned.name))?;
    Ok(neighborhood.map(|neighborhood| network::object(&neighborhood, &network::Options::default())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    const PLAN: &str = r#"{"kind": "runtimemap.io/policy-plan.v1", "policies": [{"namespace": "a", "name": "b", "generated": "c",
        "replaces": {"uid": "d", "resourceVersion": "7"}, "hasObject": true, "review": {"decisions": []},
        "policy": {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "b"}, "spec": {"podSelector": {}}}}]}"#;

    #[test]
    fn any_file_is_a_plan_or_an_error() {
        assert!(File::read(PLAN, &Source::Stdin).is_ok());
        let read = |text: String| {
            if let Ok(file) = File::read(&text, &Source::Stdin) {
                file.policies.iter().for_each(|planned| assert!(planned.uri().starts_with('/') && planned.yaml().is_ok()));
            }
        };
        fuzz::run(&fuzz::damaged(&[PLAN]), read);
        fuzz::run(&fuzz::changed(&[PLAN]), |text| read(text.replace("\n---\n", "")));
    }
}
