//! `show`: what is known of workloads, for a person or as the objects themselves.

mod capabilities;
mod generated;
mod headline;
mod network;
mod objects;
mod opens;
mod place;
mod programs;
mod revisions;
mod rows;
mod syscalls;
mod wording;

use std::collections::BTreeSet;

use anyhow::bail;
use k8s_openapi::jiff::Timestamp;
use runtimemap_crds::{ContainerNeighborhood, ContainerProfile};

use crate::{
    cli::{Part, Report},
    cluster::{Cluster, Event, Failure, Kinds, NEIGHBORHOODS, PROFILES, Query, Resource},
    input::{Input, Learned, Scope},
    map::Map,
    page::{Page, Screen},
    workload::Workload,
};
use rows::{Listing, Look};

pub(crate) use generated::described;
pub(crate) use network::{peer, port};
pub(crate) use objects::Objects;
pub(crate) use programs::quoted;
pub(crate) use wording::{count, origin, warnings};

/// Workloads of a file that are shown in full without being named; of more there is a list.
const FEW: usize = 5;

/// What to show.
#[derive(Debug, PartialEq)]
pub(crate) struct Show {
    pub(crate) input: Input,
    pub(crate) content: Content,
    pub(crate) watch: bool,
    pub(crate) no_headers: bool,
}

/// For whom.
#[derive(Debug, PartialEq)]
pub(crate) enum Content {
    Summary(View),
    Objects(Objects),
}

/// How much of a summary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct View {
    /// Only this container.
    pub(crate) container: Option<String>,
    /// Only these parts; empty means all.
    pub(crate) parts: Vec<Part>,
    /// With the evidence.
    pub(crate) wide: bool,
}

impl View {
    fn has(&self, part: Part) -> bool {
        self.parts.is_empty() || self.parts.contains(&part)
    }

    /// Whether lists are shown in full.
    fn full(&self) -> bool {
        self.wide || !self.parts.is_empty()
    }
}

/// Shows it. A long list goes to `write` page by page; what is left is in the report.
pub(crate) fn show(plan: &Show, screen: Screen, write: &mut dyn FnMut(&str) -> anyhow::Result<()>) -> anyhow::Result<Report> {
    let Show { input, content, watch, no_headers } = plan;
    let view = match content {
        Content::Objects(format) => {
            let Learned { maps, remarks, .. } = input.read(Kinds::ALL)?;
            return Ok(Report { text: format.text(&maps)?, remarks, found: false });
        }
        Content::Summary(view) => view,
    };
    let whole = view.container.is_none() && view.parts.is_empty() && input.names.is_empty();
    let look =
        Look { namespaces: input.scope == Scope::All || input.is_files(), wide: view.wide, no_headers: *no_headers, no_peers: false };
    if (whole || *watch) && !input.is_files() {
        return list(&input.connect()?, input, look, *watch, write);
    }
    let Learned { mut maps, mut remarks, cluster } = input.read(Kinds::ALL)?;
    if let Some(cluster) = &cluster {
        for map in &mut maps {
            map.privileged = Workload::live(cluster, map, &mut remarks)?.map(|workload| workload.privileged()).unwrap_or_default();
        }
    }
    let text = if whole && maps.len() > FEW {
        let now = Timestamp::now();
        let cells: Vec<_> = maps.iter().map(|map| rows::cells(map, now)).collect();
        Listing::new(look, now).lines(&cells)
    } else {
        summary(&maps, view, screen)?
    };
    Ok(Report { text, remarks, found: false })
}

/// The list of a cluster: never more than a page of it in memory.
fn list(
    cluster: &Cluster,
    input: &Input,
    look: Look,
    watch: bool,
    write: &mut dyn FnMut(&str) -> anyhow::Result<()>,
) -> anyhow::Result<Report> {
    let selection = input.selection(Some(cluster));
    let fields = match input.names.as_slice() {
        [] => String::new(),
        [name] => format!("spec.workload.name={}", name.bare()),
        _ => bail!("one workload or all of them can be watched: give one name, or none"),
    };
    let query = Query { namespace: selection.namespace.as_deref(), labels: &selection.labels, fields: &fields };
    // Whoever may not read profiles may still see the network.
    let mut resource: &Resource = &PROFILES;
    let mut pages = cluster.rows(resource, query);
    let first = match pages.page() {
        Err(failure) if failure.is_forbidden() => {
            resource = &NEIGHBORHOODS;
            pages = cluster.rows(resource, query);
            pages.page().map_err(|_| failure)
        }
        first => first,
    };
    let mut page = first.map_err(not_installed)?;
    let mut listing = Listing::new(Look { no_peers: *resource == PROFILES, ..look }, Timestamp::now());
    let mut any = false;
    while let Some(cells) = page {
        if !cells.is_empty() {
            any = true;
            write(&listing.lines(&cells))?;
        }
        page = pages.page()?;
    }
    let mut report = Report::default();
    if !any {
        let place = selection.namespace.as_ref().map_or_else(String::new, |namespace| format!(" in {namespace} namespace"));
        report.remarks.push(format!("No workload was learned{place}."));
    }
    if watch {
        let version = pages.version.clone();
        cluster.watch(resource, query, &version, |event| match event {
            Event::Row(cells) => write(&listing.lines(&[cells])),
            Event::Deleted(cells) => write(&listing.lines(&[cells]).replace('\n', "   (deleted)\n")),
        })?;
    }
    Ok(report)
}

/// A cluster without our kinds answers as if a path were mistyped.
fn not_installed(failure: Failure) -> anyhow::Error {
    if failure.is_not_found() {
        anyhow::anyhow!(
            "the cluster has no applicationprofiles.runtimemap.io: runtimemap is not installed there; `kubectl runtimemap status` says more"
        )
    } else {
        failure.into()
    }
}

fn summary(maps: &[Map], view: &View, screen: Screen) -> anyhow::Result<String> {
    let mut page = Page::new(screen);
    let mut names = BTreeSet::new();
    let mut shown = false;
    for map in maps {
        let mut containers = containers(map);
        names.extend(containers.iter().map(|container| container.name.to_owned()));
        if let Some(name) = &view.container {
            containers.retain(|container| container.name == *name);
            if containers.is_empty() {
                continue;
            }
        }
        shown = true;
        page.blank();
        headline::write(&mut page, map);
        // A command recorded without a cluster is no container, and has only one.
        let is_command = map.workload().is_some_and(|workload| workload.kind == "Command") && containers.len() == 1;
        for container in &containers {
            if !is_command {
                page.heading(&container.title());
            }
            container.write(&mut page, view);
        }
        missing(&mut page, map, view);
        if view.parts.is_empty() && view.container.is_none() {
            generated::write(&mut page, map, view);
            if view.wide {
                revisions::write(&mut page, map);
            }
        }
    }
    if let (false, Some(name)) = (shown, &view.container) {
        bail!("no container is called {name:?}; there is {}", names.into_iter().collect::<Vec<_>>().join(", "));
    }
    Ok(page.into_text())
}

/// Silence about an object that is not there would read as: it does nothing.
fn missing(page: &mut Page, map: &Map, view: &View) {
    if map.neighborhood.is_none() && view.has(Part::Network) {
        page.nothing("No NetworkNeighborhood was given: whom it talks to is not known");
    }
    if map.profile.is_none() && [Part::Execs, Part::Files, Part::Caps, Part::Syscalls].into_iter().any(|part| view.has(part)) {
        page.nothing("No ApplicationProfile was given: what it runs, opens and calls is not known");
    }
}

/// One container, with what each object knows of it.
struct Container<'a> {
    /// In the words of a pod's spec; empty for an ordinary one.
    class: &'static str,
    name: &'a str,
    profile: Option<&'a ContainerProfile>,
    neighborhood: Option<&'a ContainerNeighborhood>,
}

/// Containers in the order in which they start.
fn containers(map: &Map) -> Vec<Container<'_>> {
    let profile = map.profile.as_ref().map(|object| &object.spec);
    let neighborhood = map.neighborhood.as_ref().map(|object| &object.spec);
    let mut containers = Vec::new();
    for (class, profiles, neighborhoods) in [
        ("init ", profile.map(|spec| &spec.init_containers), neighborhood.map(|spec| &spec.init_containers)),
        ("", profile.map(|spec| &spec.containers), neighborhood.map(|spec| &spec.containers)),
        ("ephemeral ", profile.map(|spec| &spec.ephemeral_containers), neighborhood.map(|spec| &spec.ephemeral_containers)),
    ] {
        let profiles = profiles.map(Vec::as_slice).unwrap_or_default();
        let neighborhoods = neighborhoods.map(Vec::as_slice).unwrap_or_default();
        containers.extend(profiles.iter().map(|profile| Container {
            class,
            name: &profile.name,
            profile: Some(profile),
            neighborhood: neighborhoods.iter().find(|other| other.name == profile.name),
        }));
        containers.extend(
            neighborhoods.iter().filter(|other| !profiles.iter().any(|profile| profile.name == other.name)).map(|other| Container {
                class,
                name: &other.name,
                profile: None,
                neighborhood: Some(other),
            }),
        );
    }
    containers
}

impl Container<'_> {
    fn title(&self) -> String {
        let images: Vec<&str> = self.profile.iter().flat_map(|profile| &profile.images).map(|image| image.image.as_str()).collect();
        let images = if images.is_empty() { String::new() } else { format!(" ({})", images.join(", ")) };
        let title = format!("{}container {}{images}", self.class, self.name);
        // As the first word of a line.
        title[..1].to_uppercase() + &title[1..]
    }

    fn write(&self, page: &mut Page, view: &View) {
        if let Some(profile) = self.profile {
            if view.has(Part::Execs) {
                programs::write(page, &profile.execs, view);
            }
            if view.has(Part::Files) {
                opens::write(page, &profile.opens, view);
            }
        }
        if let Some(neighborhood) = self.neighborhood
            && view.has(Part::Network)
        {
            network::write(page, neighborhood, view);
        }
        if let Some(profile) = self.profile {
            if view.has(Part::Caps) {
                capabilities::write(page, &profile.capabilities, view);
            }
            if view.has(Part::Syscalls) {
                syscalls::write(page, profile, view);
            }
        }
    }
}

#[cfg(test)]
mod tests;
