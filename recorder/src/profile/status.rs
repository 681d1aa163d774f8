//! What a reader should know before trusting a profile.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use runtimemap_crds::{
    Learning, Loss, LossCause, Phase, ProfileStatus,
    condition::{EVENTS_LOST, FULLY_OBSERVED, INTERRUPTED, PROCESSES_LEFT, STARTUP_OBSERVED, TRUNCATED, reason},
};

use super::{Ending, Recording, time};
use crate::ledger::Ledger;

/// What the making of the profile found.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes {
    /// Lists that were cut.
    pub(super) truncated: Vec<String>,
    /// Numbers of system calls without a name.
    pub(super) unknown_syscalls: Vec<String>,
    /// Processes that left.
    left: usize,
    /// Facts that the ledger had no room for.
    dropped: u64,
}

impl Notes {
    pub(super) fn of(ledger: &Ledger) -> Self {
        let dropped = &ledger.network.dropped;
        Self {
            truncated: dropped.keys().map(|list| (*list).to_owned()).collect(),
            unknown_syscalls: Vec::new(),
            left: ledger.left.len(),
            dropped: dropped.values().sum(),
        }
    }
}

pub(super) fn status(recording: &Recording, notes: &Notes) -> ProfileStatus {
    let mut losses: Vec<Loss> = recording
        .losses
        .iter()
        .copied()
        .chain([(LossCause::LedgerFull, notes.dropped)])
        .filter(|&(_, count)| count > 0)
        .map(|(cause, count)| Loss { cause, count, node: String::new(), container: recording.name.clone() })
        .collect();
    losses.sort();
    let ended = matches!(recording.ending, Ending::Complete | Ending::DurationOver);
    ProfileStatus {
        phase: if ended { Phase::Complete } else { Phase::Learning },
        learning: Some(Learning {
            period: recording.period.clone(),
            started_at: Some(time(recording.started_at)),
            completes_at: ended.then(|| time(recording.ended_at)),
            revision: String::new(),
        }),
        counts: runtimemap_crds::Counts::default(),
        conditions: conditions(recording, notes, &losses),
        losses,
    }
}

fn conditions(recording: &Recording, notes: &Notes, losses: &[Loss]) -> Vec<Condition> {
    let mut conditions = Vec::new();
    let mut add = |type_: &str, status: bool, reason: &str, message: String| {
        conditions.push(Condition {
            type_: type_.to_owned(),
            status: if status { "True" } else { "False" }.to_owned(),
            reason: reason.to_owned(),
            message,
            last_transition_time: time(recording.ended_at),
            observed_generation: None,
        });
    };
    match recording.startup_observed {
        true => add(STARTUP_OBSERVED, true, reason::ARMED_BEFORE_START, "recorded from the first instruction".to_owned()),
        false => add(STARTUP_OBSERVED, false, reason::ALREADY_RUNNING, "it ran before it was recorded; what it did then is known only as far as it still shows".to_owned()),
    }
    if losses.is_empty() {
        add(EVENTS_LOST, false, reason::NOTHING_LOST, "every fact that the kernel reported is here".to_owned());
    } else {
        let list: Vec<String> = losses.iter().map(|loss| format!("{} {:?}", loss.count, loss.cause)).collect();
        add(EVENTS_LOST, true, reason::LOSSES_COUNTED, format!("at most so many facts are missing: {}", list.join(", ")));
    }
    let unknown = &notes.unknown_syscalls;
    if recording.gaps.is_empty() && unknown.is_empty() {
        add(FULLY_OBSERVED, true, reason::ALL_HOOKS_ATTACHED, "every hook is attached".to_owned());
    } else {
        let mut parts = recording.gaps.clone();
        if !unknown.is_empty() {
            parts.push(format!("system calls without a known name: {}", unknown.join(", ")));
        }
        let reason = if recording.gaps.is_empty() { reason::ALL_HOOKS_ATTACHED } else { reason::HOOK_MISSING };
        add(FULLY_OBSERVED, recording.gaps.is_empty(), reason, parts.join("; "));
    }
    if !notes.truncated.is_empty() {
        let lists = notes.truncated.join(", ");
        add(TRUNCATED, true, reason::LIST_OVER_BUDGET, format!("cut or collapsed further than usual, to stay small: {lists}"));
    }
    if notes.left > 0 {
        let message = format!("{} processes moved to another cgroup, where they were not recorded", notes.left);
        add(PROCESSES_LEFT, true, reason::MOVED_TO_OTHER_CGROUP, message);
    }
    match recording.ending {
        Ending::Complete => {}
        Ending::StoppedBySignal => add(INTERRUPTED, true, reason::STOPPED_BY_SIGNAL, "a signal ended the recording".to_owned()),
        Ending::DurationOver => add(INTERRUPTED, true, reason::DURATION_OVER, "the time was over while it went on".to_owned()),
        Ending::RecorderFailed => add(INTERRUPTED, true, RECORDER_FAILED, "the recorder failed; what came after is missing".to_owned()),
    }
    conditions.sort_by(|a, b| a.type_.cmp(&b.type_));
    conditions
}

/// To be one of `runtimemap_crds::condition::reason`.
const RECORDER_FAILED: &str = "RecorderFailed";
