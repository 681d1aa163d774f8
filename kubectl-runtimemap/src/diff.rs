//! `diff`: what was learned against what is declared, or against what was learned elsewhere.

mod declared;
mod learned;
mod network;
mod pod;
mod revision;
mod surface;
mod view;

use std::path::PathBuf;

use anyhow::bail;
use serde_json::json;

use crate::{
    cli::{Part, Report},
    cluster::{Cluster, Kinds},
    escape, in_force,
    input::{Input, Learned, Scope},
    manifests,
    map::{Map, assemble},
    page::Screen,
    source::Source,
    workload::Workload,
};
use declared::Declared;
use surface::{Pair, Surface};

/// What to compare with what.
#[derive(Debug, PartialEq)]
pub(crate) struct Diff {
    pub(crate) input: Input,
    pub(crate) other: Other,
    /// Only these parts; empty means all.
    pub(crate) only: Vec<Part>,
    pub(crate) json: bool,
}

/// What to compare what was learned with.
#[derive(Debug, PartialEq)]
pub(crate) enum Other {
    /// Files and directories.
    Manifests(Vec<PathBuf>),
    /// A directory that kubectl renders.
    Kustomize(PathBuf),
    /// Another recording.
    Recording(Source),
    /// What was learned in another namespace.
    Namespace(String),
    /// Two revisions with each other, by their ids.
    Revisions(String, String),
    /// The objects of the cluster.
    Live,
}

/// Compares. Found is: something differs.
pub(crate) fn diff(plan: &Diff, screen: Screen) -> anyhow::Result<Report> {
    let Diff { input, other, only, json } = plan;
    let Learned { maps, mut remarks, cluster } = input.read(Kinds::ALL)?;
    if maps.is_empty() {
        bail!("nothing was learned that could be compared");
    }
    let pairs = match other {
        Other::Recording(source) => {
            let others = input.selection(None).of(assemble(source.read()?))?;
            recordings(&maps, &others, only, &mut remarks)
        }
        Other::Namespace(namespace) => {
            let mut selection = input.selection(cluster.as_ref());
            selection.namespace = Some(namespace.clone());
            let others = match &cluster {
                Some(cluster) => cluster.maps(&selection, Kinds::ALL)?.maps,
                None => Input { scope: Scope::Named(namespace.clone()), ..input.clone() }.read(Kinds::ALL)?.maps,
            };
            recordings(&maps, &others, only, &mut remarks)
        }
        Other::Revisions(older, newer) => maps
            .iter()
            .map(|map| {
                let side = |id: &str| anyhow::Ok(learned::surface(&revision::only(map, id)?, only));
                Ok(Pair::new(map, ("older", side(older)?), ("newer", side(newer)?)))
            })
            .collect::<anyhow::Result<_>>()?,
        Other::Manifests(_) | Other::Kustomize(_) | Other::Live => {
            let declared = declared(plan, cluster.as_ref(), &maps, &mut remarks)?;
            against_declared(&maps, &declared, only, &mut remarks)?
        }
    };
    let differing: Vec<&Pair> = pairs.iter().filter(|pair| pair.differs()).collect();
    let found = !differing.is_empty();
    let text = if *json {
        let differences: Vec<_> = differing.iter().flat_map(|pair| pair.differences()).collect();
        escape::json(&serde_json::to_string_pretty(&json!({"differences": differences, "compared": pairs.len()}))?).into_owned() + "\n"
    } else {
        match view::external() {
            Some(program) => {
                return Ok(Report { found: view::by_program(&program, &pairs)?, remarks, text: String::new() });
            }
            None => view::unified(&differing, screen),
        }
    };
    Ok(Report { text, remarks, found })
}

/// Each workload with its like: of the same kind and name.
fn recordings(maps: &[Map], others: &[Map], only: &[Part], remarks: &mut Vec<String>) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let mut matched = vec![false; others.len()];
    for map in maps {
        let like = others.iter().position(|other| other.name == map.name);
        match like {
            Some(place) => {
                matched[place] = true;
                let (first, second) = (learned::surface(map, only), learned::surface(&others[place], only));
                pairs.push(Pair::new(map, ("first", first), ("second", second)));
            }
            None => remarks.push(format!("Warning: {} is only in the first recording", map.title())),
        }
    }
    for (other, _) in others.iter().zip(&matched).filter(|(_, matched)| !**matched) {
        remarks.push(format!("Warning: {} is only in the second recording", other.title()));
    }
    // What is on one side only differs from nothing.
    let alone = |map: &Map, only_first: bool| {
        let surface = learned::surface(map, only);
        let (first, second) = if only_first { (surface, Surface::default()) } else { (Surface::default(), surface) };
        Pair::new(map, ("first", first), ("second", second))
    };
    pairs.extend(maps.iter().filter(|map| !others.iter().any(|other| other.name == map.name)).map(|map| alone(map, true)));
    pairs.extend(others.iter().zip(matched).filter(|(_, matched)| !matched).map(|(map, _)| alone(map, false)));
    pairs
}

/// Reads what is declared of the workloads.
fn declared(plan: &Diff, cluster: Option<&Cluster>, maps: &[Map], remarks: &mut Vec<String>) -> anyhow::Result<Declared> {
    let namespace = match (&plan.input.scope, cluster) {
        (Scope::Named(namespace), _) => namespace.clone(),
        (Scope::Default, Some(cluster)) => cluster.namespace().to_owned(),
        (Scope::Default | Scope::All, _) => "default".to_owned(),
    };
    Ok(match (&plan.other, cluster) {
        (Other::Manifests(paths), _) => Declared::of(manifests::read(paths)?, &namespace, Default::default())?,
        (Other::Kustomize(directory), _) => Declared::of(manifests::kustomize(directory)?, &namespace, Default::default())?,
        (_, Some(cluster)) => {
            let live = crate::recorded::live(cluster)?;
            let mut declared = Declared::of(Vec::new(), &namespace, live)?;
            declared.policies = in_force::of_cluster(cluster)?;
            for map in maps {
                declared.workloads.extend(Workload::live(cluster, map, remarks)?);
            }
            declared
        }
        (_, None) => bail!("there is no cluster to compare with: give --manifests PATH, -k DIR or --against FILE"),
    })
}

fn against_declared(maps: &[Map], declared: &Declared, only: &[Part], remarks: &mut Vec<String>) -> anyhow::Result<Vec<Pair>> {
    let wanted = |part| only.is_empty() || only.contains(&part);
    let mut network = network::surfaces(maps, declared, remarks)?;
    let mut pairs = Vec::new();
    for (map, network) in maps.iter().zip(&mut network) {
        let mut first = Surface::default();
        let mut second = Surface::default();
        match declared.pod_of(map) {
            Some(pod) => pod::compare(map, pod, &wanted, &mut first, &mut second),
            None => remarks.push(format!("Note: no manifest declares {}, so only policies are compared", map.title())),
        }
        if wanted(Part::Network) {
            first.extend(std::mem::take(&mut network.0));
            second.extend(std::mem::take(&mut network.1));
        }
        pairs.push(Pair::new(map, ("declared", first), ("learned", second)));
    }
    Ok(pairs)
}
