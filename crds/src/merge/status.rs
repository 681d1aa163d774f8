//! The union of what is known about a profile.

use std::cmp::{Ordering, Reverse, max_by, max_by_key};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::{Merge, union};
use crate::{
    condition,
    revision::RevisionStatus,
    status::{Counts, Learning, Loss, ProfileStatus},
};

impl Merge for ProfileStatus {
    /// Of two conditions of a type the worse one stands: what one side did not see, the union did not see either.
    /// Counts are the greater ones, until they are made anew from the spec.
    fn merge(self, other: Self) -> Self {
        let Self { phase, learning, revisions, counts, conditions, losses } = self;
        Self {
            phase: phase.min(other.phase),
            learning: match (learning, other.learning) {
                (Some(a), Some(b)) => Some(a.merge(b)),
                (a, b) => a.or(b),
            },
            revisions: union(revisions, other.revisions, |revision| revision.id.clone()),
            counts: counts.merge(other.counts),
            conditions: union(conditions, other.conditions, |condition| condition.type_.clone()),
            losses: union(losses, other.losses, |loss| (loss.node.clone(), loss.container.clone(), loss.cause)),
        }
    }
}

impl Merge for Learning {
    /// The longest span of both.
    fn merge(self, other: Self) -> Self {
        let Self { period, started_at, completes_at, revision, relearned } = self;
        let earliest = |a: Option<Time>, b: Option<Time>| a.into_iter().chain(b).min();
        Self {
            period: period.max(other.period),
            started_at: earliest(started_at, other.started_at),
            completes_at: completes_at.max(other.completes_at),
            revision: revision.max(other.revision),
            relearned: relearned.max(other.relearned),
        }
    }
}

impl Merge for RevisionStatus {
    /// Of the same id: the one that is further along.
    fn merge(self, other: Self) -> Self {
        let place = |revision: &Self| {
            let Self { id: _, phase, started_at, remaining_seconds, running_since, completed_at, images } = revision.clone();
            (phase, Reverse(remaining_seconds), completed_at, running_since, started_at, images)
        };
        max_by_key(self, other, place)
    }
}

impl Merge for Counts {
    fn merge(self, other: Self) -> Self {
        let Self { processes, files, capabilities, syscalls, peers } = self;
        Self {
            processes: processes.max(other.processes),
            files: files.max(other.files),
            capabilities: capabilities.max(other.capabilities),
            syscalls: syscalls.max(other.syscalls),
            peers: peers.max(other.peers),
        }
    }
}

impl Merge for Loss {
    /// Of the same cause, node and container. Losses are totals, so the greater one holds the smaller.
    fn merge(self, other: Self) -> Self {
        let Self { cause, count, node, container } = self;
        Self { cause, count: count.max(other.count), node, container }
    }
}

impl Merge for Condition {
    /// Of the same type: the worse one; of two equally bad ones the one that became so first.
    fn merge(self, other: Self) -> Self {
        max_by(self, other, compare)
    }
}

fn compare(a: &Condition, b: &Condition) -> Ordering {
    let bad = condition::severity;
    bad(a).cmp(&bad(b)).then_with(|| b.last_transition_time.cmp(&a.last_transition_time)).then_with(|| {
        (&a.reason, &a.message, &a.status, a.observed_generation).cmp(&(&b.reason, &b.message, &b.status, b.observed_generation))
    })
}
