//! `seccomp patch`: what makes a workload use its filter, and what else its securityContext should say.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal, Write},
};

use anyhow::{Context, bail};
use runtimemap_crds::{ApplicationProfile, seccomp_profile::filter_name, yaml};
use runtimemap_policy::security_context::{Advice, Known, advise};

use crate::{
    cli::Report,
    cluster::{Cluster, Kinds, Resource, WORKLOADS},
    escape, export,
    input::{Input, Learned},
    map::{Map, refuse_learning},
    show::warnings,
    workload::Workload,
};

/// For which workloads, and whether to do it.
#[derive(Debug, PartialEq)]
pub(crate) struct Patch {
    pub(crate) input: Input,
    pub(crate) apply: bool,
    pub(crate) yes: bool,
    pub(crate) allow_incomplete: bool,
}

/// Prints the patches, and applies them where that was asked for and confirmed.
pub(crate) fn patch(plan: &Patch) -> anyhow::Result<Report> {
    let Patch { input, apply, yes, allow_incomplete } = plan;
    let Learned { maps, mut remarks, cluster } = input.read(Kinds::SECCOMP)?;
    let mut patches: Vec<(&Map, Advice)> = Vec::new();
    for map in &maps {
        let Some(profile) = &map.profile else { continue };
        let live = cluster.as_ref().map(|cluster| Workload::live(cluster, map, &mut remarks)).transpose()?.flatten();
        let mounts = live.map(|workload| workload.mounts()).unwrap_or_default();
        patches.push((map, advise(profile, &Known { mounts, filters: filters(map, profile) })));
    }
    if patches.is_empty() {
        bail!("there is no ApplicationProfile, from which filters and advice are made");
    }
    let documents: Vec<String> = patches.iter().map(|(map, advice)| document(map, advice)).collect::<anyhow::Result<_>>()?;
    let text = documents.join("---\n");
    if !apply {
        return Ok(Report { text, remarks, found: false });
    }
    let Some(cluster) = cluster else { bail!("--apply patches workloads of a cluster: leave -f out") };
    refuse_learning(maps.iter().filter(|map| map.profile.is_some()), *allow_incomplete)?;
    let targets: Vec<&Resource> = patches.iter().map(|(map, _)| target(map)).collect::<anyhow::Result<_>>()?;
    if *yes {
        // Nobody sees the patch, and with it what the recording lacks.
        remarks.extend(patches.iter().flat_map(|(map, _)| export::lacks(map)));
    } else if !confirmed(&text, &names(&patches))? {
        remarks.push("Nothing was changed.".to_owned());
        return Ok(Report { remarks, ..Report::default() });
    }
    let mut report = Report { remarks, ..Report::default() };
    for ((map, advice), resource) in patches.iter().zip(targets) {
        let named = carry_out(&cluster, map, resource, advice)?;
        report.text.push_str(&format!("{} patched\n", escape::line(&named)));
    }
    Ok(report)
}

/// Shows the patches and asks.
fn confirmed(text: &str, names: &str) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        bail!("there is no terminal to confirm at: look at the patch without --apply, then give --yes");
    }
    let mut stderr = io::stderr();
    write!(stderr, "{text}\nA pod whose node has not got its filter does not start. Patch {names}? [y,n] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).context("failed to read the answer")?;
    Ok(answer.trim() == "y")
}

fn names(patches: &[(&Map, Advice)]) -> String {
    let name = |(map, _): &(&Map, Advice)| escape::line(&format!("{}/{}", map.namespace, map.title())).into_owned();
    patches.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn target(map: &Map) -> anyhow::Result<&'static Resource> {
    let kind = map.workload().map(|workload| workload.kind.as_str()).unwrap_or_default();
    match WORKLOADS.iter().find(|resource| resource.kind == kind) {
        Some(resource) if kind != "Pod" && kind != "Job" => Ok(resource),
        _ => bail!("{} cannot be patched once it is there: put what is printed into its manifest", map.title()),
    }
}

/// Patches a workload. Gives its name.
fn carry_out(cluster: &Cluster, map: &Map, resource: &Resource, advice: &Advice) -> anyhow::Result<String> {
    let name = map.workload().map(|workload| workload.name.as_str()).unwrap_or_default();
    cluster.strategic(&resource.object(&map.namespace, name), &advice.patch)?;
    Ok(resource.named(name))
}

/// The files of the filters of a workload's containers, as `seccomp export` names them.
fn filters(map: &Map, profile: &ApplicationProfile) -> BTreeMap<String, String> {
    let namespace = if map.namespace.is_empty() { "default" } else { &map.namespace };
    let (names, pod): (Vec<&String>, bool) = match &map.seccomp {
        Some(filters) => (filters.spec.containers.keys().collect(), filters.spec.pod.is_some()),
        None => (profile.spec.init_containers.iter().chain(&profile.spec.containers).map(|container| &container.name).collect(), false),
    };
    let alone = names.len() == 1 && !pod;
    let file = |name: &String| format!("runtimemap/{namespace}/{}.json", filter_name(&map.name, name, alone));
    names.into_iter().map(|name| (name.clone(), file(name))).collect()
}

/// The patch under what a reviewer should know of it.
fn document(map: &Map, advice: &Advice) -> anyhow::Result<String> {
    let comment = |text: &str| format!("# {}\n", escape::line(text));
    let mut text =
        comment(&format!("For {}: each container under the filter that `kubectl runtimemap seccomp export` writes.", map.title()));
    for warning in warnings(map) {
        text.push_str(&comment(&format!("Warning: {warning}")));
    }
    text.push_str(&comment("The nodes need the files first: a pod whose node has none does not start."));
    for note in &advice.notes {
        text.push_str(&comment(&format!("Note: {note}")));
    }
    text.push_str(&escape::yaml(&yaml::to_string(&advice.patch)?));
    Ok(text)
}
