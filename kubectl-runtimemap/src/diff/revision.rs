//! What one revision of a workload did, of all that is known of it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::bail;
use runtimemap_crds::Attribution;

use crate::map::Map;

/// What was learned of this revision. The beginning of its id is enough.
pub(super) fn only(map: &Map, wanted: &str) -> anyhow::Result<Map> {
    let known = known(map);
    let meant: Vec<&String> = match known.get_key_value(wanted) {
        Some((id, _)) => vec![id],
        None => known.keys().filter(|id| id.starts_with(wanted)).collect(),
    };
    let &[id] = meant.as_slice() else {
        let what = if meant.is_empty() { "no" } else { "more than one" };
        let ids: Vec<String> = known.iter().map(|(id, images)| format!("{id} ({images})")).collect();
        let there = if ids.is_empty() { "nothing says which revision did what".to_owned() } else { format!("there is {}", ids.join(", ")) };
        bail!("{what} revision of {} begins with {wanted:?}; {there}", map.title());
    };
    let kept = BTreeSet::from([id.clone()]);
    let mut map = map.clone();
    if let Some(profile) = &mut map.profile {
        Attribution::forget(&mut profile.spec, &kept);
    }
    if let Some(neighborhood) = &mut map.neighborhood {
        Attribution::forget(&mut neighborhood.spec, &kept);
    }
    Ok(map)
}

/// Revisions by id, each with its images.
fn known(map: &Map) -> BTreeMap<String, String> {
    let revisions = map.statuses().flat_map(|status| &status.revisions);
    revisions.map(|revision| (revision.id.clone(), revision.images.values().cloned().collect::<Vec<_>>().join(", "))).collect()
}

#[cfg(test)]
mod tests {
    use runtimemap_crds::{ApplicationProfile, ApplicationProfileSpec, ContainerProfile, Merge, ProfileStatus, RevisionStatus};

    use super::*;

    /// Both revisions read, the first wrote as well.
    fn map() -> Map {
        let of = |revision: &str, calls: &[&str]| {
            let syscalls = calls.iter().map(|&call| call.to_owned()).collect();
            let containers = vec![ContainerProfile { name: "web".into(), syscalls, ..ContainerProfile::default() }];
            let mut spec = ApplicationProfileSpec { containers, ..ApplicationProfileSpec::default() };
            Attribution::claim(&mut spec, revision);
            ApplicationProfile::new("deployment-web", spec)
        };
        let mut profile = of("aaa1", &["read", "write"]);
        profile.spec = profile.spec.merge(of("aab2", &["read"]).spec);
        let revision = |id: &str| RevisionStatus { id: id.to_owned(), ..RevisionStatus::default() };
        profile.status = Some(ProfileStatus { revisions: vec![revision("aaa1"), revision("aab2")], ..ProfileStatus::default() });
        Map { profile: Some(Box::new(profile)), ..Map::default() }
    }

    #[test]
    fn a_revision_is_what_it_did_itself() {
        let calls = |id: &str| only(&map(), id).unwrap().profile.unwrap().spec.containers[0].syscalls.clone();
        assert_eq!((calls("aaa1"), calls("aab")), (vec!["read".to_owned(), "write".to_owned()], vec!["read".to_owned()]));
    }

    #[test]
    fn a_revision_that_is_not_there_is_said_with_those_that_are() {
        let error = |id: &str| only(&map(), id).unwrap_err().to_string();
        assert!(error("b").starts_with("no revision of ") && error("b").contains("aaa1 (), aab2 ()"), "{}", error("b"));
        assert!(error("aa").starts_with("more than one revision"), "{}", error("aa"));
    }
}
