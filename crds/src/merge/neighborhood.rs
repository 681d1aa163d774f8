//! The union of NetworkNeighborhoods.

use std::cmp::max_by_key;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::{Evidence, Merge, profile::number, union, union_of_values};
use crate::{
    network_neighborhood::{ContainerNeighborhood, Neighbor, NeighborPort, NetworkNeighborhood, NetworkNeighborhoodSpec},
    revision,
    status::Counts,
};

impl Merge for NetworkNeighborhood {
    /// Metadata is that of `self`: both must be the same object. Counts are made anew.
    fn merge(self, other: Self) -> Self {
        let Self { metadata, spec, status } = self;
        let spec = spec.merge(other.spec);
        let mut status = status.unwrap_or_default().merge(other.status.unwrap_or_default());
        status.counts = spec.counts();
        Self { metadata, spec, status: Some(status) }
    }
}

impl NetworkNeighborhoodSpec {
    /// How much it holds, for `status.counts`.
    pub fn counts(&self) -> Counts {
        let containers = self.containers.iter().chain(&self.init_containers).chain(&self.ephemeral_containers);
        let peers = containers.map(|container| container.ingress.len() + container.egress.len()).sum();
        Counts { peers: number(peers), ..Counts::default() }
    }
}

impl Merge for NetworkNeighborhoodSpec {
    fn merge(self, other: Self) -> Self {
        let (mut this, mut other) = (self, other);
        let attribution = revision::union(&mut this, &mut other);
        let Self { workload, pod_selector, containers, init_containers, ephemeral_containers, revisions: _ } = this;
        let by_name = |container: &ContainerNeighborhood| container.name.clone();
        let mut merged = Self {
            workload: workload.merge(other.workload),
            pod_selector: one_selector(pod_selector, other.pod_selector),
            containers: union(normal(containers), normal(other.containers), by_name),
            init_containers: union(normal(init_containers), normal(other.init_containers), by_name),
            ephemeral_containers: union(normal(ephemeral_containers), normal(other.ephemeral_containers), by_name),
            revisions: Vec::new(),
        };
        attribution.write(&mut merged);
        merged
    }
}

/// Sorts the lists within, also of what has nothing to be merged with.
fn normal(containers: Vec<ContainerNeighborhood>) -> Vec<ContainerNeighborhood> {
    let empty = |name: &str| ContainerNeighborhood { name: name.to_owned(), ..ContainerNeighborhood::default() };
    containers.into_iter().map(|container| empty(&container.name).merge(container)).collect()
}

/// The same one whichever side it came from; one that selects something before one that is empty.
fn one_selector(a: LabelSelector, b: LabelSelector) -> LabelSelector {
    max_by_key(a, b, |selector| (*selector != LabelSelector::default(), serde_json::to_string(selector).unwrap_or_default()))
}

fn one_optional_selector(a: Option<LabelSelector>, b: Option<LabelSelector>) -> Option<LabelSelector> {
    match (a, b) {
        (Some(a), Some(b)) => Some(one_selector(a, b)),
        (a, b) => a.or(b),
    }
}

impl Merge for ContainerNeighborhood {
    fn merge(self, other: Self) -> Self {
        let Self { name, listens, ingress, egress } = self;
        Self {
            name: name.max(other.name),
            listens: ports(listens, other.listens),
            ingress: neighbors(ingress, other.ingress),
            egress: neighbors(egress, other.egress),
        }
    }
}

/// Merged by identifier, outcome and origin; in the order a person reads them.
fn neighbors(a: Vec<Neighbor>, b: Vec<Neighbor>) -> Vec<Neighbor> {
    let normal = |neighbor: Neighbor| {
        let Neighbor { ip_addresses, dns_names, ports: own, .. } = neighbor;
        Neighbor {
            ip_addresses: union_of_values(ip_addresses, Vec::new()),
            dns_names: union_of_values(dns_names, Vec::new()),
            ports: ports(own, Vec::new()),
            ..neighbor
        }
    };
    let a = a.into_iter().map(normal).collect();
    let b = b.into_iter().map(normal).collect();
    let mut merged = union(a, b, |neighbor| (neighbor.identifier.clone(), neighbor.outcome, neighbor.origin));
    merged.sort_by(|a, b| {
        let place = |n: &Neighbor| (n.type_, n.outcome, n.origin);
        (&a.peer, &a.dns_names, &a.ip_addresses, place(a), &a.identifier).cmp(&(
            &b.peer,
            &b.dns_names,
            &b.ip_addresses,
            place(b),
            &b.identifier,
        ))
    });
    merged
}

fn ports(a: Vec<NeighborPort>, b: Vec<NeighborPort>) -> Vec<NeighborPort> {
    union(a, b, |port| (port.protocol, port.port, port.service_port, port.port_name.clone(), port.name.clone()))
        .into_iter()
        .map(|port| NeighborPort { addresses: union_of_values(port.addresses, Vec::new()), ..port })
        .collect()
}

impl Merge for NeighborPort {
    /// Of the same protocol, port and names.
    fn merge(self, other: Self) -> Self {
        let Self { name, protocol, port, service_port, port_name, addresses } = self;
        Self { name, protocol, port, service_port, port_name, addresses: union_of_values(addresses, other.addresses) }
    }
}

impl Merge for Neighbor {
    /// Of the same identifier, outcome and origin.
    fn merge(self, other: Self) -> Self {
        let Self {
            identifier,
            type_,
            peer,
            pod_selector,
            namespace_selector,
            ip_addresses,
            dns_names,
            ports: own,
            outcome,
            origin,
            first_seen,
            pod,
        } = self;
        let Evidence { first_seen, pod } = Evidence { first_seen, pod }.merge(Evidence { first_seen: other.first_seen, pod: other.pod });
        Self {
            identifier,
            type_: type_.min(other.type_),
            peer: peer.max(other.peer),
            pod_selector: one_optional_selector(pod_selector, other.pod_selector),
            namespace_selector: one_optional_selector(namespace_selector, other.namespace_selector),
            ip_addresses: union_of_values(ip_addresses, other.ip_addresses),
            dns_names: union_of_values(dns_names, other.dns_names),
            ports: ports(own, other.ports),
            outcome,
            origin,
            first_seen,
            pod,
        }
    }
}
