//! The rules that hold for pods of the same policies, in one direction.

use std::collections::HashMap;

use runtimemap_crds::Protocol;

use super::{
    block::{Address, Block},
    cluster::Pod,
    peers::{ClassId, Peers},
    port::Port,
    verdict::RulePlace,
};

/// A rule by its place in [`Side::rules`].
type RuleId = u32;

/// All rules of one direction that hold for some pods, by whom they allow.
#[derive(Default)]
pub(super) struct Side {
    rules: Vec<Rule>,
    /// Rules that allow everybody.
    any: Vec<RuleId>,
    pods: HashMap<ClassId, Vec<RuleId>>,
    /// Rules by an address that they name alone.
    hosts: HashMap<Address, Vec<RuleId>>,
    blocks: Vec<(Block, RuleId)>,
}

struct Rule {
    place: RulePlace,
    /// Empty: every port.
    ports: Vec<Port>,
}

/// The other end of a flow.
pub(super) struct Other<'a> {
    pub(super) class: Option<ClassId>,
    pub(super) addresses: &'a [Address],
}

impl Side {
    /// Adds a rule after those that are there.
    pub(super) fn add(&mut self, place: RulePlace, peers: &Peers, ports: &[Port]) {
        let id = RuleId::try_from(self.rules.len()).unwrap_or(RuleId::MAX);
        self.rules.push(Rule { place, ports: ports.to_vec() });
        match peers {
            Peers::Any => self.any.push(id),
            Peers::Some { classes, blocks } => {
                for class in classes {
                    self.pods.entry(*class).or_default().push(id);
                }
                for block in blocks {
                    match block.only() {
                        Some(address) => self.hosts.entry(address).or_default().push(id),
                        None => self.blocks.push((block.clone(), id)),
                    }
                }
            }
        }
    }

    /// The first rule that allows a port of the destination to or from the other end.
    pub(super) fn allows(&self, other: &Other<'_>, protocol: Protocol, port: u16, destination: Option<&Pod>) -> Option<RulePlace> {
        let is_open = |id: &RuleId| {
            let rule = usize::try_from(*id).ok().and_then(|id| self.rules.get(id));
            rule.is_some_and(|rule| rule.ports.is_empty() || rule.ports.iter().any(|open| open.matches(protocol, port, destination)))
        };
        let first = |ids: &[RuleId]| ids.iter().copied().find(is_open);
        let pods = other.class.and_then(|class| self.pods.get(&class)).and_then(|ids| first(ids));
        let hosts = other.addresses.iter().filter_map(|address| self.hosts.get(address)).filter_map(|ids| first(ids)).min();
        let holds = |block: &Block| other.addresses.iter().any(|address| block.contains(*address));
        let blocks = self.blocks.iter().find(|(block, id)| holds(block) && is_open(id)).map(|(_, id)| *id);
        let id = [first(&self.any), pods, hosts, blocks].into_iter().flatten().min()?;
        self.rules.get(usize::try_from(id).ok()?).map(|rule| rule.place)
    }
}
