//! From a node's batch to what it adds to profiles. Pure: the cluster is an index, the time an argument.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use k8s_openapi::jiff::Timestamp;
use runtimemap_crds::{
    ApplicationProfileSpec, ContainerDirective, ContainerNeighborhood, ContainerProfile, Loss, LossCause, MailVerdict, Merge,
    NetworkNeighborhoodSpec, NodeObservationSpec, ObservedContainer, PeerClass, PeerType, ProfileStatus, WatchState,
    condition::{PEERS_UNRESOLVED, condition, reason},
};

use super::{
    index::{Index, Placed},
    pod::Role,
    workload::Workload,
};
use crate::{
    mailbox::{self, Letter, Opened},
    profile::{
        Recording, neighborhood,
        status::{self, Notes},
        time,
    },
};

/// How long facts wait for a pod, a container or a peer that the API server does not show yet.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// What one batch adds to one workload.
#[derive(Debug)]
pub(super) struct Addition {
    pub(super) workload: Workload,
    pub(super) profile: ApplicationProfileSpec,
    pub(super) neighborhood: NetworkNeighborhoodSpec,
    pub(super) status: ProfileStatus,
    /// Containers of the batch that it comes from, by their place in its list.
    pub(super) from: Vec<usize>,
}

/// What became of a batch.
#[derive(Debug)]
pub(super) struct Sorted {
    /// By workload.
    pub(super) additions: Vec<Addition>,
    /// One for each container of the batch.
    pub(super) verdicts: Vec<ContainerDirective>,
}

/// Since when containers have been waiting, by node and id.
pub(super) type Waiting = BTreeMap<(String, String), Instant>;

/// Sorts a batch of a node.
pub(super) fn sort(index: &Index, node: &str, batch: &NodeObservationSpec, waiting: &mut Waiting, now: Instant, wall: Timestamp) -> Sorted {
    waiting.retain(|_, since| now.duration_since(*since) < 10 * PATIENCE);
    // What cannot be read says nothing, of any container: it would not be better the next time.
    let letters = mailbox::decode(&batch.payload);
    let readable = letters.is_ok();
    let mut letters = letters.unwrap_or_default().into_iter();
    let mut additions = BTreeMap::<(String, String), Addition>::new();
    let mut verdicts = Vec::new();
    for (place, container) in batch.containers.iter().enumerate() {
        let letters = letters.next().unwrap_or_default();
        let since = *waiting.entry((node.to_owned(), container.id.clone())).or_insert(now);
        let patient = now.duration_since(since) < PATIENCE;
        let sorted =
            if readable { one(index, node, batch, container, letters, patient, wall) } else { Err((MailVerdict::Refused, "Unreadable")) };
        let (verdict, cause) = match sorted {
            Ok(addition) => {
                waiting.remove(&(node.to_owned(), container.id.clone()));
                let key = (addition.workload.namespace.clone(), addition.workload.object_name());
                let mut addition = match additions.remove(&key) {
                    Some(known) => known.merge(addition),
                    None => addition,
                };
                addition.from.push(place);
                additions.insert(key, addition);
                (MailVerdict::Taken, "")
            }
            Err(why) => why,
        };
        verdicts.push(ContainerDirective {
            pod_uid: container.pod_uid.clone(),
            id: container.id.clone(),
            verdict,
            cause: cause.to_owned(),
            watch: if verdict == MailVerdict::Refused { WatchState::Ignore } else { WatchState::Watch },
            ..ContainerDirective::default()
        });
    }
    Sorted { additions: additions.into_values().collect(), verdicts }
}

impl Addition {
    fn merge(self, other: Self) -> Self {
        let Self { workload, profile, neighborhood, status, mut from } = self;
        from.extend(other.from);
        Self {
            workload,
            profile: profile.merge(other.profile),
            neighborhood: neighborhood.merge(other.neighborhood),
            status: status.merge(other.status),
            from,
        }
    }
}

fn one(
    index: &Index,
    node: &str,
    batch: &NodeObservationSpec,
    container: &ObservedContainer,
    letters: Vec<Letter>,
    patient: bool,
    wall: Timestamp,
) -> Result<Addition, (MailVerdict, &'static str)> {
    let wait = |cause| Err((if patient { MailVerdict::Later } else { MailVerdict::Refused }, cause));
    let Some(placed) = index.pod(&container.pod_uid, node) else { return wait("UnknownPod") };
    let Placed { pod, workload, .. } = placed;
    if pod.node != node {
        // A node speaks for its own pods only.
        return Err((MailVerdict::Refused, "ForeignPod"));
    }
    let Some((name, role)) = pod.container(&container.name, &container.id) else { return wait("UnknownContainer") };

    let Opened { profile, network, left, unknown_syscalls, truncated, unsound } = mailbox::open(letters);
    let resolve = |contact| index.resolve(pod, contact);
    let mut neighbors = neighborhood::container(name, &network, &resolve);
    let unresolved = unresolved(&neighbors);
    if !unresolved.is_empty() && patient {
        return Err((MailVerdict::Later, "UnresolvedPeer"));
    }
    let mut profile = ContainerProfile { name: name.to_owned(), images: pod.image(&container.id).into_iter().collect(), ..profile };
    sign(&mut profile, &mut neighbors, &pod.name);

    let mut losses: Vec<(LossCause, u64)> = container.losses.iter().map(|(cause, count)| (*cause, *count)).collect();
    losses.push((LossCause::Undecodable, unsound));
    let notes = Notes { truncated, unknown_syscalls, left: left.len(), dropped: 0 };
    let recording = Recording {
        name: name.to_owned(),
        started_at: wall,
        ended_at: wall,
        startup_observed: container.startup_observed,
        gaps: batch.gaps.clone(),
        losses,
        ..Recording::default()
    };
    let mut status = status::status(&recording, &notes);
    for Loss { node: at, .. } in &mut status.losses {
        node.clone_into(at);
    }
    if !unresolved.is_empty() {
        let message = format!("addresses of the cluster that belong to no pod that is known: {}", unresolved.join(", "));
        status.conditions.push(condition(PEERS_UNRESOLVED, true, reason::NO_POD_OF_THAT_ADDRESS, message, time(wall)));
    }
    let mut addition = Addition {
        workload: workload.clone(),
        profile: ApplicationProfileSpec {
            workload: workload.reference.clone(),
            architectures: vec![batch.architecture.clone()],
            ..ApplicationProfileSpec::default()
        },
        neighborhood: NetworkNeighborhoodSpec {
            workload: workload.reference.clone(),
            pod_selector: workload.selector.clone(),
            ..NetworkNeighborhoodSpec::default()
        },
        status,
        from: Vec::new(),
    };
    let (programs, peers) = match role {
        Role::Main => (&mut addition.profile.containers, &mut addition.neighborhood.containers),
        Role::Init => (&mut addition.profile.init_containers, &mut addition.neighborhood.init_containers),
        Role::Ephemeral => (&mut addition.profile.ephemeral_containers, &mut addition.neighborhood.ephemeral_containers),
    };
    programs.push(profile);
    peers.push(neighbors);
    Ok(addition)
}

/// Addresses of the cluster that nobody is known to have.
fn unresolved(neighbors: &ContainerNeighborhood) -> Vec<String> {
    let all = neighbors.ingress.iter().chain(&neighbors.egress);
    let open = all.filter(|neighbor| neighbor.peer.class == PeerClass::World && neighbor.type_ == PeerType::Internal);
    let mut addresses: Vec<String> = open.flat_map(|neighbor| neighbor.ip_addresses.clone()).collect();
    addresses.sort();
    addresses.dedup();
    addresses.truncate(50);
    addresses
}

/// Writes under every fact which pod was seen doing it.
fn sign(profile: &mut ContainerProfile, neighbors: &mut ContainerNeighborhood, pod: &str) {
    let ContainerProfile { execs, opens, capabilities, .. } = profile;
    let names = execs.iter_mut().map(|exec| &mut exec.pod).chain(opens.iter_mut().map(|open| &mut open.pod));
    let names = names.chain(capabilities.iter_mut().map(|capability| &mut capability.pod));
    let peers = neighbors.ingress.iter_mut().chain(&mut neighbors.egress).map(|neighbor| &mut neighbor.pod);
    names.chain(peers).for_each(|name| pod.clone_into(name));
}

#[cfg(test)]
mod tests;
