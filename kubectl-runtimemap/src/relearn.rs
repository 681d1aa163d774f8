//! `relearn`: a workload learns for a whole period again.

use anyhow::bail;
use k8s_openapi::jiff::Timestamp;
use serde_json::json;

use crate::{
    cli::Report,
    cluster::{Resource, WORKLOADS},
    input::Input,
};

/// What the controller looks for on a workload.
const ANNOTATION: &str = "runtimemap.io/relearn";

/// Which workloads.
#[derive(Debug, PartialEq)]
pub(crate) struct Relearn {
    pub(crate) input: Input,
    pub(crate) dry_run: bool,
}

/// Sets the annotation of each.
pub(crate) fn relearn(plan: &Relearn) -> anyhow::Result<Report> {
    let Relearn { input, dry_run } = plan;
    let workloads: Vec<(&Resource, &str)> =
        input.names.iter().map(|name| Ok((resource(name)?, name.bare()))).collect::<anyhow::Result<_>>()?;
    let cluster = input.connect()?;
    let Some(namespace) = input.selection(Some(&cluster)).namespace else {
        bail!("a workload is in one namespace: give it with -n instead of -A");
    };
    let now = Timestamp::now().round(k8s_openapi::jiff::Unit::Second)?;
    let mut report = Report::default();
    for (resource, name) in workloads {
        let uri = resource.object(&namespace, name);
        let marker = if *dry_run {
            cluster.get::<serde_json::Value>(&uri)?;
            " (dry run)"
        } else {
            cluster.merge(&uri, &json!({"metadata": {"annotations": {ANNOTATION: now.to_string()}}}))?;
            ""
        };
        report.text.push_str(&format!("{} learns again{marker}\n", resource.named(name)));
    }
    Ok(report)
}

/// Where a kind of workload is found.
fn resource(name: &crate::selection::Name) -> anyhow::Result<&'static Resource> {
    let kinds = || WORKLOADS.iter().map(|resource| resource.kind.to_lowercase()).collect::<Vec<_>>().join(", ");
    let Some(kind) = name.workload_kind() else {
        bail!("{:?} does not say what it is: give KIND/NAME, the kind one of {}", name.text(), kinds());
    };
    WORKLOADS
        .iter()
        .find(|resource| resource.plural == kind || resource.kind.to_lowercase() == kind)
        .ok_or_else(|| anyhow::anyhow!("{:?} is no workload that can be told to learn again; the kind is one of {}", name.text(), kinds()))
}
