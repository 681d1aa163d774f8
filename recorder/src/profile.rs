//! From a ledger to the objects that a cluster would hold.

pub(crate) mod application;
pub(crate) mod neighborhood;
pub(crate) mod status;

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, Time},
    jiff::Timestamp,
};
use runtimemap_crds::{
    ApplicationProfile, ApplicationProfileSpec, Counts, LossCause, Merge, NetworkNeighborhood, NetworkNeighborhoodSpec, Object,
    WorkloadReference,
    collapse::{self, Thresholds},
};
use runtimemap_policy::{network, seccomp};

use crate::{ledger::Ledger, syscall};

pub use application::syscall_name;

/// How a recording came to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// What was recorded had ended.
    #[default]
    Complete,
    /// A signal ended it first.
    StoppedBySignal,
    /// The time was over first.
    DurationOver,
    /// The recorder could not go on.
    RecorderFailed,
}

/// What is known of a recording beside its facts.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// Name of the workload and of its only container.
    pub name: String,
    /// Namespace of the objects.
    pub namespace: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How it ended.
    pub ending: Ending,
    /// Length that was asked for, such as 30s; empty where none was.
    pub period: String,
    /// Whether the recorder was armed before the first instruction.
    pub startup_observed: bool,
    /// What this kernel's hooks do not see, in words.
    pub gaps: Vec<String>,
    /// What was lost.
    pub losses: Vec<(LossCause, u64)>,
}

/// Makes ApplicationProfile, NetworkNeighborhood, GeneratedNetworkPolicy and SeccompProfile, in this order.
pub fn assemble(recording: &Recording, ledger: Ledger, thresholds: &Thresholds) -> Vec<Object> {
    let workload = WorkloadReference { kind: "Command".to_owned(), name: recording.name.clone(), ..WorkloadReference::default() };
    let mut notes = status::Notes::of(&ledger);
    let neighbors = neighborhood::container(&recording.name, &ledger.network, &neighborhood::alone);
    let container = application::container(&recording.name, ledger, &mut notes);
    let mut spec = ApplicationProfileSpec {
        workload: workload.clone(),
        architectures: vec![syscall::ARCHITECTURE.to_owned()],
        containers: vec![container],
        ..ApplicationProfileSpec::default()
    };
    notes.truncated.extend(collapse::close(&mut spec, thresholds));
    let mut status = status::status(recording, &notes);

    let neighborhood_spec = NetworkNeighborhoodSpec {
        workload,
        pod_selector: pod_selector(&recording.name),
        containers: vec![neighbors],
        ..NetworkNeighborhoodSpec::default()
    };
    status.counts = Counts { peers: neighborhood_spec.counts().peers, ..spec.counts() };

    let mut profile = ApplicationProfile::new(&object_name(recording), spec);
    profile.metadata = metadata(recording);
    profile.status = Some(status.clone());
    // The same order as after a merge: equal content, equal bytes.
    let mut neighborhood = NetworkNeighborhood::new(&object_name(recording), neighborhood_spec.merge(NetworkNeighborhoodSpec::default()));
    neighborhood.metadata = metadata(recording);
    neighborhood.status = Some(status);
    let policy = network::object(&neighborhood, &network::Options::default());
    let seccomp = seccomp::generate(&profile, &seccomp::Options::default());
    vec![profile.into(), neighborhood.into(), policy.into(), seccomp.into()]
}

/// Without a cluster, the label that Kubernetes recommends for an application's name.
fn pod_selector(name: &str) -> LabelSelector {
    LabelSelector { match_labels: Some([("app.kubernetes.io/name".to_owned(), name.to_owned())].into()), match_expressions: None }
}

fn object_name(recording: &Recording) -> String {
    format!("command-{}", recording.name)
}

fn metadata(recording: &Recording) -> ObjectMeta {
    ObjectMeta { name: Some(object_name(recording)), namespace: Some(recording.namespace.clone()), ..ObjectMeta::default() }
}

pub(crate) fn time(timestamp: Timestamp) -> Time {
    // Whole seconds, as Kubernetes writes them.
    Time(Timestamp::from_second(timestamp.as_second()).unwrap_or(timestamp))
}
