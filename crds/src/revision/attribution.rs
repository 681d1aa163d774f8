//! Which revisions did which facts, compactly: a set of revisions per group of facts, not per fact.

use std::collections::{BTreeMap, BTreeSet};

use super::{Facts, Key, RevisionGroup};

/// Most facts that groups name one by one. Beyond that all facts are taken to be of all revisions, which forgets none too early.
const NAMED: usize = 4000;

/// The revisions of each fact of a spec.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attribution(BTreeMap<Key, BTreeSet<String>>);

impl Attribution {
    /// Reads a spec's.
    pub fn of(spec: &mut impl Facts) -> Self {
        let (mut named, mut rest) = (BTreeMap::<Key, BTreeSet<String>>::new(), BTreeSet::new());
        for RevisionGroup { revisions, facts } in spec.groups() {
            if facts.is_empty() {
                rest.extend(revisions.iter().cloned());
            }
            for key in facts.split(' ').filter_map(|digits| u32::from_str_radix(digits, 16).ok()) {
                named.entry(Key(key)).or_default().extend(revisions.iter().cloned());
            }
        }
        let mut all = BTreeMap::new();
        spec.retain(&mut |key| {
            all.insert(key, named.get(&key).unwrap_or(&rest).clone());
            true
        });
        Self(all)
    }

    /// Writes it into a spec: of its facts, and no others.
    pub fn write(&self, spec: &mut impl Facts) {
        let mut sets = BTreeMap::<BTreeSet<String>, BTreeSet<Key>>::new();
        spec.retain(&mut |key| {
            sets.entry(self.0.get(&key).cloned().unwrap_or_default()).or_default().insert(key);
            true
        });
        *spec.groups() = groups(&sets);
    }

    /// Facts that were folded into others hand their revisions on: each fact of the spec that is not known here gets those of all
    /// that are not in it any more.
    pub fn carry(mut self, spec: &mut impl Facts) -> Self {
        let mut present = BTreeSet::new();
        spec.retain(&mut |key| {
            present.insert(key);
            true
        });
        let folded: BTreeSet<String> = self.0.iter().filter(|(key, _)| !present.contains(key)).flat_map(|(_, set)| set.clone()).collect();
        for key in &present {
            self.0.entry(*key).or_insert_with(|| folded.clone());
        }
        self.0.retain(|key, _| present.contains(key));
        self
    }

    /// Says that this revision did every fact of a spec.
    pub fn claim(spec: &mut impl Facts, revision: &str) {
        let mut any = false;
        spec.retain(&mut |_| {
            any = true;
            true
        });
        *spec.groups() = if any { vec![RevisionGroup { revisions: vec![revision.to_owned()], facts: String::new() }] } else { Vec::new() };
    }

    /// Takes the facts from a spec that only revisions did which are not kept. Facts whose revisions are not known stay.
    pub fn forget(spec: &mut impl Facts, kept: &BTreeSet<String>) {
        let Self(mut all) = Self::of(spec);
        spec.retain(&mut |key| all.get(&key).is_none_or(|set| set.is_empty() || !set.is_disjoint(kept)));
        for set in all.values_mut() {
            set.retain(|revision| kept.contains(revision));
        }
        Self(all).write(spec);
        spec.prune();
    }

    /// Makes the groups of a spec fit into it.
    pub fn bound(spec: &mut impl Facts) {
        let named: usize = spec.groups().iter().map(|group| group.facts.len() / 9 + usize::from(!group.facts.is_empty())).sum();
        if named > NAMED {
            let revisions: BTreeSet<String> = spec.groups().iter().flat_map(|group| group.revisions.clone()).collect();
            *spec.groups() = vec![RevisionGroup { revisions: revisions.into_iter().collect(), facts: String::new() }];
        }
    }
}

/// Those of two specs, for the union of both.
pub(crate) fn union(a: &mut impl Facts, b: &mut impl Facts) -> Attribution {
    let Attribution(mut all) = Attribution::of(a);
    for (key, set) in Attribution::of(b).0 {
        all.entry(key).or_default().extend(set);
    }
    Attribution(all)
}

/// The largest set is that of every fact which no other names.
fn groups(sets: &BTreeMap<BTreeSet<String>, BTreeSet<Key>>) -> Vec<RevisionGroup> {
    if sets.keys().all(BTreeSet::is_empty) {
        return Vec::new();
    }
    let largest = sets.values().map(BTreeSet::len).max().unwrap_or_default();
    let rest = sets.iter().find(|(_, keys)| keys.len() == largest).map(|(set, _)| set.clone()).unwrap_or_default();
    let text = |keys: &BTreeSet<Key>| keys.iter().map(|Key(key)| format!("{key:08x}")).collect::<Vec<_>>().join(" ");
    let mut groups: Vec<RevisionGroup> = sets
        .iter()
        .map(|(set, keys)| RevisionGroup {
            revisions: set.iter().cloned().collect(),
            facts: if *set == rest { String::new() } else { text(keys) },
        })
        .collect();
    groups.sort();
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ApplicationProfileSpec, ContainerProfile, Merge, Open};

    fn seen(revision: &str, paths: &[&str]) -> ApplicationProfileSpec {
        let opens = paths.iter().map(|path| Open { path: (*path).to_owned(), ..Open::default() }).collect();
        let container = ContainerProfile { name: "web".to_owned(), opens, ..ContainerProfile::default() };
        let mut spec = ApplicationProfileSpec { containers: vec![container], ..ApplicationProfileSpec::default() };
        Attribution::claim(&mut spec, revision);
        spec
    }

    fn paths(spec: &ApplicationProfileSpec) -> Vec<&str> {
        spec.containers.iter().flat_map(|container| container.opens.iter().map(|open| open.path.as_str())).collect()
    }

    fn kept(revisions: &[&str]) -> BTreeSet<String> {
        revisions.iter().map(|&revision| revision.to_owned()).collect()
    }

    #[test]
    fn rule_2_facts_of_one_revision_cost_one_group() {
        let merged = seen("a", &["/1", "/2"]).merge(seen("a", &["/3"]));
        assert_eq!(merged.revisions, [RevisionGroup { revisions: vec!["a".to_owned()], facts: String::new() }]);
    }

    #[test]
    fn rule_2_facts_go_with_the_last_revision_that_did_them() {
        let mut spec = seen("a", &["/1", "/2"]).merge(seen("b", &["/2", "/3"])).merge(seen("c", &["/4"]));
        Attribution::forget(&mut spec, &kept(&["b", "c"]));
        assert_eq!(paths(&spec), ["/2", "/3", "/4"]);
        Attribution::forget(&mut spec, &kept(&["c"]));
        assert_eq!(paths(&spec), ["/4"]);
        Attribution::forget(&mut spec, &kept(&["d"]));
        assert_eq!((spec.containers.len(), spec.revisions.len()), (0, 0));
    }

    #[test]
    fn facts_of_nobody_knows_whom_stay() {
        let mut spec = ApplicationProfileSpec { revisions: Vec::new(), ..seen("a", &["/1"]) }.merge(seen("b", &["/2"]));
        Attribution::forget(&mut spec, &kept(&[]));
        assert_eq!(paths(&spec), ["/1"]);
    }

    #[test]
    fn a_pattern_is_of_all_whose_facts_it_took_in() {
        let mut spec = seen("a", &["/d/1", "/x"]).merge(seen("b", &["/d/2"]));
        let before = Attribution::of(&mut spec);
        spec.containers[0].opens.retain(|open| open.path == "/x");
        spec.containers[0].opens.push(Open { path: "/d/*".to_owned(), ..Open::default() });
        before.carry(&mut spec).write(&mut spec);
        Attribution::forget(&mut spec, &kept(&["b"]));
        assert_eq!(paths(&spec), ["/d/*"]);
    }
}
