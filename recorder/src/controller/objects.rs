//! What becomes of a workload's objects. Pure.

use k8s_openapi::jiff::Timestamp;
use runtimemap_crds::{
    ApplicationProfileSpec, Attribution, ContainerProfile, Counts, Image, Merge, Neighbor, NetworkNeighborhoodSpec, Outcome, ProfileStatus,
    collapse::{self, Thresholds},
    condition::{ALL_REPLICAS_SEEN, EVENTS_LOST, REVISIONS_FOLDED, TRUNCATED, condition, reason},
};
use std::collections::BTreeSet;

use super::{learn::Addition, revisions::Revisions};
use crate::profile::{status, time};

/// Most peers of a container and direction.
const PEERS: usize = 1500;
/// Most addresses of a peer.
const ADDRESSES: usize = 500;

/// Both objects of a workload, as they are or are to be.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Objects {
    pub(super) profile: ApplicationProfileSpec,
    pub(super) profile_status: ProfileStatus,
    pub(super) neighborhood: NetworkNeighborhoodSpec,
    pub(super) neighborhood_status: ProfileStatus,
}

/// How far a workload is learned, at a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress<'a> {
    pub(super) revisions: &'a Revisions,
    /// Those that a live pod runs.
    pub(super) live: &'a BTreeSet<String>,
    pub(super) now: Timestamp,
}

/// What the objects are once an addition is in them.
pub(super) fn merge(old: Objects, addition: &Addition, progress: Progress<'_>) -> Objects {
    let Addition { workload: _, profile, neighborhood, status: news, from: _ } = addition;
    let mut profile = old.profile.merge(profile.clone());
    let before = Attribution::of(&mut profile);
    let mut truncated = collapse::close(&mut profile, &Thresholds::default());
    before.carry(&mut profile).write(&mut profile);
    let mut neighborhood = old.neighborhood.merge(neighborhood.clone());
    truncated.extend(bound(&mut neighborhood));
    Attribution::bound(&mut profile);
    Attribution::bound(&mut neighborhood);
    let mut status = old.profile_status.merge(news.clone());
    // Made anew from the totals: what one batch said of it is out of date.
    if !status.losses.is_empty() {
        let (_, is, why, message) = status::lost(&status.losses);
        set(&mut status, EVENTS_LOST, is, why, message, progress.now);
    }
    if !truncated.is_empty() {
        let message = format!("cut or collapsed further than usual, to stay small: {}", truncated.join(", "));
        set(&mut status, TRUNCATED, true, reason::LIST_OVER_BUDGET, message, progress.now);
    }
    finish(profile, neighborhood, status, progress)
}

/// What they are once a clock was started or stopped.
pub(super) fn advance(old: Objects, progress: Progress<'_>) -> Objects {
    finish(old.profile, old.neighborhood, old.profile_status, progress)
}

/// What they are once a revision is complete.
pub(super) fn complete(old: Objects, id: &str, silent: &BTreeSet<String>, kept: &BTreeSet<String>, progress: Progress<'_>) -> Objects {
    let Objects { profile, profile_status: mut status, mut neighborhood, .. } = old;
    let mut profile = with_images(profile, id, progress.revisions);
    Attribution::forget(&mut profile, kept);
    Attribution::forget(&mut neighborhood, kept);
    if silent.is_empty() {
        let message = "every replica handed over what it had".to_owned();
        set(&mut status, ALL_REPLICAS_SEEN, true, reason::ALL_ANSWERED, message, progress.now);
    } else {
        let names: Vec<&str> = silent.iter().take(20).map(String::as_str).collect();
        let more = silent.len().saturating_sub(names.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let message = format!("not watched, or not heard of in time: {}{more}", names.join(", "));
        set(&mut status, ALL_REPLICAS_SEEN, false, reason::REPLICA_SILENT, message, progress.now);
    }
    finish(profile, neighborhood, status, progress)
}

/// With the digests of a revision's images, which a short-lived container's facts may have come before.
fn with_images(profile: ApplicationProfileSpec, id: &str, revisions: &Revisions) -> ApplicationProfileSpec {
    let Some(images) = revisions.images(id) else { return profile };
    let named = |containers: &[ContainerProfile]| -> Vec<ContainerProfile> {
        let named = containers.iter().filter_map(|container| {
            let image_id = images.get(&container.name)?;
            let (open, known): (Vec<&Image>, Vec<&Image>) = container.images.iter().partition(|image| image.image_id.is_empty());
            // One of this revision's own has to be there: if none is by its digest, the one without is it.
            let [image] = open[..] else { return None };
            let is_known = known.iter().any(|image| image.image_id == *image_id);
            let image = Image { image: image.image.clone(), image_id: image_id.clone() };
            (!is_known).then(|| ContainerProfile { name: container.name.clone(), images: vec![image], ..ContainerProfile::default() })
        });
        named.collect()
    };
    let mut addition = ApplicationProfileSpec {
        workload: profile.workload.clone(),
        containers: named(&profile.containers),
        init_containers: named(&profile.init_containers),
        ..ApplicationProfileSpec::default()
    };
    Attribution::claim(&mut addition, id);
    profile.merge(addition)
}

/// What they are once something is to be known of them.
pub(super) fn note(old: Objects, type_: &str, why: &str, message: &str, progress: Progress<'_>) -> Objects {
    let mut status = old.profile_status;
    set(&mut status, type_, true, why, message.to_owned(), progress.now);
    finish(old.profile, old.neighborhood, status, progress)
}

fn finish(
    profile: ApplicationProfileSpec,
    neighborhood: NetworkNeighborhoodSpec,
    mut status: ProfileStatus,
    progress: Progress<'_>,
) -> Objects {
    progress.revisions.write(&mut status, progress.live);
    if progress.revisions.is_folded() {
        let message = "revisions come faster than they can be told apart; those above twenty an hour are taken for one".to_owned();
        set(&mut status, REVISIONS_FOLDED, true, reason::TOO_MANY_REVISIONS, message, progress.now);
    }
    let mut neighborhood_status = status.clone();
    let peers = neighborhood.counts().peers;
    status.counts = profile.counts();
    neighborhood_status.counts = Counts { peers, ..Counts::default() };
    Objects { profile, profile_status: status, neighborhood, neighborhood_status }
}

/// Sets a condition; its time stays where its status does.
fn set(status: &mut ProfileStatus, type_: &str, is: bool, why: &str, message: String, now: Timestamp) {
    let mut new = condition(type_, is, why, message, time(now));
    match status.conditions.iter_mut().find(|known| known.type_ == type_) {
        Some(known) => {
            if known.status == new.status {
                new.last_transition_time = known.last_transition_time.clone();
            }
            *known = new;
        }
        None => status.conditions.push(new),
    }
    status.conditions.sort_by(|a, b| a.type_.cmp(&b.type_));
}

/// Keeps lists of peers within what an object holds: attempts go first, and what was seen last. Names the lists that were cut.
fn bound(spec: &mut NetworkNeighborhoodSpec) -> Vec<String> {
    let mut cut = Vec::new();
    let NetworkNeighborhoodSpec { containers, init_containers, ephemeral_containers, .. } = spec;
    for container in containers.iter_mut().chain(init_containers).chain(ephemeral_containers) {
        for (list, neighbors) in [("ingress", &mut container.ingress), ("egress", &mut container.egress)] {
            if neighbors.len() > PEERS || neighbors.iter().any(|neighbor| neighbor.ip_addresses.len() > ADDRESSES) {
                cut.push(format!("{}.{list}", container.name));
                shorten(neighbors);
            }
        }
    }
    cut
}

fn shorten(neighbors: &mut Vec<Neighbor>) {
    let place = |neighbor: &Neighbor| (neighbor.outcome == Outcome::Attempted, neighbor.first_seen.clone(), neighbor.identifier.clone());
    let mut places: Vec<_> = neighbors.iter().map(place).collect();
    places.sort();
    if let Some(last) = places.get(PEERS) {
        neighbors.retain(|neighbor| place(neighbor) < *last);
    }
    neighbors.iter_mut().for_each(|neighbor| neighbor.ip_addresses.truncate(ADDRESSES));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::SignedDuration};
    use runtimemap_crds::{ContainerNeighborhood, Loss, LossCause, Open, Phase};

    use super::*;
    use crate::controller::workload::Workload;

    fn addition(path: &str, lost: u64, revision: &str) -> Addition {
        let open = Open { path: path.into(), ..Open::default() };
        let container = ContainerProfile { name: "web".into(), opens: vec![open], ..ContainerProfile::default() };
        let loss = Loss { cause: LossCause::Throttled, count: lost, node: "node1".into(), container: "web".into() };
        let mut profile = ApplicationProfileSpec { containers: vec![container], ..ApplicationProfileSpec::default() };
        Attribution::claim(&mut profile, revision);
        Addition {
            workload: Workload::default(),
            profile,
            neighborhood: NetworkNeighborhoodSpec::default(),
            status: ProfileStatus { losses: vec![loss], ..ProfileStatus::default() },
            from: Vec::new(),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn revisions() -> Revisions {
        let mut revisions = Revisions::default();
        revisions.open("a", &BTreeMap::new(), &BTreeSet::new(), SignedDuration::from_hours(1), at(1000));
        revisions
    }

    fn merged(old: Objects, addition: &Addition, revisions: &Revisions, second: i64) -> Objects {
        merge(old, addition, Progress { revisions, live: &["a".to_owned()].into(), now: at(second) })
    }

    #[test]
    fn the_same_batch_twice_changes_nothing_and_so_writes_nothing() {
        let revisions = revisions();
        let first = merged(Objects::default(), &addition("/a", 3, "a"), &revisions, 1000);
        assert_eq!(first, merged(first.clone(), &addition("/a", 3, "a"), &revisions, 2000));
        assert_eq!((first.profile_status.counts.files, first.profile_status.phase), (1, Phase::Learning));
    }

    #[test]
    fn r3_losses_are_totals_and_the_condition_says_the_present_ones() {
        let revisions = revisions();
        let first = merged(Objects::default(), &addition("/a", 3, "a"), &revisions, 1000);
        let second = merged(first, &addition("/a", 8, "a"), &revisions, 2000);
        let lost = second.profile_status.conditions.iter().find(|condition| condition.type_ == EVENTS_LOST).unwrap();
        assert!(lost.message.contains('8'), "{}", lost.message);
        assert_eq!(lost.last_transition_time, Time(at(1000)));
    }

    #[test]
    fn o4_a_profile_that_is_complete_without_a_replica_says_so() {
        let revisions = revisions();
        let first = merged(Objects::default(), &addition("/a", 0, "a"), &revisions, 1000);
        let progress = Progress { revisions: &revisions, live: &BTreeSet::new(), now: at(2000) };
        let kept = BTreeSet::from(["a".to_owned()]);
        let seen = |silent: &[&str]| {
            let silent = silent.iter().map(|&name| name.to_owned()).collect();
            let objects = complete(first.clone(), "a", &silent, &kept, progress);
            let found = objects.neighborhood_status.conditions.into_iter().find(|condition| condition.type_ == ALL_REPLICAS_SEEN);
            found.map(|condition| (condition.status, condition.message)).unwrap()
        };
        assert_eq!(seen(&[]).0, "True");
        assert_eq!(seen(&["web-2"]), ("False".to_owned(), "not watched, or not heard of in time: web-2".to_owned()));
    }

    #[test]
    fn a_completion_of_which_only_the_neighborhood_was_written_is_done_again() {
        let first = merged(Objects::default(), &addition("/a", 0, "a"), &revisions(), 1000);
        let kept = BTreeSet::from(["a".to_owned()]);
        let revisions = Revisions::recall(&first.profile_status);
        let done =
            |old| complete(old, "a", &BTreeSet::new(), &kept, Progress { revisions: &revisions, live: &BTreeSet::new(), now: at(2000) });
        let whole = done(first.clone());
        let Objects { neighborhood, neighborhood_status, .. } = whole.clone();
        let half = Objects { neighborhood, neighborhood_status, ..first };
        assert!(Revisions::recall(&half.profile_status).any_learning());
        assert_eq!(done(half), whole);
    }

    #[test]
    fn rule_2_a_completion_lets_facts_go_that_no_kept_revision_did() {
        let revisions = revisions();
        let both =
            merged(merged(Objects::default(), &addition("/old", 0, "o"), &revisions, 1000), &addition("/new", 0, "a"), &revisions, 1000);
        let progress = Progress { revisions: &revisions, live: &BTreeSet::new(), now: at(2000) };
        let objects = complete(both, "a", &BTreeSet::new(), &["a".to_owned()].into(), progress);
        let paths: Vec<&str> = objects.profile.containers[0].opens.iter().map(|open| open.path.as_str()).collect();
        assert_eq!((paths, objects.profile_status.counts.files), (vec!["/new"], 1));
    }

    #[test]
    fn a_completion_names_the_images_whose_digest_came_after_the_facts() {
        let mut revisions = revisions();
        let mut addition = addition("/a", 0, "a");
        addition.profile.containers[0].images = vec![Image { image: "web:1".into(), image_id: String::new() }];
        Attribution::claim(&mut addition.profile, "a");
        let first = merged(Objects::default(), &addition, &revisions, 1000);
        revisions.note_images("a", &[("web".to_owned(), "web@sha256:1".to_owned())].into());
        let kept = BTreeSet::from(["a".to_owned()]);
        let done =
            |old| complete(old, "a", &BTreeSet::new(), &kept, Progress { revisions: &revisions, live: &BTreeSet::new(), now: at(2000) });
        let named = done(first);
        assert_eq!(named.profile.containers[0].images, [Image { image: "web:1".into(), image_id: "web@sha256:1".into() }]);
        assert_eq!(done(named.clone()), named);
    }

    #[test]
    fn o3_peers_beyond_the_budget_are_cut_and_named_and_attempts_go_first() {
        let neighbor = |number: usize| Neighbor {
            identifier: format!("{number:016x}"),
            outcome: if number < 100 { Outcome::Attempted } else { Outcome::Established },
            ..Neighbor::default()
        };
        let container = ContainerNeighborhood {
            name: "web".into(),
            egress: (0..PEERS + 100).map(neighbor).collect(),
            ..ContainerNeighborhood::default()
        };
        let mut spec = NetworkNeighborhoodSpec { containers: vec![container], ..NetworkNeighborhoodSpec::default() };
        assert_eq!(bound(&mut spec), ["web.egress"]);
        let left = &spec.containers[0].egress;
        assert_eq!((left.len(), left.iter().all(|neighbor| neighbor.outcome == Outcome::Established)), (PEERS, true));
        assert_eq!(bound(&mut spec), Vec::<String>::new());
    }
}
