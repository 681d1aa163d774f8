//! The picture.

use std::fmt::Write as _;

use super::{
    layout::{Layout, Place},
    model::{Kind, Model},
};
use crate::escape;

/// Characters of a label that fit into a node.
const LABEL: usize = 27;
/// Looks, alone or in a page. Colours are told apart by those who see none by the dashes.
pub(super) const STYLE: &str = include_str!("svg.css");

/// A document of its own.
pub(super) fn document(model: &Model, layout: &Layout) -> String {
    let Layout { width, height, .. } = layout;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\">\n\
         <style>{STYLE}</style>\n{}</svg>\n",
        content(model, layout)
    )
}

/// What stands in it.
pub(super) fn content(model: &Model, layout: &Layout) -> String {
    let mut svg = String::from(
        "<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">\
         <path d=\"M0 0L8 4L0 8z\"/></marker></defs>\n",
    );
    for (name, place) in &layout.groups {
        let Place { x, y, width, height } = place;
        // Writing to a String cannot fail.
        let _ = writeln!(
            svg,
            "<g class=\"group\" data-group=\"{}\"><rect x=\"{x:.0}\" y=\"{y:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" rx=\"8\"/>\
             <text x=\"{:.0}\" y=\"{:.0}\">{}</text></g>",
            text(name),
            x + 12.0,
            y + 22.0,
            text(name)
        );
    }
    for (index, edge) in model.edges.iter().enumerate() {
        let path = path(&layout.nodes[edge.from], &layout.nodes[edge.to]);
        let ports = Model::ports(edge).join(", ");
        let (from, to) = (&model.nodes[edge.from].label, &model.nodes[edge.to].label);
        let title = format!("{from} to {to}: {ports} ({})", edge.state.word());
        let _ = writeln!(
            svg,
            "<g class=\"edge {}\" data-edge=\"{index}\"><path class=\"hit\" d=\"{path}\"/><path class=\"line\" d=\"{path}\" \
             marker-end=\"url(#arrow)\"/><title>{}</title></g>",
            edge.state.word(),
            text(&title)
        );
    }
    for (index, (node, place)) in model.nodes.iter().zip(&layout.nodes).enumerate() {
        let Place { x, y, width, height } = place;
        let class = match node.kind {
            Kind::Workload => "workload",
            Kind::Cluster => "cluster",
            Kind::Outside => "outside",
        };
        let _ = writeln!(
            svg,
            "<g class=\"node {class}\" data-node=\"{index}\"><rect x=\"{x:.0}\" y=\"{y:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" rx=\"5\"/>\
             <text x=\"{:.0}\" y=\"{:.0}\">{}</text><title>{}</title></g>",
            x + width / 2.0,
            y + height / 2.0 + 4.0,
            text(&short(&node.label)),
            text(&node.label)
        );
    }
    svg
}

/// A curve from the right of one to the left of another; around where it goes back or down a column.
fn path(from: &Place, to: &Place) -> String {
    let (x1, y1) = (from.x + from.width, from.y + from.height / 2.0);
    let (x2, y2) = (to.x, to.y + to.height / 2.0);
    if from == to {
        let (x, y) = (from.x + from.width / 2.0, from.y);
        return format!("M{:.0} {y:.0}C{:.0} {:.0} {:.0} {:.0} {:.0} {y:.0}", x - 20.0, x - 30.0, y - 34.0, x + 30.0, y - 34.0, x + 20.0);
    }
    let bend = if x2 > x1 { ((x2 - x1) / 2.0).max(30.0) } else { 70.0 };
    format!("M{x1:.0} {y1:.0}C{:.0} {y1:.0} {:.0} {y2:.0} {x2:.0} {y2:.0}", x1 + bend, x2 - bend)
}

fn short(label: &str) -> String {
    let length = label.chars().count();
    if length <= LABEL {
        return label.to_owned();
    }
    label.chars().take(LABEL / 2).chain(['…']).chain(label.chars().skip(length - LABEL / 2)).collect()
}

/// Text for XML and HTML: neither markup nor anything that cannot be seen.
pub(super) fn text(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in escape::line(text).chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}
