//! From a node's batch to what it adds to profiles. Pure: the cluster is an index, the time an argument.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use k8s_openapi::jiff::Timestamp;
use runtimemap_crds::{
    ApplicationProfileSpec, Attribution, ContainerDirective, ContainerNeighborhood, ContainerProfile, Loss, LossCause, MailVerdict, Merge,
    NetworkNeighborhoodSpec, NodeObservationSpec, ObservedContainer, Origin, PeerClass, PeerType, ProfileStatus,
    condition::{PEERS_UNRESOLVED, SANDBOXED, condition, reason},
};

use super::{
    desk::{self, Desk},
    index::Index,
    pod::{Pod, Role},
    workload::Workload,
    workloads::{Admission, Workloads},
};
use crate::{
    mailbox::{self, Letter, Opened},
    profile::{
        Recording,
        neighborhood::{self, Contact},
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

/// When a batch is sorted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    /// For waiting.
    pub(super) instant: Instant,
    /// For what is written down.
    pub(super) wall: Timestamp,
}

/// Whose a container is.
struct Owner<'a> {
    workload: Workload,
    container: String,
    role: Role,
    revision: String,
    takes: bool,
    /// None where it is known only by what its node was told of it.
    pod: Option<&'a Pod>,
}

/// Sorts a batch of a node.
pub(super) fn sort(
    index: &Index,
    workloads: &mut Workloads,
    desk: &Desk,
    node: &str,
    batch: &NodeObservationSpec,
    waiting: &mut Waiting,
    now: Now,
) -> Sorted {
    waiting.retain(|_, since| now.instant.duration_since(*since) < 10 * PATIENCE);
    // What cannot be read says nothing, of any container: it would not be better the next time.
    let letters = mailbox::decode(&batch.payload);
    let readable = letters.is_ok();
    let mut letters = letters.unwrap_or_default().into_iter();
    let mut additions = BTreeMap::<(String, String), Addition>::new();
    let mut verdicts = Vec::new();
    for (place, container) in batch.containers.iter().enumerate() {
        let letters = letters.next().unwrap_or_default();
        let since = *waiting.entry((node.to_owned(), container.id.clone())).or_insert(now.instant);
        let patient = now.instant.duration_since(since) < PATIENCE;
        let mut directive =
            ContainerDirective { pod_uid: container.pod_uid.clone(), id: container.id.clone(), ..ContainerDirective::default() };
        let sorted = if readable {
            let owner = owner(index, workloads, desk, node, container, patient, now.wall);
            owner.and_then(|owner| {
                let addition =
                    if owner.takes { Some(one(index, node, batch, container, letters, patient, &owner, now.wall)?) } else { None };
                Ok((owner, addition))
            })
        } else {
            Err((MailVerdict::Refused, "Unreadable"))
        };
        match sorted {
            Ok((owner, addition)) => {
                waiting.remove(&(node.to_owned(), container.id.clone()));
                let key = owner.workload.key();
                directive.workload = desk::path(&key);
                owner.role.word().clone_into(&mut directive.role);
                (directive.container, directive.revision) = (owner.container, owner.revision);
                if let Some(addition) = addition {
                    let mut addition = match additions.remove(&key) {
                        Some(known) => known.merge(addition),
                        None => addition,
                    };
                    addition.from.push(place);
                    additions.insert(key, addition);
                }
            }
            Err((verdict, cause)) => {
                directive.verdict = verdict;
                cause.clone_into(&mut directive.cause);
                // What was known of it stays known.
                if let Some(known) = desk.known(&container.pod_uid, &container.id) {
                    let ContainerDirective { workload, container, revision, role, watch, .. } = known.clone();
                    directive = ContainerDirective { workload, container, revision, role, watch, ..directive };
                }
            }
        }
        verdicts.push(directive);
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

/// Whose a container is, and whether its facts are taken.
fn owner<'a>(
    index: &'a Index,
    workloads: &mut Workloads,
    desk: &Desk,
    node: &str,
    container: &ObservedContainer,
    patient: bool,
    wall: Timestamp,
) -> Result<Owner<'a>, (MailVerdict, &'static str)> {
    let wait = |cause| Err((if patient { MailVerdict::Later } else { MailVerdict::Refused }, cause));
    let closing = desk.is_closing(&container.pod_uid, &container.id);
    let Some(placed) = index.pod(&container.pod_uid, node) else {
        // Gone, and so is whoever saw it; what this node was told of it is still there.
        let known = desk.known(&container.pod_uid, &container.id);
        let Some((known, workload)) = known.and_then(|known| Some((known, workloads.named(&known.workload)?))) else {
            return wait("UnknownPod");
        };
        let takes = closing || workloads.takes(&workload.key(), &known.revision);
        let (container, revision) = (known.container.clone(), known.revision.clone());
        return Ok(Owner { workload, container, role: Role::of(&known.role), revision, takes, pod: None });
    };
    if placed.pod.node.is_empty() {
        // Its node knows of it before we hear that it was bound.
        return wait("UnknownPod");
    }
    if placed.pod.node != node {
        // A node speaks for its own pods only.
        return Err((MailVerdict::Refused, "ForeignPod"));
    }
    let Some((name, role)) = placed.pod.container(&container.name, &container.id) else { return wait("UnknownContainer") };
    let (workload, container, pod) = (placed.workload.clone(), name.to_owned(), Some(&placed.pod));
    if !workloads.settings.includes(&placed.pod.namespace) {
        return Ok(Owner { workload, container, role, revision: String::new(), takes: false, pod });
    }
    let Some(Admission { revision, takes }) = workloads.admit(placed, closing, &index.live(workloads, &workload.key()), wall) else {
        // Its workload was deleted, and what it did with it; another one has the name now.
        return Err((MailVerdict::Refused, "WorkloadGone"));
    };
    Ok(Owner { workload, container, role, revision, takes, pod })
}

/// What a container's letters add.
#[expect(clippy::too_many_arguments, reason = "all of them are what one container's part of a batch is")]
fn one(
    index: &Index,
    node: &str,
    batch: &NodeObservationSpec,
    container: &ObservedContainer,
    letters: Vec<Letter>,
    patient: bool,
    owner: &Owner<'_>,
    wall: Timestamp,
) -> Result<Addition, (MailVerdict, &'static str)> {
    let Owner { workload, container: name, role, revision, takes: _, pod } = owner;
    let Opened { profile, network, left, unknown_syscalls, truncated, unsound } = mailbox::open(letters);
    let resolve = |contact: &Contact| pod.map_or_else(|| index.resolve_for_gone(contact), |pod| index.resolve(pod, contact));
    let mut neighbors = neighborhood::container(name, &network, &resolve);
    let unresolved = unresolved(&neighbors);
    if !unresolved.is_empty() && patient {
        return Err((MailVerdict::Later, "UnresolvedPeer"));
    }
    let images = pod.and_then(|pod| pod.image(name, &container.id)).into_iter().collect();
    let mut profile = ContainerProfile { name: name.clone(), images, ..profile };
    if let Some(pod) = pod {
        sign(&mut profile, &mut neighbors, &pod.name);
        tell_probes(&mut profile, pod);
        name_ports(&mut neighbors, pod);
    }

    let mut losses: Vec<(LossCause, u64)> = container.losses.iter().map(|(cause, count)| (*cause, *count)).collect();
    losses.push((LossCause::Undecodable, unsound));
    let notes = Notes { truncated, unknown_syscalls, left: left.len(), dropped: 0 };
    let recording = Recording {
        name: name.clone(),
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
    if let Some((pod, class)) = pod.and_then(|pod| Some((&pod.name, pod.sandbox.as_ref()?))) {
        let message = format!(
            "the pod {pod} has the RuntimeClass {class}: what is recorded is its sandbox or virtual machine; what runs inside, this node's \
             kernel does not see"
        );
        status.conditions.push(condition(SANDBOXED, true, reason::RUNTIME_CLASS, message, time(wall)));
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
    Attribution::claim(&mut addition.profile, revision);
    Attribution::claim(&mut addition.neighborhood, revision);
    Ok(addition)
}

/// A command that entered is a probe if the pod's spec has it. Of any other, a person's, only the program's name is kept.
fn tell_probes(profile: &mut ContainerProfile, pod: &Pod) {
    for exec in profile.execs.iter_mut().filter(|exec| exec.origin == Origin::Exec) {
        if pod.is_probe(&profile.name, &exec.args) {
            exec.origin = Origin::Probe;
        } else {
            exec.args.truncate(1);
        }
    }
}

/// Ports that the pod's spec has names for. Those of peers are theirs to name.
fn name_ports(neighbors: &mut ContainerNeighborhood, pod: &Pod) {
    let ingress = neighbors.ingress.iter_mut().flat_map(|neighbor| &mut neighbor.ports);
    for port in ingress.chain(&mut neighbors.listens) {
        if let Some(name) = pod.ports.get(&port.port) {
            name.clone_into(&mut port.port_name);
        }
    }
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
