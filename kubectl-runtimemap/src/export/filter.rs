//! Seccomp filters as the JSON of the OCI runtime specification.

use anyhow::{Context, bail};
use runtimemap_crds::{OciSeccomp, SeccompProfile};
use runtimemap_policy::seccomp;

use super::{
    destination::{self, Destination, Document},
    lacks, operator,
};
use crate::{
    cli::Report,
    cluster::Kinds,
    escape,
    input::{Input, Learned},
    map::Map,
};

/// What to export, and where to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SeccompExport {
    pub(crate) input: Input,
    pub(crate) filter: Filter,
    /// Log what is not listed, and refuse nothing.
    pub(crate) audit: bool,
    /// As an object of the Security Profiles Operator.
    pub(crate) operator: bool,
    pub(crate) destination: Destination,
}

/// Which filter is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    /// The only one there is.
    Any,
    /// That of the whole pod.
    Pod,
    /// That of this container.
    Container(String),
}

/// A filter with its place below a kubelet's seccomp directory.
struct Placed<'a> {
    map: &'a Map,
    filter: Filter,
    content: &'a OciSeccomp,
    path: Vec<String>,
}

/// Carries the plan out.
pub(crate) fn filters(plan: &SeccompExport) -> anyhow::Result<Report> {
    let SeccompExport { input, filter, audit, operator, destination } = plan;
    let Learned { mut maps, remarks: mut withheld, .. } = input.read(Kinds::SECCOMP)?;
    for map in &mut maps {
        if *audit && map.profile.is_none() {
            bail!("{}: there is no ApplicationProfile, which --audit needs to make the filter from", map.title());
        }
        if let Some(profile) = &map.profile
            && (*audit || map.seccomp.is_none())
        {
            map.seccomp = Some(Box::new(seccomp::generate(profile, &seccomp::Options { audit: *audit, ..seccomp::Options::default() })));
        }
    }
    let all: Vec<Placed<'_>> = maps.iter().flat_map(|map| map.seccomp.iter().flat_map(|profile| placed(map, profile))).collect();
    if all.is_empty() {
        bail!(
            "there is no SeccompProfile with a filter and no ApplicationProfile to make one from; give the file that `runtimemap-recorder record` wrote"
        );
    }
    let there = all.iter().map(Placed::flags).collect::<Vec<_>>().join("; ");
    let chosen: Vec<Placed<'_>> = all.into_iter().filter(|placed| *filter == Filter::Any || placed.filter == *filter).collect();
    if chosen.is_empty() {
        bail!("there is no such filter; there is: {there}");
    }
    let text = match (destination, chosen.as_slice()) {
        (Destination::Directory(directory), chosen) => {
            let documents = chosen.iter().map(|placed| placed.document(*operator)).collect::<Result<Vec<_>, _>>()?;
            destination::write(directory, &documents)?
        }
        (Destination::Stdout, [only]) => only.document(*operator)?.text,
        (Destination::Stdout, several) if *operator => {
            // Objects can stand in one stream; filters cannot.
            let documents = several.iter().map(|placed| placed.document(true)).collect::<Result<Vec<_>, _>>()?;
            documents.iter().map(|document| document.text.as_str()).collect::<Vec<_>>().join("---\n")
        }
        (Destination::Stdout, several) => {
            let choices = several.iter().map(Placed::flags).collect::<Vec<_>>().join("; ");
            bail!("there are {} filters; choose one of: {choices}; or write all of them with --output DIR", several.len())
        }
    };
    withheld.extend(remarks(&chosen));
    Ok(Report { text, remarks: withheld, found: false })
}

/// The filters of one profile, under the names that a pod's `localhostProfile` has.
fn placed<'a>(map: &'a Map, profile: &'a SeccompProfile) -> Vec<Placed<'a>> {
    let namespace = if map.namespace.is_empty() { "default" } else { &map.namespace };
    let place = |(container, name, content): (Option<&str>, String, &'a OciSeccomp)| {
        let filter = container.map_or(Filter::Pod, |container| Filter::Container(container.to_owned()));
        Placed { map, filter, content, path: vec!["runtimemap".to_owned(), namespace.to_owned(), format!("{name}.json")] }
    };
    profile.spec.named(&map.name).into_iter().map(place).collect()
}

impl Placed<'_> {
    /// The arguments that choose it.
    fn flags(&self) -> String {
        match &self.filter {
            Filter::Container(container) => format!("{} --container {container}", self.map.name),
            Filter::Pod | Filter::Any => format!("{} --pod", self.map.name),
        }
    }

    fn document(&self, as_object: bool) -> anyhow::Result<Document> {
        if as_object {
            return operator::document(&self.map.namespace, &self.path, self.content);
        }
        let json = serde_json::to_string_pretty(self.content).context("failed to write JSON")?;
        Ok(Document { path: self.path.clone(), text: escape::json(&json).into_owned() + "\n" })
    }
}

/// JSON has no comments, so what a reviewer should know goes to standard error.
fn remarks(chosen: &[Placed<'_>]) -> Vec<String> {
    let mut remarks = Vec::new();
    let mut last: Option<&Map> = None;
    for Placed { map, .. } in chosen {
        // A map's filters stand side by side.
        if last.is_some_and(|last| std::ptr::eq(last, *map)) {
            continue;
        }
        last = Some(map);
        remarks.extend(lacks(map));
        let notes = map.seccomp.iter().filter_map(|profile| profile.status.as_ref()).flat_map(|status| &status.notes);
        remarks.extend(notes.map(|note| format!("Note: {}: {note}", map.title())));
    }
    remarks
}
