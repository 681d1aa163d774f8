//! What a reader should know before trusting a profile.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use runtimemap_crds::{
    Learning, Loss, LossCause, Phase, ProfileStatus,
    condition::{EVENTS_LOST, FULLY_OBSERVED, INTERRUPTED, PROCESSES_LEFT, STARTUP_OBSERVED, TRUNCATED, condition, reason},
};

use super::{Ending, Recording, time};
use crate::ledger::Ledger;

/// What the making of the profile found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes {
    /// Lists that were cut.
    pub(crate) truncated: Vec<String>,
    /// Numbers of system calls without a name.
    pub(crate) unknown_syscalls: Vec<String>,
    /// Processes that left.
    pub(crate) left: usize,
    /// Facts that the ledger had no room for.
    pub(crate) dropped: u64,
}

impl Notes {
    pub(crate) fn of(ledger: &Ledger) -> Self {
        let dropped = &ledger.network.dropped;
        Self {
            truncated: dropped.keys().map(|list| (*list).to_owned()).collect(),
            unknown_syscalls: Vec::new(),
            left: ledger.left.len(),
            dropped: dropped.values().sum(),
        }
    }
}

pub(crate) fn status(recording: &Recording, notes: &Notes) -> ProfileStatus {
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
            ..Learning::default()
        }),
        revisions: Vec::new(),
        counts: runtimemap_crds::Counts::default(),
        conditions: conditions(recording, notes, &losses),
        losses,
    }
}

/// Type, status, reason and message of a condition.
pub(crate) type Finding = (&'static str, bool, &'static str, String);

fn conditions(recording: &Recording, notes: &Notes, losses: &[Loss]) -> Vec<Condition> {
    let mut findings = vec![startup(recording.startup_observed), lost(losses), observed(recording, notes)];
    if !notes.truncated.is_empty() {
        let lists = notes.truncated.join(", ");
        findings.push((TRUNCATED, true, reason::LIST_OVER_BUDGET, format!("cut or collapsed further than usual, to stay small: {lists}")));
    }
    if notes.left > 0 {
        let message = format!("{} processes moved to another cgroup, where they were not recorded", notes.left);
        findings.push((PROCESSES_LEFT, true, reason::MOVED_TO_OTHER_CGROUP, message));
    }
    let interrupted = match recording.ending {
        Ending::Complete => None,
        Ending::StoppedBySignal => Some((reason::STOPPED_BY_SIGNAL, "a signal ended the recording")),
        Ending::DurationOver => Some((reason::DURATION_OVER, "the time was over while it went on")),
        Ending::RecorderFailed => Some((reason::RECORDER_FAILED, "the recorder failed; what came after that is missing")),
    };
    findings.extend(interrupted.map(|(reason, message)| (INTERRUPTED, true, reason, message.to_owned())));
    findings.sort();
    let since = time(recording.ended_at);
    findings.into_iter().map(|(type_, status, reason, message)| condition(type_, status, reason, message, since.clone())).collect()
}

fn startup(observed: bool) -> Finding {
    if observed {
        return (STARTUP_OBSERVED, true, reason::ARMED_BEFORE_START, "recorded from the first instruction".to_owned());
    }
    let message = "it ran before it was recorded; what it did then is known only as far as it still shows";
    (STARTUP_OBSERVED, false, reason::ALREADY_RUNNING, message.to_owned())
}

pub(crate) fn lost(losses: &[Loss]) -> Finding {
    if losses.is_empty() {
        return (EVENTS_LOST, false, reason::NOTHING_LOST, "every fact that the kernel reported is here".to_owned());
    }
    let list: Vec<String> = losses.iter().map(|loss| format!("{} {:?}", loss.count, loss.cause)).collect();
    (EVENTS_LOST, true, reason::LOSSES_COUNTED, format!("at most so many facts are missing: {}", list.join(", ")))
}

fn observed(recording: &Recording, notes: &Notes) -> Finding {
    let whole = recording.gaps.is_empty();
    let mut parts = recording.gaps.clone();
    if whole {
        parts.push("every hook is attached".to_owned());
    }
    if !notes.unknown_syscalls.is_empty() {
        parts.push(format!("system calls that this recorder has no name for: {}", notes.unknown_syscalls.join(", ")));
    }
    (FULLY_OBSERVED, whole, if whole { reason::ALL_HOOKS_ATTACHED } else { reason::HOOK_MISSING }, parts.join("; "))
}

#[cfg(test)]
mod tests {
    use runtimemap_crds::{Origin, collapse::Thresholds};

    use super::*;
    use crate::{
        fact::{Abi, Act, Fact, Slot},
        profile::assemble,
    };

    fn statuses(status: &ProfileStatus) -> Vec<(&str, &str, &str)> {
        status.conditions.iter().map(|c| (c.type_.as_str(), c.status.as_str(), c.reason.as_str())).collect()
    }

    #[test]
    fn a_whole_recording_says_so() {
        let recording = Recording { startup_observed: true, ..Recording::default() };
        let status = status(&recording, &Notes::default());
        let good = [
            ("EventsLost", "False", "NothingLost"),
            ("FullyObserved", "True", "AllHooksAttached"),
            ("StartupObserved", "True", "ArmedBeforeStart"),
        ];
        assert_eq!((status.phase, statuses(&status).as_slice()), (Phase::Complete, good.as_slice()));
        assert!(status.losses.is_empty());
    }

    #[test]
    fn r3_a_lossy_recording_says_what_it_lacks() {
        let recording = Recording {
            name: "web".to_owned(),
            ending: Ending::StoppedBySignal,
            gaps: vec!["not seen: capabilities".to_owned()],
            losses: vec![(LossCause::Throttled, 3), (LossCause::RingFull, 2)],
            ..Recording::default()
        };
        let notes = Notes { truncated: vec!["peers".to_owned()], unknown_syscalls: vec!["999 (amd64)".to_owned()], left: 1, dropped: 4 };
        let status = status(&recording, &notes);
        let bad = [
            ("EventsLost", "True", "LossesCounted"),
            ("FullyObserved", "False", "HookMissing"),
            ("Interrupted", "True", "StoppedBySignal"),
            ("ProcessesLeft", "True", "MovedToOtherCgroup"),
            ("StartupObserved", "False", "AlreadyRunning"),
            ("Truncated", "True", "ListOverBudget"),
        ];
        assert_eq!((status.phase, statuses(&status).as_slice()), (Phase::Learning, bad.as_slice()));
        let losses: Vec<_> = status.losses.iter().map(|loss| (loss.cause, loss.count, loss.container.as_str())).collect();
        assert_eq!(losses, [(LossCause::RingFull, 2, "web"), (LossCause::Throttled, 3, "web"), (LossCause::LedgerFull, 4, "web")]);
        assert!(status.conditions[1].message.contains("999 (amd64)"));
    }

    #[test]
    fn r2_an_unknown_number_stays_a_number_and_is_reported() {
        let mut ledger = Ledger::new(&Thresholds::default(), true);
        let act = Act::Syscall { abi: Abi::Native, number: 4000 };
        ledger.add(Fact { slot: Slot(0), origin: Origin::Entrypoint, pid: 1, time: 0, act }, None);
        let recording = Recording { name: "x".to_owned(), ..Recording::default() };
        let objects = serde_json::to_value(assemble(&recording, ledger, &Thresholds::default())).unwrap();
        assert_eq!(objects[0]["spec"]["containers"][0]["syscalls"], serde_json::json!(["syscall_4000"]));
        assert!(objects[0]["status"]["conditions"].to_string().contains("no name for: 4000"));
    }
}
