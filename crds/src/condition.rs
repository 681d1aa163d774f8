//! Types and reasons of conditions: the only place where these words are written.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// A condition as Kubernetes has it. `type_` and `reason` are constants of this module; `message` is one sentence for a
/// person; `time` is when the status became what it is.
pub fn condition(type_: &str, status: bool, reason: &str, message: impl Into<String>, time: Time) -> Condition {
    Condition {
        type_: type_.to_owned(),
        status: if status { "True" } else { "False" }.to_owned(),
        reason: reason.to_owned(),
        message: message.into(),
        last_transition_time: time,
        observed_generation: None,
    }
}

/// How bad news a condition is: 0 none, 1 unknown, 2 bad. A type that is not of this module is taken for bad when true.
pub fn severity(condition: &Condition) -> u8 {
    let good = match condition.type_.as_str() {
        STARTUP_OBSERVED | ALL_REPLICAS_SEEN | FULLY_OBSERVED | CURRENT => "True",
        _ => "False",
    };
    match condition.status.as_str() {
        status if status == good => 0,
        "True" | "False" => 2,
        _ => 1,
    }
}

/// True when the recorder was armed before the container's first task entered.
pub const STARTUP_OBSERVED: &str = "StartupObserved";
/// True when something was lost; `status.losses` says what.
pub const EVENTS_LOST: &str = "EventsLost";
/// True when a list was cut or collapsed beyond its threshold to keep the object small.
pub const TRUNCATED: &str = "Truncated";
/// False when a replica did not answer before the profile was completed.
pub const ALL_REPLICAS_SEEN: &str = "AllReplicasSeen";
/// True when a process moved out of the container's cgroup and was no longer seen.
pub const PROCESSES_LEFT: &str = "ProcessesLeft";
/// True when the recording ended before the workload did.
pub const INTERRUPTED: &str = "Interrupted";
/// False when a hook this kernel lacks leaves a part of the behaviour unseen.
pub const FULLY_OBSERVED: &str = "FullyObserved";
/// True when an address of the cluster was talked to whose pod was not found.
pub const PEERS_UNRESOLVED: &str = "PeersUnresolved";
/// True when a node went away while the workload was being learned on it.
pub const NODE_LOST: &str = "NodeLost";
/// True when a pod of it runs in a sandbox or a virtual machine (gVisor, Kata), where this node's kernel does not run its system calls.
pub const SANDBOXED: &str = "Sandboxed";
/// True when revisions came faster than they can be told apart, and are taken for one.
pub const REVISIONS_FOLDED: &str = "RevisionsFolded";
/// False when a generated object is older than what was learned since, or no longer brought up to date.
pub const CURRENT: &str = "Current";

/// Reasons given with the conditions above.
pub mod reason {
    /// The recorder was armed in time.
    pub const ARMED_BEFORE_START: &str = "ArmedBeforeStart";
    /// The container ran before the recorder did.
    pub const ALREADY_RUNNING: &str = "AlreadyRunning";
    /// The pod's RuntimeClass says so.
    pub const RUNTIME_CLASS: &str = "RuntimeClass";
    /// At least one loss counter is not zero.
    pub const LOSSES_COUNTED: &str = "LossesCounted";
    /// All loss counters are zero.
    pub const NOTHING_LOST: &str = "NothingLost";
    /// The recording was stopped by a signal.
    pub const STOPPED_BY_SIGNAL: &str = "StoppedBySignal";
    /// The recording's duration was over while the workload went on.
    pub const DURATION_OVER: &str = "DurationOver";
    /// The recorder itself could not go on.
    pub const RECORDER_FAILED: &str = "RecorderFailed";
    /// A process moved to another cgroup.
    pub const MOVED_TO_OTHER_CGROUP: &str = "MovedToOtherCgroup";
    /// A hook could not be attached on this kernel.
    pub const HOOK_MISSING: &str = "HookMissing";
    /// Every hook is attached.
    pub const ALL_HOOKS_ATTACHED: &str = "AllHooksAttached";
    /// A list was over its budget.
    pub const LIST_OVER_BUDGET: &str = "ListOverBudget";
    /// An address inside the cluster belongs to no pod that is known.
    pub const NO_POD_OF_THAT_ADDRESS: &str = "NoPodOfThatAddress";
    /// Every replica handed over what it had before learning ended.
    pub const ALL_ANSWERED: &str = "AllAnswered";
    /// A replica was never watched, or its node did not answer in time.
    pub const REPLICA_SILENT: &str = "ReplicaSilent";
    /// The node's object is gone.
    pub const NODE_DELETED: &str = "NodeDeleted";
    /// More than twenty revisions in an hour.
    pub const TOO_MANY_REVISIONS: &str = "TooManyRevisions";
    /// The object is what the profile gave when it was last completed.
    pub const MADE_AT_COMPLETION: &str = "MadeAtCompletion";
    /// More was learned since, and the object is made anew when that is complete.
    pub const LEARNED_SINCE: &str = "LearnedSince";
    /// The settings do not ask for this object any more.
    pub const SWITCHED_OFF: &str = "SwitchedOff";
    /// No list was over its budget.
    pub const WITHIN_BUDGET: &str = "WithinBudget";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_bad_when_it_says_that_something_is_missing() {
        let of =
            |type_, status| severity(&condition(type_, status, reason::HOOK_MISSING, "", Time(k8s_openapi::jiff::Timestamp::UNIX_EPOCH)));
        assert_eq!((of(STARTUP_OBSERVED, true), of(STARTUP_OBSERVED, false)), (0, 2));
        assert_eq!((of(EVENTS_LOST, false), of(EVENTS_LOST, true)), (0, 2));
        assert_eq!((of(FULLY_OBSERVED, true), of(TRUNCATED, true), of(PROCESSES_LEFT, false)), (0, 2, 0));
    }
}
