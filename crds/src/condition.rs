//! Types and reasons of conditions: the only place where these words are written.

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

/// Reasons given with the conditions above.
pub mod reason {
    /// The recorder was armed in time.
    pub const ARMED_BEFORE_START: &str = "ArmedBeforeStart";
    /// The container ran before the recorder did.
    pub const ALREADY_RUNNING: &str = "AlreadyRunning";
    /// At least one loss counter is not zero.
    pub const LOSSES_COUNTED: &str = "LossesCounted";
    /// All loss counters are zero.
    pub const NOTHING_LOST: &str = "NothingLost";
    /// The recording was stopped by a signal.
    pub const STOPPED_BY_SIGNAL: &str = "StoppedBySignal";
    /// The recording's duration was over while the workload went on.
    pub const DURATION_OVER: &str = "DurationOver";
    /// A process moved to another cgroup.
    pub const MOVED_TO_OTHER_CGROUP: &str = "MovedToOtherCgroup";
    /// A hook could not be attached on this kernel.
    pub const HOOK_MISSING: &str = "HookMissing";
    /// Every hook is attached.
    pub const ALL_HOOKS_ATTACHED: &str = "AllHooksAttached";
    /// A list was over its budget.
    pub const LIST_OVER_BUDGET: &str = "ListOverBudget";
}
