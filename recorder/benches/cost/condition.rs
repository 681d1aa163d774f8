//! Under what a load is run.

/// Who observes, and what there is for them to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Condition {
    /// Nobody.
    Bare,
    /// A program that does nothing, at each system call.
    Empty,
    /// runtimemap learns the container, which does what it did before.
    Learning,
    /// runtimemap has learned all there is to learn on this node.
    Settled,
    /// runtimemap has learned this container, and learns another.
    Beside,
    /// runtimemap learns the container, all of whose acts are new.
    Novelty,
    /// bpftrace counts calls by number.
    Counting,
    /// bpftrace prints each call: a stand-in for agents that stream events.
    Streaming,
    /// strace follows each process of the container.
    Strace,
}

impl Condition {
    /// In the order of the table. Those that are compared most closely stand side by side, and run so.
    pub(crate) const ALL: [Self; 9] = [
        Self::Bare,
        Self::Empty,
        Self::Learning,
        Self::Settled,
        Self::Beside,
        Self::Novelty,
        Self::Counting,
        Self::Streaming,
        Self::Strace,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Empty => "empty program",
            Self::Learning => "runtimemap learning",
            Self::Settled => "runtimemap settled",
            Self::Beside => "runtimemap settled beside a learner",
            Self::Novelty => "runtimemap learning what is new",
            Self::Counting => "bpftrace that counts",
            Self::Streaming => "bpftrace that prints",
            Self::Strace => "strace -f",
        }
    }

    /// Those whose names are given, or all.
    pub(crate) fn chosen(names: Option<&str>) -> Vec<Self> {
        let is_chosen = |condition: &Self| names.is_none_or(|names| names.split(", ").any(|name| name == condition.name()));
        Self::ALL.into_iter().filter(is_chosen).collect()
    }

    /// Those chosen, beginning with another one each round, and every other round backwards: nobody always follows the same one.
    pub(crate) fn order(chosen: &[Self], round: usize) -> Vec<Self> {
        let mut order = chosen.to_vec();
        order.rotate_left(round % chosen.len());
        if round % 2 == 1 {
            order.reverse();
        }
        order
    }
}
