//! Where nodes are drawn: groups side by side and below each other, in each the nodes in columns by how far they are down the calls.
//!
//! Deterministic: the same graph gives the same picture, on every machine.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Kind, Model};

/// Size of a node, and the room around it.
pub(super) const NODE: (f64, f64) = (190.0, 34.0);
const GAP: (f64, f64) = (70.0, 18.0);
/// Room between a group's border and its nodes; its name is in the upper one.
const PADDING: (f64, f64) = (24.0, 40.0);
const BETWEEN: f64 = 60.0;
/// Columns of a group; who is further down stands in the last.
const DEEPEST: usize = 7;
/// Nodes of one column before another is begun.
const TALLEST: usize = 12;

/// A rectangle, in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Place {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Places of all nodes, in their order, and of groups by name.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Layout {
    pub(super) nodes: Vec<Place>,
    pub(super) groups: Vec<(String, Place)>,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Layout {
    pub(super) fn of(model: &Model) -> Self {
        let depths = depths(model);
        let mut groups: BTreeMap<(Kind, &str), Vec<usize>> = BTreeMap::new();
        for (index, node) in model.nodes.iter().enumerate() {
            groups.entry((node.kind, &node.group)).or_default().push(index);
        }
        let mut layout = Self { nodes: vec![Place::default(); model.nodes.len()], ..Self::default() };
        let columns: Vec<Vec<Vec<usize>>> = groups.values().map(|nodes| columns(model, nodes, &depths)).collect();
        let area: f64 = columns.iter().map(|columns| size(columns)).map(|(width, height)| (width + BETWEEN) * (height + BETWEEN)).sum();
        // A little wider than high, as screens are; never narrower than the widest group.
        let widest = columns.iter().map(|columns| size(columns).0).fold(0.0, f64::max);
        let limit = (area * 1.6).sqrt().max(widest);
        let (mut x, mut y, mut row) = (BETWEEN, BETWEEN, 0.0_f64);
        for ((_, name), columns) in groups.keys().zip(&columns) {
            let (width, height) = size(columns);
            if x > BETWEEN && x + width > limit + BETWEEN {
                (x, y, row) = (BETWEEN, y + row + BETWEEN, 0.0);
            }
            layout.groups.push(((*name).to_owned(), Place { x, y, width, height }));
            for (column, nodes) in columns.iter().enumerate() {
                for (line, node) in nodes.iter().enumerate() {
                    layout.nodes[*node] = Place {
                        x: x + PADDING.0 + step(column, NODE.0 + GAP.0),
                        y: y + PADDING.1 + step(line, NODE.1 + GAP.1),
                        width: NODE.0,
                        height: NODE.1,
                    };
                }
            }
            x += width + BETWEEN;
            row = row.max(height);
            layout.width = layout.width.max(x);
            layout.height = layout.height.max(y + row + BETWEEN);
        }
        layout
    }
}

fn step(count: usize, length: f64) -> f64 {
    u32::try_from(count).map_or(0.0, f64::from) * length
}

fn size(columns: &[Vec<usize>]) -> (f64, f64) {
    let tallest = columns.iter().map(Vec::len).max().unwrap_or(0);
    let width = PADDING.0 * 2.0 + step(columns.len(), NODE.0 + GAP.0) - GAP.0;
    (width, PADDING.1 + PADDING.0 + step(tallest, NODE.1 + GAP.1) - GAP.1)
}

/// How many calls lead to each node, at the most. Whoever has no caller left comes next; in a circle, the first by order.
fn depths(model: &Model) -> Vec<usize> {
    let mut depths = vec![0; model.nodes.len()];
    let mut callers = vec![0_usize; model.nodes.len()];
    let mut calls: Vec<Vec<usize>> = vec![Vec::new(); model.nodes.len()];
    for edge in model.edges.iter().filter(|edge| edge.from != edge.to) {
        callers[edge.to] += 1;
        calls[edge.from].push(edge.to);
    }
    let mut waiting: BTreeSet<(usize, usize)> = callers.iter().enumerate().map(|(node, callers)| (*callers, node)).collect();
    let mut done = vec![false; model.nodes.len()];
    while let Some((left, node)) = waiting.pop_first() {
        // All that wait are in a circle: the first of them, so that the picture does not depend on which closes it.
        let node = if left == 0 {
            node
        } else {
            let first = waiting.iter().map(|(_, other)| *other).fold(node, usize::min);
            if first != node {
                waiting.insert((left, node));
                waiting.remove(&(callers[first], first));
            }
            first
        };
        done[node] = true;
        for &called in calls[node].iter().filter(|called| !done[**called]) {
            depths[called] = depths[called].max(depths[node] + 1).min(DEEPEST);
            waiting.remove(&(callers[called], called));
            callers[called] -= 1;
            waiting.insert((callers[called], called));
        }
    }
    depths
}

/// Nodes of a group by depth, each column in an order that crosses few edges, none too tall.
fn columns(model: &Model, nodes: &[usize], depths: &[usize]) -> Vec<Vec<usize>> {
    let mut by_depth: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for node in nodes {
        by_depth.entry(depths[*node]).or_default().push(*node);
    }
    let mut columns: Vec<Vec<usize>> = Vec::new();
    let mut height: BTreeMap<usize, usize> = BTreeMap::new();
    for mut column in by_depth.into_values() {
        // At the mean height of those that call it.
        let mean = |node: usize| {
            let callers: Vec<usize> =
                model.edges.iter().filter(|edge| edge.to == node).filter_map(|edge| height.get(&edge.from).copied()).collect();
            if callers.is_empty() { usize::MAX } else { callers.iter().sum::<usize>() * 16 / callers.len() }
        };
        column.sort_by_cached_key(|node| (mean(*node), *node));
        for part in column.chunks(TALLEST) {
            height.extend(part.iter().enumerate().map(|(line, node)| (*node, line)));
            columns.push(part.to_vec());
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::model::{Edge, Node, State};

    fn model(nodes: usize, edges: &[(usize, usize)]) -> Model {
        let node = |index: usize| Node { group: format!("ns{}", index % 7), label: format!("n{index:03}"), kind: Kind::Workload };
        let edge = |&(from, to): &(usize, usize)| Edge { from, to, evidence: Vec::new(), state: State::Open };
        let mut edges: Vec<Edge> = edges.iter().map(edge).collect();
        edges.sort_by_key(|edge| (edge.from, edge.to));
        Model { nodes: (0..nodes).map(node).collect(), edges }
    }

    fn overlap(a: &Place, b: &Place) -> bool {
        a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
    }

    #[test]
    fn no_two_nodes_and_no_two_groups_overlap() {
        let edges: Vec<(usize, usize)> = (0..200).flat_map(|n| [(n, (n * 7 + 1) % 200), (n, (n * 13 + 5) % 200)]).collect();
        let layout = Layout::of(&model(200, &edges));
        for places in [layout.nodes.clone(), layout.groups.iter().map(|(_, place)| *place).collect()] {
            for (index, place) in places.iter().enumerate() {
                assert!(places[..index].iter().all(|other| !overlap(place, other)), "{index}");
                assert!(place.x >= 0.0 && place.x + place.width <= layout.width && place.y + place.height <= layout.height);
            }
        }
        let ratio = layout.width / layout.height;
        assert!((0.5..4.0).contains(&ratio), "{ratio}");
    }

    #[test]
    fn whoever_is_called_stands_to_the_right() {
        let model = Model { nodes: model(21, &[]).nodes, ..model(21, &[(0, 7), (7, 14), (14, 0)]) };
        let layout = Layout::of(&model);
        assert!(layout.nodes[0].x < layout.nodes[7].x && layout.nodes[7].x < layout.nodes[14].x, "{:?}", layout.nodes);
    }

    #[test]
    fn the_same_graph_is_the_same_picture() {
        let edges = [(0, 1), (1, 2), (5, 3), (3, 5)];
        assert_eq!(Layout::of(&model(9, &edges)), Layout::of(&model(9, &edges)));
    }
}
