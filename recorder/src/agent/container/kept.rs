//! What is written down of a container.

use std::{collections::BTreeMap, path::PathBuf};

use runtimemap_crds::LossCause;
use serde::{Deserialize, Serialize};

use crate::agent::bundle::Called;

/// Everything of a container but its facts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::agent) struct Kept {
    /// Its directory in the hierarchy of identity.
    pub(in crate::agent) directory: PathBuf,
    /// Directories in other hierarchies that have yet to be led to its slot.
    pub(in crate::agent) elsewhere: Vec<PathBuf>,
    /// Number and epoch of its slot, for the next agent that adopts the kernel's tables.
    pub(in crate::agent) slot: Option<(u32, u32)>,
    /// Whether it was recorded from its first instruction.
    pub(in crate::agent) startup_observed: bool,
    /// What the runtime calls it, once that is known.
    pub(in crate::agent) called: Option<Called>,
    /// Whether its cgroup is gone.
    pub(in crate::agent) closed: bool,
    /// When it went, in seconds since 1970.
    pub(in crate::agent) closed_at: i64,
    /// Whether it is recorded.
    pub(in crate::agent) state: State,
    /// What was lost, by cause, since it was found.
    pub(in crate::agent) losses: BTreeMap<LossCause, u64>,
    /// The kernel's totals that are part of the losses, or were there before it.
    pub(in crate::agent) seen: BTreeMap<LossCause, u64>,
    /// What the controller has taken.
    pub(in crate::agent) told: Told,
    /// What directives called it. They outlive the pod and the controller.
    pub(in crate::agent) workload: String,
    /// Name in the pod's spec.
    pub(in crate::agent) container: String,
    /// Revision of the workload.
    pub(in crate::agent) revision: String,
}

/// Whether a container is recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::agent) enum State {
    /// It is.
    #[default]
    Watched,
    /// Its window is closed; what it does is kept apart until a directive says what becomes of it.
    Closing,
    /// Nobody wants to hear of it.
    Ignored,
}

/// What the controller has taken, facts aside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::agent) struct Told {
    /// Losses.
    pub(in crate::agent) losses: BTreeMap<LossCause, u64>,
    /// That it has ended.
    pub(in crate::agent) closed: bool,
    /// That everything up to the end of the window was there.
    pub(in crate::agent) drained: bool,
    /// Anything.
    pub(in crate::agent) any: bool,
}

/// What became of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::agent) enum Written {
    /// The controller does not have it.
    Untold,
    /// The controller has it.
    Told,
    /// It happened after the window was closed.
    After,
}

impl Written {
    /// As the store has it.
    pub(in crate::agent) fn number(self) -> u8 {
        match self {
            Self::Untold => 0,
            Self::Told => 1,
            Self::After => 2,
        }
    }

    /// What a number of the store says. Unknown ones are told again, which adds nothing twice.
    pub(in crate::agent) fn of(number: u8) -> Self {
        match number {
            1 => Self::Told,
            2 => Self::After,
            _ => Self::Untold,
        }
    }
}
