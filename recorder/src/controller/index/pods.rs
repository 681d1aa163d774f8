//! Pods, found by whatever is asked for without going through all of them.

use std::{
    borrow::Borrow,
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::Hash,
    net::IpAddr,
    time::Instant,
};

use k8s_openapi::jiff::Timestamp;

use super::{Key, Placed, TOMBSTONE};

/// Pods that are there, and those that are gone but not forgotten.
#[derive(Debug, Default)]
pub(super) struct Pods {
    /// By UID.
    all: HashMap<String, Placed>,
    nodes: Lookup<String>,
    workloads: Lookup<Key>,
    /// What static pods' cgroups are named after.
    manifests: Lookup<String>,
    /// Those that a pod has for itself, and the networks that they are in.
    addresses: Lookup<IpAddr>,
    networks: Lookup<u128>,
}

/// UIDs of pods by something that they have.
#[derive(Debug)]
struct Lookup<K>(HashMap<K, BTreeSet<String>>);

impl<K> Default for Lookup<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Hash + Eq> Lookup<K> {
    fn add(&mut self, key: K, uid: &str) {
        self.0.entry(key).or_default().insert(uid.to_owned());
    }

    fn remove(&mut self, key: &K, uid: &str) {
        if let Some(uids) = self.0.get_mut(key) {
            uids.remove(uid);
            if uids.is_empty() {
                self.0.remove(key);
            }
        }
    }

    fn get<'a, Q: Hash + Eq + ?Sized>(&'a self, key: &Q) -> impl Iterator<Item = &'a String> + use<'a, K, Q>
    where
        K: Borrow<Q>,
    {
        self.0.get(key).into_iter().flatten()
    }
}

impl Pods {
    /// A pod appeared or changed.
    pub(super) fn insert(&mut self, placed: Placed) {
        let uid = placed.pod.uid.clone();
        self.remove(&uid);
        self.nodes.add(placed.pod.node.clone(), &uid);
        self.workloads.add(placed.workload.key(), &uid);
        if let Some(manifest) = &placed.pod.manifest {
            self.manifests.add(manifest.clone(), &uid);
        }
        for address in own_addresses(&placed) {
            self.addresses.add(address, &uid);
            self.networks.add(network(address), &uid);
        }
        self.all.insert(uid, placed);
    }

    fn remove(&mut self, uid: &str) {
        let Some(placed) = self.all.remove(uid) else { return };
        self.nodes.remove(&placed.pod.node, uid);
        self.workloads.remove(&placed.workload.key(), uid);
        if let Some(manifest) = &placed.pod.manifest {
            self.manifests.remove(manifest, uid);
        }
        for address in own_addresses(&placed) {
            self.addresses.remove(&address, uid);
            self.networks.remove(&network(address), uid);
        }
    }

    /// A pod is gone; it is known for a while yet.
    pub(super) fn bury(&mut self, uid: &str, now: Instant, wall: Timestamp) {
        if let Some(placed) = self.all.get_mut(uid) {
            placed.gone = Some((now, wall));
        }
        let over = |placed: &Placed| placed.gone.is_some_and(|(gone, _)| now.duration_since(gone) >= TOMBSTONE);
        let forgotten: Vec<String> = self.all.iter().filter(|(_, placed)| over(placed)).map(|(uid, _)| uid.clone()).collect();
        forgotten.iter().for_each(|uid| self.remove(uid));
    }

    /// The pod that a node's cgroup is named after.
    pub(super) fn get(&self, uid: &str, node: &str) -> Option<&Placed> {
        let mut by_manifest = self.manifests.get(uid).filter_map(|uid| self.all.get(uid));
        self.all.get(uid).or_else(|| by_manifest.find(|placed| placed.pod.node == node))
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Placed> {
        self.all.values()
    }

    /// All of them by their workload.
    pub(super) fn by_workload(&self) -> BTreeMap<Key, Vec<&Placed>> {
        self.workloads.0.iter().map(|(key, uids)| (key.clone(), uids.iter().filter_map(|uid| self.all.get(uid)).collect())).collect()
    }

    /// Those of a workload.
    pub(super) fn of_workload(&self, key: &Key) -> impl Iterator<Item = &Placed> {
        self.workloads.get(key).filter_map(|uid| self.all.get(uid))
    }

    /// Those of a node.
    pub(super) fn of_node(&self, node: &str) -> impl Iterator<Item = &Placed> {
        self.nodes.get(node).filter_map(|uid| self.all.get(uid))
    }

    /// Those that have an address for themselves, or had it: addresses are used again.
    pub(super) fn with_address(&self, address: IpAddr) -> impl Iterator<Item = &Placed> {
        self.addresses.get(&address).filter_map(|uid| self.all.get(uid))
    }

    /// Whether any has an address in the same /24, or /64.
    pub(super) fn any_near(&self, address: IpAddr) -> bool {
        self.networks.get(&network(address)).next().is_some()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }
}

fn own_addresses(placed: &Placed) -> impl Iterator<Item = IpAddr> {
    placed.pod.addresses.iter().copied().filter(|_| !placed.pod.host_network)
}

/// The /24 or /64 that an address is in; no two of them are the same number.
fn network(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address) >> 8),
        IpAddr::V6(address) => u128::from(address) >> 64 | 1 << 127,
    }
}
