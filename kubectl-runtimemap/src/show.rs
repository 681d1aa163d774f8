//! `show`: what is known of workloads, for a person or as the objects themselves.

mod capabilities;
mod generated;
mod headline;
mod network;
mod objects;
mod opens;
mod place;
mod programs;
mod syscalls;
mod wording;

use std::collections::BTreeSet;

use anyhow::bail;
use runtimemap_crds::{ContainerNeighborhood, ContainerProfile};

use crate::{
    cli::Part,
    map::{Map, assemble},
    page::{Page, Screen},
    selection::Selection,
    source::Source,
};

pub(crate) use objects::Objects;
pub(crate) use wording::warnings;

/// What to show.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Show {
    pub(crate) sources: Vec<Source>,
    pub(crate) selection: Selection,
    pub(crate) content: Content,
}

/// For whom.
#[derive(Debug, PartialEq, Eq)]
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

/// The text to print.
pub(crate) fn show(plan: &Show, screen: Screen) -> anyhow::Result<String> {
    let Show { sources, selection, content } = plan;
    let mut all = Vec::new();
    for source in sources {
        all.extend(source.read()?);
    }
    let maps = selection.of(assemble(all))?;
    match content {
        Content::Objects(format) => format.text(&maps),
        Content::Summary(view) => summary(&maps, view, screen),
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
