//! One container of the node: its slot, its ledger, and what of it has been told.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    net::IpAddr,
    path::PathBuf,
    time::Instant,
};

use runtimemap_crds::{LossCause, ObservedContainer};

use super::bundle::Called;
use crate::{
    fact::Slot,
    ledger::Ledger,
    mailbox::{self, Letter},
};

/// Names a container: UID of its pod and its own id.
pub(super) type Key = (String, String);

/// A container that is, or was, on this node.
#[derive(Debug)]
pub(super) struct Container {
    /// Its directory in the hierarchy of identity.
    pub(super) directory: PathBuf,
    /// While it is recorded.
    pub(super) slot: Option<Slot>,
    /// Everything it was seen to do.
    pub(super) ledger: Ledger,
    /// Whether the ledger may hold what has not been told.
    pub(super) dirty: bool,
    /// Whether it was recorded from its first instruction.
    pub(super) startup_observed: bool,
    /// What the runtime calls it, once that is known.
    pub(super) called: Option<Called>,
    /// When it was found.
    pub(super) found: Instant,
    /// Directories in other hierarchies that have yet to be led to the slot.
    pub(super) elsewhere: Vec<PathBuf>,
    /// Whether its cgroup is gone.
    pub(super) closed: bool,
    /// Whether nobody wants to hear of it.
    pub(super) ignored: bool,
    /// Until when its facts have to wait.
    pub(super) not_before: Option<Instant>,
    losses: BTreeMap<LossCause, u64>,
    /// Totals of what is charged to everybody, when it was found.
    before: BTreeMap<LossCause, u64>,
    told: Told,
}

/// What the controller has taken.
#[derive(Debug, Default)]
struct Told {
    letters: HashSet<String>,
    losses: BTreeMap<LossCause, u64>,
    closed: bool,
    any: bool,
}

/// What a batch says of one container.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// Which.
    pub(super) key: Key,
    /// About it.
    pub(super) observed: ObservedContainer,
    /// Its facts.
    pub(super) letters: Vec<Letter>,
    /// Whether more facts are to follow.
    pub(super) more: bool,
}

impl Container {
    /// A container that was found just now.
    pub(super) fn new(directory: PathBuf, elsewhere: Vec<PathBuf>, slot: Slot, ledger: Ledger, startup_observed: bool) -> Self {
        Self {
            directory,
            slot: Some(slot),
            ledger,
            dirty: true,
            startup_observed,
            called: None,
            found: Instant::now(),
            elsewhere,
            closed: false,
            ignored: false,
            not_before: None,
            losses: BTreeMap::new(),
            before: BTreeMap::new(),
            told: Told::default(),
        }
    }

    /// Takes totals of the kernel's counters as those from which its own begin.
    pub(super) fn begin_losses(&mut self, totals: Vec<(LossCause, u64)>) {
        self.before = sums(totals);
    }

    /// Takes totals of the kernel's counters.
    pub(super) fn set_losses(&mut self, totals: Vec<(LossCause, u64)>) {
        let mut losses = sums(totals);
        for (cause, count) in &mut losses {
            *count = count.saturating_sub(self.before.get(cause).copied().unwrap_or(0));
        }
        let dropped = self.ledger.network.dropped.values().sum();
        losses.insert(LossCause::LedgerFull, dropped);
        losses.retain(|_, count| *count > 0);
        self.losses = losses;
    }

    /// What is to be told of it, if anything is.
    pub(super) fn part(&self, key: &Key) -> Option<Part> {
        let unchanged = !self.dirty && self.losses == self.told.losses && self.closed == self.told.closed;
        if self.ignored || unchanged {
            return None;
        }
        let letters = if self.dirty { self.news() } else { Vec::new() };
        if letters.is_empty() && self.told.any && self.losses == self.told.losses && self.closed == self.told.closed {
            return None;
        }
        let (pod_uid, id) = key.clone();
        let Called { name, type_ } = self.called.clone().unwrap_or_default();
        let observed = ObservedContainer {
            pod_uid,
            id,
            name,
            type_,
            workload: String::new(),
            revision: String::new(),
            startup_observed: self.startup_observed,
            losses: self.losses.clone(),
            closed: self.closed,
            drained: false,
        };
        Some(Part { key: key.clone(), observed, letters, more: false })
    }

    /// What the ledger holds and the controller does not.
    fn news(&self) -> Vec<Letter> {
        let all = mailbox::letters(&self.ledger);
        let told = |letter: &Letter| text(letter).is_some_and(|text| self.told.letters.contains(&text));
        // A flow and the names of its address belong together: whichever is new takes the other along.
        let mut addresses = BTreeSet::new();
        for letter in all.iter().filter(|letter| !told(letter)) {
            addresses.extend(address(letter));
        }
        all.into_iter().filter(|letter| !told(letter) || address(letter).is_some_and(|address| addresses.contains(&address))).collect()
    }

    /// The controller has taken this.
    pub(super) fn taken(&mut self, part: &Part) {
        self.told.letters.extend(part.letters.iter().filter_map(text));
        self.told.losses.clone_from(&part.observed.losses);
        self.told.closed = part.observed.closed;
        self.told.any = true;
        self.dirty |= part.more;
    }

    /// Whether everything has been told and nothing more will be.
    pub(super) fn done(&self) -> bool {
        self.closed && (self.ignored || (self.told.closed && !self.dirty))
    }

    /// Nobody wants to hear of it any more: what it did is forgotten.
    pub(super) fn ignore(&mut self, empty: Ledger) {
        self.ignored = true;
        self.dirty = false;
        self.ledger = empty;
        self.told = Told::default();
    }
}

fn address(letter: &Letter) -> Option<IpAddr> {
    match letter {
        Letter::Flow(flow) => Some(flow.address),
        Letter::Name(_, address) => Some(*address),
        _ => None,
    }
}

fn text(letter: &Letter) -> Option<String> {
    serde_json::to_string(letter).ok()
}

fn sums(totals: Vec<(LossCause, u64)>) -> BTreeMap<LossCause, u64> {
    let mut sums = BTreeMap::new();
    for (cause, count) in totals {
        *sums.entry(cause).or_insert(0) += count;
    }
    sums
}

/// Processes in a cgroup and below.
pub(super) fn processes(directory: &std::path::Path) -> BTreeSet<u32> {
    let found = crate::cgroup::Found { dirs: vec![directory.to_owned()], root: false };
    found.processes()
}

#[cfg(test)]
mod tests {
    use runtimemap_crds::{Origin, collapse::Thresholds};

    use super::*;
    use crate::fact::{Act, Fact};

    fn container() -> Container {
        let ledger = Ledger::new(&Thresholds::default(), true);
        Container::new(PathBuf::new(), Vec::new(), Slot(0), ledger, true)
    }

    fn open(container: &mut Container, path: &str) {
        let act = Act::Open { path: path.as_bytes().to_vec(), flags: 0 };
        container.ledger.add(Fact { slot: Slot(0), origin: Origin::Entrypoint, pid: 1, time: 0, act }, None);
        container.dirty = true;
    }

    #[test]
    fn what_was_taken_is_not_told_again_and_what_was_not_is() {
        let key = ("pod".to_owned(), "id".to_owned());
        let mut container = container();
        open(&mut container, "/a");
        let first = container.part(&key).unwrap();
        assert_eq!(first.letters.len(), 1);
        // Not acknowledged: still news.
        assert_eq!(container.part(&key).unwrap().letters, first.letters);
        container.dirty = false;
        container.taken(&first);
        assert!(container.part(&key).is_none());
        open(&mut container, "/a");
        assert!(container.part(&key).is_none(), "seen again is no news");
        open(&mut container, "/b");
        assert_eq!(container.part(&key).unwrap().letters.len(), 1);
    }

    #[test]
    fn a_flow_takes_the_names_of_its_address_along() {
        let key = ("pod".to_owned(), "id".to_owned());
        let mut container = container();
        container.ledger.network.add_answer("a.test", &["192.0.2.1".parse().unwrap()]);
        container.ledger.network.add_answer("b.test", &["192.0.2.2".parse().unwrap()]);
        let first = container.part(&key).unwrap();
        container.dirty = false;
        container.taken(&first);
        let flow = Act::Flow {
            direction: crate::fact::Direction::Egress,
            protocol: runtimemap_crds::Protocol::TCP,
            local: "10.0.0.1:4000".parse().unwrap(),
            remote: "192.0.2.1:443".parse().unwrap(),
            outcome: runtimemap_crds::Outcome::Established,
        };
        container.ledger.add(Fact { slot: Slot(0), origin: Origin::Entrypoint, pid: 1, time: 0, act: flow }, None);
        container.dirty = true;
        let letters = container.part(&key).unwrap().letters;
        assert!(matches!(letters.as_slice(), [Letter::Name(name, _), Letter::Flow(_)] if name == "a.test"), "{letters:?}");
    }

    #[test]
    fn the_end_is_told_once_and_losses_are_totals_since_it_was_found() {
        let key = ("pod".to_owned(), "id".to_owned());
        let mut container = container();
        container.begin_losses(vec![(LossCause::Missed, 5)]);
        container.set_losses(vec![(LossCause::Missed, 7), (LossCause::RingFull, 1), (LossCause::RingFull, 2)]);
        container.closed = true;
        let part = container.part(&key).unwrap();
        assert_eq!(part.observed.losses, BTreeMap::from([(LossCause::Missed, 2), (LossCause::RingFull, 3)]));
        container.dirty = false;
        assert!(!container.done());
        container.taken(&part);
        assert!(container.done() && container.part(&key).is_none());
    }
}
