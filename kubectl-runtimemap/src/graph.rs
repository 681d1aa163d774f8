//! `graph`: who talks to whom, drawn.

mod html;
mod layout;
mod model;
mod svg;
mod text;

use crate::{
    cli::{GraphFormat, Report},
    cluster::Kinds,
    in_force,
    input::{Input, Learned},
    recorded,
};
use layout::Layout;
use model::Model;

/// What to draw, and as what.
#[derive(Debug, PartialEq)]
pub(crate) struct Graph {
    pub(crate) input: Input,
    pub(crate) format: GraphFormat,
}

/// Draws it.
pub(crate) fn graph(plan: &Graph) -> anyhow::Result<Report> {
    let Graph { input, format } = plan;
    let Learned { maps, remarks, cluster } = input.read(Kinds::NETWORK)?;
    let neighborhoods = recorded::neighborhoods(&maps);
    if neighborhoods.is_empty() {
        anyhow::bail!("there is no NetworkNeighborhood, and so nothing to draw");
    }
    // Of a cluster: what is in force. Of files: what would be, if the policies made from them were applied.
    let (policies, live, applied) = match &cluster {
        Some(cluster) => (in_force::of_cluster(cluster)?, recorded::live(cluster)?, true),
        None => (in_force::generated(&maps), Default::default(), false),
    };
    let model = Model::of(&neighborhoods, &policies, live, applied)?;
    let text = match format {
        GraphFormat::Dot => text::dot(&model),
        GraphFormat::Mermaid => text::mermaid(&model),
        GraphFormat::Svg => svg::document(&model, &Layout::of(&model)),
        GraphFormat::Html => html::page(&model, &Layout::of(&model))?,
    };
    Ok(Report { text, remarks, found: false })
}
