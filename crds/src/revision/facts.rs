//! The facts of a spec, each under a key.

use crate::{
    application_profile::{ApplicationProfileSpec, ContainerProfile},
    network_neighborhood::{ContainerNeighborhood, Neighbor, NetworkNeighborhoodSpec},
    revision::RevisionGroup,
};

/// Names a fact within its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub(super) u32);

impl Key {
    fn of(parts: &[&str]) -> Self {
        // FNV-1a over parts that hold no NUL: written into objects, so it must never change with a version of a library.
        let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let [a, b, c, d, e, f, g, h] = hash.to_be_bytes();
        Self(u32::from_be_bytes([a ^ e, b ^ f, c ^ g, d ^ h]))
    }
}

/// A spec whose facts can be told apart by the revisions that did them.
pub trait Facts {
    /// Keeps the facts that `keep` wants, calling it once with each.
    fn retain(&mut self, keep: &mut dyn FnMut(Key) -> bool);
    /// Takes out containers of which nothing is left.
    fn prune(&mut self);
    /// Which revisions did what.
    fn groups(&mut self) -> &mut Vec<RevisionGroup>;
}

impl Facts for ApplicationProfileSpec {
    fn retain(&mut self, keep: &mut dyn FnMut(Key) -> bool) {
        let Self { workload: _, architectures: _, containers, init_containers, ephemeral_containers, revisions: _ } = self;
        for (list, containers) in [("containers", containers), ("init", init_containers), ("ephemeral", ephemeral_containers)] {
            for container in &mut *containers {
                profile(list, container, keep);
            }
        }
    }

    fn prune(&mut self) {
        let Self { containers, init_containers, ephemeral_containers, .. } = self;
        let empty = |name: &str| ContainerProfile { name: name.to_owned(), ..ContainerProfile::default() };
        for containers in [containers, init_containers, ephemeral_containers] {
            containers.retain(|container| *container != empty(&container.name));
        }
    }

    fn groups(&mut self) -> &mut Vec<RevisionGroup> {
        &mut self.revisions
    }
}

impl Facts for NetworkNeighborhoodSpec {
    fn retain(&mut self, keep: &mut dyn FnMut(Key) -> bool) {
        let Self { workload: _, pod_selector: _, containers, init_containers, ephemeral_containers, revisions: _ } = self;
        for (list, containers) in [("containers", containers), ("init", init_containers), ("ephemeral", ephemeral_containers)] {
            for container in &mut *containers {
                neighborhood(list, container, keep);
            }
        }
    }

    fn prune(&mut self) {
        let Self { containers, init_containers, ephemeral_containers, .. } = self;
        let empty = |name: &str| ContainerNeighborhood { name: name.to_owned(), ..ContainerNeighborhood::default() };
        for containers in [containers, init_containers, ephemeral_containers] {
            containers.retain(|container| *container != empty(&container.name));
        }
    }

    fn groups(&mut self) -> &mut Vec<RevisionGroup> {
        &mut self.revisions
    }
}

fn profile(list: &str, container: &mut ContainerProfile, keep: &mut dyn FnMut(Key) -> bool) {
    let ContainerProfile { name, images, execs, opens, capabilities, syscalls, syscall_origins, syscalls_denied, syscall_architectures } =
        container;
    let key = |kind: &str, parts: &[&str]| Key::of(&[&[list, name, kind], parts].concat());
    images.retain(|image| keep(key("image", &[&image.image, &image.image_id])));
    execs.retain(|exec| {
        let origin = format!("{:?}", exec.origin);
        let mut parts: Vec<&str> = vec![&exec.path, &exec.interpreter, &origin];
        parts.extend(exec.args.iter().map(String::as_str));
        keep(key("exec", &parts))
    });
    opens.retain(|open| keep(key("open", &[&open.path])));
    capabilities.retain(|capability| keep(key("capability", &[&capability.name, if capability.granted { "granted" } else { "denied" }])));
    syscalls.retain(|call| keep(key("syscall", &[call])));
    for (origin, calls) in &mut *syscall_origins {
        let origin = format!("{origin:?}");
        calls.retain(|call| keep(key("syscallOf", &[&origin, call])));
    }
    syscall_origins.retain(|_, calls| !calls.is_empty());
    syscalls_denied.retain(|call| keep(key("denied", &[call])));
    for (architecture, calls) in &mut *syscall_architectures {
        calls.retain(|call| keep(key("syscallAs", &[architecture, call])));
    }
    syscall_architectures.retain(|_, calls| !calls.is_empty());
}

fn neighborhood(list: &str, container: &mut ContainerNeighborhood, keep: &mut dyn FnMut(Key) -> bool) {
    let ContainerNeighborhood { name, listens, ingress, egress } = container;
    let key = |kind: &str, parts: &[&str]| Key::of(&[&[list, name, kind], parts].concat());
    listens.retain(|port| keep(key("listen", &[&port.name])));
    for (direction, neighbors) in [("ingress", ingress), ("egress", egress)] {
        for neighbor in &mut *neighbors {
            let Neighbor { identifier, outcome, origin, ports, .. } = neighbor;
            let (outcome, origin) = (format!("{outcome:?}"), format!("{origin:?}"));
            ports.retain(|port| {
                let service = port.service_port.map(|port| port.to_string()).unwrap_or_default();
                keep(key(direction, &[identifier, &outcome, &origin, &port.name, &service]))
            });
        }
        neighbors.retain(|neighbor| !neighbor.ports.is_empty());
    }
}
