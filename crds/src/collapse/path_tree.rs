//! Paths as a tree in which busy directories are folded.

use std::{collections::BTreeMap, mem};

use super::{REST, Thresholds, VARIED, name::generated, thresholds::pinned};

/// Names of a path that are told apart; what lies deeper is folded. Bounds the recursion here, whatever text comes.
const DEEPEST: usize = 128;

/// What is known of a path.
pub(super) trait Entry: Default {
    /// Takes in what is known of another path that is now the same.
    fn absorb(&mut self, other: Self, thresholds: &Thresholds);
    /// Size in bytes of YAML without the path.
    fn bytes(&self, path: &str) -> usize;
    /// Says less in fewer bytes. False when it cannot.
    fn coarsen(&mut self) -> bool;
}

/// A set of paths, closed under rules 1 and 2 at any time, and small.
#[derive(Clone, Debug)]
pub(super) struct PathTree<E> {
    thresholds: Thresholds,
    /// Bytes over which it is folded further.
    budget: usize,
    root: Node<E>,
    /// At least the size of the tree; exact after a look at all of it.
    bytes_at_most: usize,
    truncated: bool,
}

#[derive(Clone, Debug)]
struct Node<E> {
    /// Of the directory or file itself.
    own: Option<E>,
    /// Of all below, once it was folded.
    rest: Option<E>,
    children: BTreeMap<String, Node<E>>,
}

impl<E> Default for Node<E> {
    fn default() -> Self {
        Self { own: None, rest: None, children: BTreeMap::new() }
    }
}

impl<E: Entry> PathTree<E> {
    pub(super) fn new(thresholds: &Thresholds, budget: usize) -> Self {
        Self { thresholds: thresholds.clone(), budget, root: Node::default(), bytes_at_most: 0, truncated: false }
    }

    /// Adds what is known of a path, given as a pattern.
    pub(super) fn insert(&mut self, pattern: &str, entry: E) {
        let thresholds = &self.thresholds;
        let mut node = &mut self.root;
        let mut place = Place::default();
        let mut tokens = pattern.split('/');
        let target = loop {
            let Some(token) = tokens.next() else { break &mut node.own };
            if token == REST || place.depth >= DEEPEST {
                node.fold(&place, thresholds);
                break &mut node.rest;
            }
            let token = if generated(&place.path, token) { VARIED } else { token };
            let next = place.join(token);
            let open = next.is_pinned() || node.admits(token, &place, thresholds);
            if !open {
                node.fold(&place, thresholds);
                break &mut node.rest;
            }
            place = next;
            // Nothing is allocated for a path that is known.
            if !node.children.contains_key(token) {
                node.children.insert(token.to_owned(), Node::default());
            }
            let Some(child) = node.children.get_mut(token) else { return };
            node = child;
        };
        let added = match target {
            Some(known) => {
                let before = known.bytes(&place.path);
                known.absorb(entry, thresholds);
                known.bytes(&place.path).saturating_sub(before)
            }
            None => target.insert(entry).bytes(&place.path) + REST.len() + 1,
        };
        self.bytes_at_most += added;
        if self.bytes_at_most > self.budget {
            self.bytes_at_most = self.bytes();
        }
        if self.bytes_at_most > self.budget {
            // Further than needed, so that a flood does not make us look at the whole tree for each name.
            self.shrink_to(self.budget / 4 * 3);
        }
    }

    /// Whether it was folded further than the thresholds ask for, to fit.
    pub(super) fn truncated(&self) -> bool {
        self.truncated
    }

    /// Size of all entries.
    pub(super) fn bytes(&self) -> usize {
        self.root.bytes(&Place::default())
    }

    /// All patterns with what is known of each, by pattern.
    pub(super) fn into_entries(self) -> Vec<(String, E)> {
        let mut entries = Vec::new();
        self.root.collect(&Place::default(), &mut entries);
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        entries
    }

    /// Folds the biggest parts until it fits.
    pub(super) fn shrink_to(&mut self, budget: usize) {
        let mut bytes = self.bytes();
        while bytes > budget && (self.coarsen_biggest() || self.fold_biggest(bytes - budget)) {
            self.truncated = true;
            bytes = self.bytes();
        }
        self.bytes_at_most = bytes;
    }

    fn coarsen_biggest(&mut self) -> bool {
        let mut entries = Vec::new();
        self.root.entries_mut(&Place::default(), &mut entries);
        entries.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
        entries.into_iter().any(|(_, entry)| entry.coarsen())
    }

    /// Folds the smallest directory that frees enough, or else the biggest; deep ones before those near the root.
    fn fold_biggest(&mut self, excess: usize) -> bool {
        let mut candidates = Vec::new();
        self.root.foldable(&Place::default(), &mut candidates);
        let chosen = candidates.into_iter().min_by_key(|(place, freed)| {
            let shallow = 3_usize.saturating_sub(place.depth);
            let misses = excess.saturating_sub(*freed);
            (shallow, misses, *freed)
        });
        let Some((place, _)) = chosen else { return false };
        let mut node = &mut self.root;
        if place.depth > 0 {
            for token in place.path.split('/') {
                let Some(child) = node.children.get_mut(token) else { return false };
                node = child;
            }
        }
        node.fold(&place, &self.thresholds);
        true
    }
}

impl<E: Entry> Node<E> {
    /// Whether a name may be listed by itself here.
    fn admits(&self, token: &str, place: &Place, thresholds: &Thresholds) -> bool {
        self.rest.is_none() && (self.children.contains_key(token) || self.listed(place) < thresholds.children_of(&place.path))
    }

    /// Names that count for the threshold.
    fn listed(&self, place: &Place) -> usize {
        if place.depth > 0 && !place.is_pinned() {
            return self.children.len();
        }
        self.children.keys().filter(|token| !place.join(token).is_pinned()).count()
    }

    /// Makes one entry of all below but what is pinned.
    fn fold(&mut self, place: &Place, thresholds: &Thresholds) {
        let mut rest = self.rest.take().unwrap_or_default();
        let below = mem::take(&mut self.children);
        for (token, child) in below {
            if place.join(&token).is_pinned() {
                self.children.insert(token, child);
            } else {
                child.drain_into(&mut rest, thresholds);
            }
        }
        self.rest = Some(rest);
    }

    fn drain_into(self, entry: &mut E, thresholds: &Thresholds) {
        let Self { own, rest, children } = self;
        for known in [own, rest].into_iter().flatten() {
            entry.absorb(known, thresholds);
        }
        for child in children.into_values() {
            child.drain_into(entry, thresholds);
        }
    }

    fn collect(self, place: &Place, entries: &mut Vec<(String, E)>) {
        let Self { own, rest, children } = self;
        if let Some(entry) = own {
            entries.push((place.path.clone(), entry));
        }
        if let Some(entry) = rest {
            entries.push((place.join(REST).path, entry));
        }
        for (token, child) in children {
            child.collect(&place.join(&token), entries);
        }
    }

    fn bytes(&self, place: &Place) -> usize {
        let here = self.own.iter().chain(&self.rest).map(|entry| entry.bytes(&place.path)).sum::<usize>();
        here + self.children.iter().map(|(token, child)| child.bytes(&place.join(token))).sum::<usize>()
    }

    fn entries_mut<'a>(&'a mut self, place: &Place, entries: &mut Vec<(usize, &'a mut E)>) {
        let Self { own, rest, children } = self;
        entries.extend(own.iter_mut().chain(rest).map(|entry| (entry.bytes(&place.path), entry)));
        for (token, child) in children {
            child.entries_mut(&place.join(token), entries);
        }
    }

    /// Directories with something to fold, with the bytes it would free.
    fn foldable(&self, place: &Place, candidates: &mut Vec<(Place, usize)>) {
        let mut freed = 0;
        for (token, child) in &self.children {
            let place = place.join(token);
            child.foldable(&place, candidates);
            if !place.is_pinned() {
                freed += child.bytes(&place);
            }
        }
        if freed > 0 {
            candidates.push((place.clone(), freed));
        }
    }
}

/// Where in the tree: the pattern that leads there.
#[derive(Clone, Debug, Default)]
struct Place {
    path: String,
    /// Names in it. A leading slash makes an empty first name.
    depth: usize,
}

impl Place {
    fn join(&self, token: &str) -> Self {
        let mut path = String::with_capacity(self.path.len() + 1 + token.len());
        path.push_str(&self.path);
        if self.depth > 0 {
            path.push('/');
        }
        path.push_str(token);
        Self { path, depth: self.depth + 1 }
    }

    /// Never of a relative path: all that is pinned is absolute.
    fn is_pinned(&self) -> bool {
        pinned(&self.path)
    }
}
