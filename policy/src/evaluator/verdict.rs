//! Flows, and what becomes of them.

use std::net::IpAddr;

use runtimemap_crds::Protocol;

use super::cluster::PodId;

/// One connection, or datagrams one way. Replies belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    /// Who opens it.
    pub from: End,
    /// Whom it is opened to.
    pub to: End,
    /// Transport.
    pub protocol: Protocol,
    /// Port of the destination, after any Service.
    pub port: u16,
}

/// One end of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// A pod of the cluster.
    Pod(PodId),
    /// An address that is no pod's: of a node, or outside.
    Address(IpAddr),
}

/// What becomes of a flow, by its two ends. It passes when both let it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Verdict {
    /// By the policies that select its source.
    pub egress: Ruling,
    /// By the policies that select its destination.
    pub ingress: Ruling,
}

impl Verdict {
    /// Whether the flow passes.
    pub fn is_allowed(&self) -> bool {
        self.egress != Ruling::Denied && self.ingress != Ruling::Denied
    }
}

/// What the policies of one end say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ruling {
    /// That end is no pod, or one in its node's network: no policy selects it.
    Outside,
    /// No policy restricts that pod in this direction.
    Open,
    /// Both ends are the same pod, to which no policy applies.
    SamePod,
    /// The other end is the pod's own node, which can always reach it and be reached.
    OwnNode,
    /// The first rule that allows it.
    Allowed(RulePlace),
    /// Policies select the pod, and no rule of theirs allows it.
    Denied,
}

/// A rule by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RulePlace {
    /// Place of the policy in the list that was compiled.
    pub policy: usize,
    /// Place of the rule among the policy's rules of that direction.
    pub rule: usize,
}
