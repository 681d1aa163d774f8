//! Whose a pod is: the highest controller above it that runs pods by itself.

use std::collections::{BTreeMap, HashMap};

use k8s_openapi::{
    api::batch::v1::Job,
    apimachinery::pkg::apis::meta::v1::{LabelSelector, OwnerReference},
};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject},
    core::GroupVersionKind,
};
use runtimemap_crds::WorkloadReference;
use serde_json::Value;

use super::{pod::Pod, settings::WorkloadKind, workloads::Key};

/// Kinds that may be above a pod, with the plural of each. Above these, operators have their own.
const KINDS: [(&str, &str, &str); 7] = [
    ("apps", "Deployment", "deployments"),
    ("apps", "StatefulSet", "statefulsets"),
    ("apps", "DaemonSet", "daemonsets"),
    ("apps", "ReplicaSet", "replicasets"),
    ("batch", "Job", "jobs"),
    ("batch", "CronJob", "cronjobs"),
    ("", "ReplicationController", "replicationcontrollers"),
];
/// Labels that say which generation of a workload a pod is of, and so stand for nothing that lasts.
const GENERATED: [&str; 7] = [
    "pod-template-hash",
    "controller-revision-hash",
    "pod-template-generation",
    "controller-uid",
    "job-name",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
];
/// Annotation of Jobs and pods with generated names: which workload they are runs of.
const GROUPED: &str = "runtimemap.io/workload";
/// Longest name of an object of ours; longer ones are cut and get a hash.
const NAME: usize = 200;

/// What profiles are kept of.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Workload {
    pub(super) namespace: String,
    pub(super) reference: WorkloadReference,
    /// Its own selector, from its spec; for kinds without one, the labels of its pods that last.
    pub(super) selector: LabelSelector,
    /// Whether there is an object of the namespace that the profile goes with.
    pub(super) owned: bool,
}

impl Workload {
    /// Namespace and name of its objects.
    pub(super) fn key(&self) -> Key {
        (self.namespace.clone(), self.object_name())
    }

    /// Name of its profile and its neighborhood: `deployment-web`.
    pub(super) fn object_name(&self) -> String {
        let WorkloadReference { api_version, kind, name, uid: _ } = &self.reference;
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let kind = kind.to_lowercase();
        let name = match group {
            "" | "apps" | "batch" => format!("{kind}-{name}"),
            group => format!("{kind}.{group}-{name}"),
        };
        if name.len() <= NAME {
            return name;
        }
        // FNV-1a: a name must be the same whichever version wrote it.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let front = &name[..name.floor_char_boundary(NAME - 17)];
        format!("{}-{hash:016x}", front.trim_end_matches(['-', '.']))
    }

    /// The reference that lets a profile go when its workload goes.
    pub(super) fn owner_reference(&self) -> Option<OwnerReference> {
        let WorkloadReference { api_version, kind, name, uid } = self.reference.clone();
        self.owned.then_some(OwnerReference { api_version, kind, name, uid, block_owner_deletion: None, controller: None })
    }

    /// A pod that is its own workload.
    fn bare(pod: &Pod) -> Self {
        let selector = LabelSelector { match_labels: Some(lasting(pod.labels.clone())), match_expressions: None };
        let (kind, name, owned) = match &pod.manifest {
            // One object for all nodes: a static pod is called after its node.
            Some(_) => ("StaticPod", pod.name.strip_suffix(&format!("-{}", pod.node)).unwrap_or(&pod.name), false),
            None => match group(&pod.annotations, pod.generated.as_deref(), &pod.name) {
                Some(group) => ("Pod", group, false),
                None => ("Pod", pod.name.as_str(), true),
            },
        };
        let uid = if owned { pod.uid.clone() } else { String::new() };
        let reference = WorkloadReference { api_version: "v1".to_owned(), kind: kind.to_owned(), name: name.to_owned(), uid };
        Self { namespace: pod.namespace.clone(), reference, selector, owned }
    }

    /// From an owner's own object; `kind` is one of ours.
    fn of(namespace: &str, owner: &OwnerReference, object: &Value) -> Self {
        let selector = match object.pointer("/spec/selector") {
            Some(selector) if selector.get("matchLabels").is_some() || selector.get("matchExpressions").is_some() => {
                serde_json::from_value(selector.clone()).unwrap_or_default()
            }
            // Of a ReplicationController.
            Some(labels) if owner.kind == "ReplicationController" => by_labels(Some(labels)),
            _ => LabelSelector::default(),
        };
        // What Kubernetes made up for a Job selects no other run of it.
        let generated = matches!(owner.kind.as_str(), "Job" | "CronJob");
        let template =
            object.pointer("/spec/template/metadata/labels").or_else(|| object.pointer("/spec/jobTemplate/spec/template/metadata/labels"));
        let OwnerReference { api_version, kind, name, uid, .. } = owner.clone();
        Self {
            namespace: namespace.to_owned(),
            reference: WorkloadReference { api_version, kind, name, uid },
            selector: if generated { by_labels(template) } else { selector },
            owned: true,
        }
    }

    /// Runs of a Job that each have a name of their own are one workload, which outlives them.
    fn grouped(mut self, annotations: &BTreeMap<String, String>, generated: Option<&str>) -> Self {
        let name = Some(&self.reference).filter(|reference| reference.kind == "Job");
        if let Some(group) = name.and_then(|reference| group(annotations, generated, &reference.name)).map(str::to_owned) {
            (self.reference.name, self.reference.uid, self.owned) = (group, String::new(), false);
        }
        self
    }
}

/// What runs with a generated name belong to: what their annotation says, else what the name was generated from.
fn group<'a>(annotations: &'a BTreeMap<String, String>, generated: Option<&'a str>, name: &str) -> Option<&'a str> {
    let generated = generated.filter(|generated| name.starts_with(generated)).map(|generated| generated.trim_end_matches(['-', '.']));
    let named = annotations.get(GROUPED).map(String::as_str).filter(|name| is_name(name));
    named.or(generated).filter(|group| !group.is_empty())
}

/// Whether an object can be called so.
fn is_name(text: &str) -> bool {
    let inner = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'));
    inner && !text.is_empty() && text.len() <= 253 && !text.starts_with(['-', '.']) && !text.ends_with(['-', '.'])
}

fn by_labels(labels: Option<&Value>) -> LabelSelector {
    let labels = labels.and_then(|labels| serde_json::from_value(labels.clone()).ok()).unwrap_or_default();
    LabelSelector { match_labels: Some(lasting(labels)), match_expressions: None }
}

fn lasting(mut labels: BTreeMap<String, String>) -> BTreeMap<String, String> {
    labels.retain(|label, _| !GENERATED.contains(&label.as_str()));
    labels
}

fn resource(owner: &OwnerReference, more: &[WorkloadKind]) -> Option<ApiResource> {
    let (group, version) = owner.api_version.split_once('/').unwrap_or(("", &owner.api_version));
    let own = || KINDS.iter().find(|(of, kind, _)| *of == group && *kind == owner.kind).map(|(_, _, plural)| *plural);
    let listed = || more.iter().find(|known| known.group == group && known.kind == owner.kind).map(|known| known.plural.as_str());
    let plural = own().or_else(listed)?;
    Some(ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, &owner.kind), plural))
}

/// Finds owners, and remembers them: their names and selectors never change.
pub(super) struct Owners {
    client: Client,
    known: HashMap<String, Workload>,
}

/// More owners than any cluster runs at a time; old ones are asked for again.
const KNOWN: usize = 50_000;

impl Owners {
    pub(super) fn new(client: Client) -> Self {
        Self { client, known: HashMap::new() }
    }

    /// The workload that a pod is of.
    ///
    /// # Errors
    /// If the API server does not answer.
    pub(super) async fn find(&mut self, pod: &Pod, more: &[WorkloadKind]) -> Result<Workload, kube::Error> {
        let Some(owner) = pod.controller.as_ref().filter(|owner| pod.manifest.is_none() && resource(owner, more).is_some()) else {
            return Ok(Workload::bare(pod));
        };
        if let Some(known) = self.known.get(&owner.uid) {
            return Ok(known.clone());
        }
        let first = owner.uid.clone();
        let mut owner = owner.clone();
        let mut found = None;
        while let Some(resource) = resource(&owner, more) {
            let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), &pod.namespace, &resource);
            // Another one of the same name is not it.
            let Some(object) = api.get_opt(&owner.name).await?.filter(|object| object.metadata.uid.as_deref() == Some(&owner.uid)) else {
                break;
            };
            let annotations = object.metadata.annotations.clone().unwrap_or_default();
            found =
                Some(Workload::of(&pod.namespace, &owner, &object.data).grouped(&annotations, object.metadata.generate_name.as_deref()));
            let above = object.metadata.owner_references.unwrap_or_default().into_iter().find(|above| above.controller == Some(true));
            match above {
                Some(above) => owner = above,
                None => break,
            }
        }
        // The owner is gone already: it is known only by its name.
        let workload = found.unwrap_or_else(|| Workload::of(&pod.namespace, &owner, &Value::Null));
        if self.known.len() >= KNOWN {
            self.known.clear();
        }
        self.known.insert(first, workload.clone());
        Ok(workload)
    }

    /// Forgets what it remembers: other kinds count as owners now.
    pub(super) fn clear(&mut self) {
        self.known.clear();
    }

    /// Whether a Job has succeeded.
    ///
    /// # Errors
    /// If the API server does not answer.
    pub(super) async fn succeeded(&self, workload: &Workload) -> Result<bool, kube::Error> {
        let api: Api<Job> = Api::namespaced(self.client.clone(), &workload.namespace);
        let job = api.get_opt(&workload.reference.name).await?;
        let conditions = job.and_then(|job| job.status).and_then(|status| status.conditions).unwrap_or_default();
        // A Job that succeeds says so before its last pods are gone, where the API server knows that condition.
        Ok(conditions
            .iter()
            .any(|condition| matches!(condition.type_.as_str(), "Complete" | "SuccessCriteriaMet") && condition.status == "True"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn owner(api_version: &str, kind: &str, name: &str) -> OwnerReference {
        OwnerReference {
            api_version: api_version.into(),
            kind: kind.into(),
            name: name.into(),
            uid: "u".into(),
            controller: Some(true),
            block_owner_deletion: None,
        }
    }

    fn labels(workload: &Workload) -> Vec<&str> {
        workload.selector.match_labels.iter().flatten().map(|(name, _)| name.as_str()).collect()
    }

    #[test]
    fn o2_objects_are_called_by_the_workload_and_not_by_a_revision() {
        let name = |api_version, kind, name| Workload::of("ns", &owner(api_version, kind, name), &json!({})).object_name();
        assert_eq!(name("apps/v1", "Deployment", "web"), "deployment-web");
        assert_eq!(name("batch/v1", "CronJob", "report"), "cronjob-report");
        assert_eq!(name("v1", "Pod", "shell"), "pod-shell");
        assert_eq!(name("argoproj.io/v1alpha1", "Rollout", "web"), "rollout.argoproj.io-web");
        let (long, other) = ("x".repeat(253), format!("{}y", "x".repeat(252)));
        assert!(name("apps/v1", "Deployment", &long).len() <= NAME);
        assert_ne!(name("apps/v1", "Deployment", &long), name("apps/v1", "Deployment", &other));
    }

    #[test]
    fn runs_with_generated_names_are_one_workload() {
        let job = |annotations: &[(&str, &str)], generated| {
            let annotations = annotations.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            Workload::of("ns", &owner("batch/v1", "Job", "import-x7z"), &json!({})).grouped(&annotations, generated)
        };
        let name = |workload: Workload| (workload.object_name(), workload.owned);
        assert_eq!(name(job(&[], None)), ("job-import-x7z".to_owned(), true));
        assert_eq!(name(job(&[], Some("import-"))), ("job-import".to_owned(), false));
        assert_eq!(name(job(&[(GROUPED, "nightly")], Some("import-"))), ("job-nightly".to_owned(), false));
        assert_eq!(name(job(&[(GROUPED, "No name!")], None)), ("job-import-x7z".to_owned(), true));
    }

    #[test]
    fn n3_a_selector_has_no_label_of_a_generation() {
        let deployment = json!({"spec": {"selector": {"matchLabels": {"app": "web"}}}});
        assert_eq!(labels(&Workload::of("ns", &owner("apps/v1", "Deployment", "web"), &deployment)), ["app"]);
        let job = json!({"spec": {
            "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "1"}},
            "template": {"metadata": {"labels": {"app": "x", "batch.kubernetes.io/controller-uid": "1", "job-name": "x"}}},
        }});
        assert_eq!(labels(&Workload::of("ns", &owner("batch/v1", "Job", "x"), &job)), ["app"]);
    }

    #[test]
    fn only_kinds_that_run_pods_are_looked_at() {
        assert!(resource(&owner("apps/v1", "ReplicaSet", "x"), &[]).is_some());
        assert!(resource(&owner("v1", "Node", "x"), &[]).is_none());
        assert!(resource(&owner("example.com/v1", "Deployment", "x"), &[]).is_none());
        let rollout = WorkloadKind { group: "argoproj.io".into(), kind: "Rollout".into(), plural: "rollouts".into() };
        let found = resource(&owner("argoproj.io/v1alpha1", "Rollout", "x"), &[rollout]).unwrap();
        assert_eq!((found.plural.as_str(), found.version.as_str()), ("rollouts", "v1alpha1"));
    }

    #[test]
    fn a_static_pod_is_one_workload_on_all_nodes_and_owned_by_nobody() {
        let pod = json!({
            "metadata": {"uid": "u", "name": "etcd-node1", "namespace": "kube-system",
                "annotations": {"kubernetes.io/config.hash": "abc", "kubernetes.io/config.source": "file"}},
            "spec": {"nodeName": "node1", "containers": []},
        });
        let workload = Workload::bare(&Pod::of(serde_json::from_value(pod).unwrap()).unwrap());
        assert_eq!(workload.object_name(), "staticpod-etcd");
        assert_eq!(workload.owner_reference(), None);
    }
}
