//! `seccomp patch`: what makes a workload use its filter, and what else its securityContext could say.

pub(crate) mod advice;

use std::io::{self, IsTerminal, Write};

use anyhow::{Context, bail};
use runtimemap_crds::yaml;
use serde_json::{Value, json};

use crate::{
    cli::Report,
    cluster::{Cluster, Kinds, Resource, WORKLOADS},
    escape, export,
    input::{Input, Learned},
    map::Map,
    page::Screen,
    show::warnings,
};

/// For which workloads, and whether to do it.
#[derive(Debug, PartialEq)]
pub(crate) struct Patch {
    pub(crate) input: Input,
    pub(crate) apply: bool,
    pub(crate) yes: bool,
}

/// Prints the patches, and applies them where that was asked for and confirmed.
pub(crate) fn patch(plan: &Patch, _: Screen) -> anyhow::Result<Report> {
    let Patch { input, apply, yes } = plan;
    let Learned { maps, remarks, cluster } = input.read(Kinds::SECCOMP)?;
    let maps: Vec<&Map> = maps.iter().filter(|map| map.profile.is_some()).collect();
    if maps.is_empty() {
        bail!("there is no ApplicationProfile, from which filters and advice are made");
    }
    let mut report = Report { remarks, ..Report::default() };
    let mut documents = Vec::new();
    for map in &maps {
        documents.push(document(map)?);
    }
    let text = documents.join("---\n");
    if !apply {
        report.text = text;
        return Ok(report);
    }
    let Some(cluster) = cluster else { bail!("--apply patches workloads of a cluster: leave -f out") };
    let targets: Vec<(&Map, &Resource)> = maps.iter().map(|map| Ok((*map, target(map)?))).collect::<anyhow::Result<_>>()?;
    if !yes {
        if !io::stdin().is_terminal() {
            bail!("there is no terminal to confirm at: look at the patch without --apply, then give --yes");
        }
        let mut stderr = io::stderr();
        write!(stderr, "{text}\nA pod whose node has not got its filter does not start. Patch {}? [y,n] ", names(&targets))?;
        stderr.flush()?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).context("failed to read the answer")?;
        if answer.trim() != "y" {
            report.remarks.push("Nothing was changed.".to_owned());
            return Ok(report);
        }
    }
    for (map, resource) in targets {
        let name = &map.workload().map(|workload| workload.name.clone()).unwrap_or_default();
        carry_out(&cluster, map, resource, name)?;
        report.text.push_str(&format!("{} patched\n", escape::line(&resource.named(name))));
    }
    Ok(report)
}

fn names(targets: &[(&Map, &Resource)]) -> String {
    let names: Vec<String> =
        targets.iter().map(|(map, _)| escape::line(&format!("{}/{}", map.namespace, map.title())).into_owned()).collect();
    names.join(", ")
}

fn target(map: &Map) -> anyhow::Result<&'static Resource> {
    let kind = map.workload().map(|workload| workload.kind.as_str()).unwrap_or_default();
    match WORKLOADS.iter().find(|resource| resource.kind == kind) {
        Some(resource) if kind != "Pod" && kind != "Job" => Ok(resource),
        _ => bail!("{} cannot be patched once it is there: put what is printed into its manifest", map.title()),
    }
}

fn carry_out(cluster: &Cluster, map: &Map, resource: &Resource, name: &str) -> anyhow::Result<()> {
    let uri = resource.object(&map.namespace, name);
    let body = wrapped(resource.kind, &pod_patch(map));
    cluster.strategic(&uri, &body)?;
    Ok(())
}

/// The patch of a pod's spec: for each container its filter.
fn pod_patch(map: &Map) -> Value {
    let Some(profile) = &map.profile else { return json!({}) };
    let namespace = if map.namespace.is_empty() { "default" } else { &map.namespace };
    let filtered = profile.spec.init_containers.len() + profile.spec.containers.len();
    let of = |name: &str| {
        let file = export::file_name(&map.name, name, filtered == 1);
        let profile = json!({"type": "Localhost", "localhostProfile": format!("runtimemap/{namespace}/{file}")});
        json!({"name": name, "securityContext": {"seccompProfile": profile}})
    };
    let list =
        |containers: &[runtimemap_crds::ContainerProfile]| containers.iter().map(|container| of(&container.name)).collect::<Vec<_>>();
    let mut patch = json!({"containers": list(&profile.spec.containers)});
    if !profile.spec.init_containers.is_empty() {
        patch["initContainers"] = list(&profile.spec.init_containers).into();
    }
    patch
}

/// A pod's patch at the place where the workload has its template.
fn wrapped(kind: &str, pod: &Value) -> Value {
    match kind {
        // A command that was recorded without a cluster is to be somebody's pod.
        "Pod" | "StaticPod" | "Command" => json!({"spec": pod}),
        "CronJob" => json!({"spec": {"jobTemplate": {"spec": {"template": {"spec": pod}}}}}),
        _ => json!({"spec": {"template": {"spec": pod}}}),
    }
}

fn document(map: &Map) -> anyhow::Result<String> {
    let comment = |text: &str| format!("# {}\n", escape::line(text));
    let mut text =
        comment(&format!("For {}: each container under the filter that `kubectl runtimemap seccomp export` writes.", map.title()));
    for warning in warnings(map) {
        text.push_str(&comment(&format!("Warning: {warning}")));
    }
    text.push_str(&comment("The nodes need the files first: a pod whose node has none does not start."));
    for line in advice::advice(map) {
        text.push_str(&comment(&format!("Advice: {line}")));
    }
    let kind = map.workload().map_or("Pod", |workload| workload.kind.as_str());
    text.push_str(&escape::yaml(&yaml::to_string(&wrapped(kind, &pod_patch(map)))?));
    Ok(text)
}
