//! For Graphviz and for documents that draw Mermaid.

use std::{collections::BTreeMap, fmt::Write as _};

use super::model::{Kind, Model, State};
use crate::escape;

/// Graphviz.
pub(super) fn dot(model: &Model) -> String {
    let mut text = String::from("digraph runtimemap {\n  rankdir=LR;\n  node [shape=box];\n");
    for (place, (group, nodes)) in groups(model).into_iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  subgraph cluster_{place} {{\n    label={};", quoted(group));
        for node in nodes {
            let style = if model.nodes[node].kind == Kind::Workload { "" } else { ", style=rounded" };
            let _ = writeln!(text, "    n{node} [label={}{style}];", quoted(&model.nodes[node].label));
        }
        text.push_str("  }\n");
    }
    for edge in &model.edges {
        let style = match edge.state {
            State::Allowed => "color=darkgreen",
            State::Open => "color=gray40",
            State::Attempted => "color=gray60, style=dotted",
            State::Cut => "color=red, style=dashed",
        };
        let _ = writeln!(text, "  n{} -> n{} [label={}, {style}];", edge.from, edge.to, quoted(&Model::ports(edge).join(", ")));
    }
    text + "}\n"
}

/// Mermaid, as GitHub and GitLab draw it.
pub(super) fn mermaid(model: &Model) -> String {
    let mut text = String::from("flowchart LR\n");
    for (place, (group, nodes)) in groups(model).into_iter().enumerate() {
        let _ = writeln!(text, "  subgraph g{place}[\"{}\"]", entities(group));
        for node in nodes {
            let label = entities(&model.nodes[node].label);
            let _ = match model.nodes[node].kind {
                Kind::Workload => writeln!(text, "    n{node}[\"{label}\"]"),
                Kind::Cluster | Kind::Outside => writeln!(text, "    n{node}([\"{label}\"])"),
            };
        }
        text.push_str("  end\n");
    }
    for edge in &model.edges {
        let arrow = if matches!(edge.state, State::Attempted | State::Cut) { "-.->" } else { "-->" };
        let cut = if edge.state == State::Cut { " (cut)" } else { "" };
        let _ = writeln!(text, "  n{} {arrow}|\"{}{cut}\"| n{}", edge.from, entities(&Model::ports(edge).join(", ")), edge.to);
    }
    text
}

fn groups(model: &Model) -> BTreeMap<&str, Vec<usize>> {
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, node) in model.nodes.iter().enumerate() {
        groups.entry(&node.group).or_default().push(place);
    }
    groups
}

/// A string of Graphviz: backslashes would begin an escape.
fn quoted(text: &str) -> String {
    format!("\"{}\"", escape::line(text).replace('\\', "\\\\").replace('"', "\\\""))
}

/// Mermaid writes what means something to it, or to HTML, as numbers.
fn entities(text: &str) -> String {
    let mut safe = String::new();
    for character in escape::line(text).chars() {
        if character.is_alphanumeric() || " ./:,-_()…⋯".contains(character) {
            safe.push(character);
        } else {
            let _ = write!(safe, "#{};", u32::from(character));
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_neither_markup_nor_syntax() {
        assert_eq!(entities("a\"]<b>#"), "a#34;#93;#60;b#62;#35;");
        assert_eq!(quoted("a\"\\\n"), "\"a\\\"\\\\\\\\n\"");
    }
}
