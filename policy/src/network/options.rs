//! What a reviewer can choose.

use std::net::IpAddr;

/// What counts as seen, how far rules reach, and which directions are restricted. The default is exactly what the workload itself did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Also what commands did that entered from outside (`kubectl exec`). Off: such traffic is named in the notes.
    pub entered: bool,
    /// What exec probes of the kubelet did. Off: such traffic is named in the notes.
    pub probes: bool,
    /// Also what ephemeral containers did (`kubectl debug`). Off: such traffic is named in the notes.
    pub ephemeral: bool,
    /// Also connections that were tried and never came about. Off: they are named in the notes.
    pub attempted: bool,
    /// Directions that the policy speaks of.
    pub directions: Directions,
    /// Also cut the direction in which nothing was seen. Off: it is not restricted, and a note says so.
    pub cut_unseen: bool,
    /// What stands for an address outside the cluster.
    pub world: World,
    /// Also the port of the Service that was addressed, for network plugins that judge before it is translated.
    pub service_ports: bool,
    /// Allow the cluster's DNS although it was not seen to be asked.
    pub dns: bool,
    /// Addresses of nodes whose kubelets may probe the ports that the workload listens on. Hardly any network plugin needs it: a
    /// pod's own node can always reach it.
    pub kubelets: Vec<IpAddr>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            entered: false,
            probes: true,
            ephemeral: false,
            attempted: false,
            directions: Directions::Both,
            cut_unseen: false,
            world: World::Addresses,
            service_ports: false,
            dns: false,
            kubelets: Vec::new(),
        }
    }
}

/// Directions that a policy speaks of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Directions {
    /// Both, as far as there was traffic.
    #[default]
    Both,
    /// Who may come to the workload.
    Ingress,
    /// Whom the workload may go to.
    Egress,
}

/// What stands for an address outside the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum World {
    /// The address that was seen.
    #[default]
    Addresses,
    /// Whatever shares its first bits.
    Prefix {
        /// Bits of an IPv4 address, at most 32.
        v4: u8,
        /// Bits of an IPv6 address, at most 128.
        v6: u8,
    },
    /// Any public address of its family, on the same ports. A private address still stands for itself.
    Public,
}
