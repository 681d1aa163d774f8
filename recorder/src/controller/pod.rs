//! A pod, as much of it as attribution needs.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use k8s_openapi::{
    api::core::v1::{Container, ContainerStatus, Pod as KubernetesPod, PodSpec, PodStatus},
    apimachinery::pkg::apis::meta::v1::{OwnerReference, Time},
    jiff::Timestamp,
};
use runtimemap_crds::Image;
use serde_json::json;

use super::filters;

/// Annotation that names the manifest of a static pod, which its cgroup is called by.
const CONFIG_HASH: &str = "kubernetes.io/config.hash";
/// Annotation that says where a pod was read from; `api` for all that are not static.
const CONFIG_SOURCE: &str = "kubernetes.io/config.source";

/// What RuntimeClasses of sandboxes and virtual machines are called by.
const SANDBOXES: [&str; 3] = ["gvisor", "kata", "runsc"];

/// Which list of a pod's spec a container is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// `containers`
    Main,
    /// `initContainers`
    Init,
    /// `ephemeralContainers`
    Ephemeral,
}

impl Role {
    /// As directives have it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Main => "",
            Self::Init => "init",
            Self::Ephemeral => "ephemeral",
        }
    }

    /// From that.
    pub(super) fn of(word: &str) -> Self {
        match word {
            "init" => Self::Init,
            "ephemeral" => Self::Ephemeral,
            _ => Self::Main,
        }
    }
}

/// A pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Pod {
    pub(super) uid: String,
    pub(super) namespace: String,
    pub(super) name: String,
    /// Empty while it is not bound.
    pub(super) node: String,
    pub(super) addresses: Vec<IpAddr>,
    pub(super) host_network: bool,
    pub(super) labels: BTreeMap<String, String>,
    /// Hash of its manifest, if it is static: its cgroup's name.
    pub(super) manifest: Option<String>,
    pub(super) controller: Option<OwnerReference>,
    pub(super) annotations: BTreeMap<String, String>,
    /// What its name was generated from.
    pub(super) generated: Option<String>,
    /// It has ended: its address is another's by now.
    pub(super) finished: bool,
    /// It is told to end.
    pub(super) ending: bool,
    /// It has ended well.
    pub(super) succeeded: bool,
    /// When it was made: no address was its own before.
    pub(super) created: Option<Timestamp>,
    /// When its last container ended, if it has ended.
    pub(super) ended: Option<Timestamp>,
    /// One of its containers runs.
    pub(super) running: bool,
    /// The kubelet says that it is ready.
    pub(super) ready: bool,
    /// Its RuntimeClass, if that is one of a sandbox or a virtual machine: what it does there, no node's kernel sees.
    pub(super) sandbox: Option<String>,
    /// Seccomp filters of ours that it names, as `localhostProfile` has them.
    pub(super) filters: BTreeSet<String>,
    /// Hash of its containers as they were admitted.
    pub(super) template: String,
    /// Names of its ports, by number.
    pub(super) ports: BTreeMap<u16, String>,
    /// Commands that the kubelet runs in a container: probes and hooks.
    commands: BTreeMap<String, Vec<Vec<String>>>,
    /// Images of its containers, with whether each is pulled anew at every start.
    sources: BTreeMap<String, (String, bool)>,
    containers: Vec<(String, Role)>,
    /// By the id that the runtime gave them: name and image.
    ids: BTreeMap<String, (String, Image)>,
}

impl Pod {
    /// From the API's. None of one without a UID, which the API server never has.
    pub(super) fn of(pod: KubernetesPod) -> Option<Self> {
        let metadata = pod.metadata;
        let annotations = metadata.annotations.unwrap_or_default();
        let spec = pod.spec.unwrap_or_default();
        let status = pod.status.unwrap_or_default();
        let (template, running, ready) = (template(&spec), is_running(&status), is_ready(&status));
        let (sandbox, filters) = (sandbox(&spec), filters::of_pod(&spec));
        let finished = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
        let ended = finished.then(|| last_end(&status)).flatten();
        let all = || spec.containers.iter().chain(spec.init_containers.iter().flatten());
        let sources = all().map(|container| (container.name.clone(), source(container))).collect();
        let commands = all().map(|container| (container.name.clone(), commands(container))).collect();
        let named_ports = all().flat_map(|container| container.ports.iter().flatten());
        let ports = named_ports.filter_map(|port| Some((u16::try_from(port.container_port).ok()?, port.name.clone()?))).collect();
        let named = |names: Vec<String>, role| names.into_iter().map(move |name| (name, role));
        let mut containers: Vec<(String, Role)> = named(spec.containers.into_iter().map(|c| c.name).collect(), Role::Main).collect();
        containers.extend(named(spec.init_containers.unwrap_or_default().into_iter().map(|c| c.name).collect(), Role::Init));
        containers.extend(named(spec.ephemeral_containers.unwrap_or_default().into_iter().map(|c| c.name).collect(), Role::Ephemeral));
        let statuses = [status.container_statuses, status.init_container_statuses, status.ephemeral_container_statuses];
        let addresses = status.pod_ips.unwrap_or_default().into_iter().map(|ip| ip.ip).chain(status.pod_ip);
        let mut addresses: Vec<IpAddr> = addresses.filter_map(|ip| ip.parse::<IpAddr>().ok()).map(|ip| ip.to_canonical()).collect();
        addresses.sort_unstable();
        addresses.dedup();
        let is_static = annotations.get(CONFIG_SOURCE).is_some_and(|source| source != "api");
        Some(Self {
            uid: metadata.uid?,
            namespace: metadata.namespace?,
            name: metadata.name?,
            node: spec.node_name.unwrap_or_default(),
            addresses,
            host_network: spec.host_network.unwrap_or_default(),
            labels: metadata.labels.unwrap_or_default(),
            manifest: annotations.get(CONFIG_HASH).filter(|_| is_static).cloned(),
            controller: metadata.owner_references.unwrap_or_default().into_iter().find(|owner| owner.controller == Some(true)),
            annotations: annotations.into_iter().filter(|(name, _)| name.starts_with("runtimemap.io/")).collect(),
            generated: metadata.generate_name,
            finished,
            ending: metadata.deletion_timestamp.is_some(),
            succeeded: status.phase.as_deref() == Some("Succeeded"),
            created: metadata.creation_timestamp.map(|Time(time)| time),
            ended,
            running,
            ready,
            sandbox,
            filters,
            template,
            ports,
            commands,
            sources,
            containers,
            ids: statuses.into_iter().flatten().flatten().flat_map(ids).collect(),
        })
    }

    /// Name and role of a container: by the name that its node gave it, else by its id. None if the pod has no such container (yet).
    pub(super) fn container(&self, name: &str, id: &str) -> Option<(&str, Role)> {
        let name = if name.is_empty() { self.ids.get(id).map(|(name, _)| name.as_str())? } else { name };
        self.containers.iter().find(|(known, _)| known == name).map(|(name, role)| (name.as_str(), *role))
    }

    /// Images of its containers by name, as far as the API server knows which they are. Those of ephemeral containers are none of it.
    pub(super) fn images(&self) -> BTreeMap<String, String> {
        let lasting = self.ids.values().filter(|(name, image)| self.sources.contains_key(name) && !image.image_id.is_empty());
        lasting.map(|(name, image)| (name.clone(), image.image_id.clone())).collect()
    }

    /// The image of each container as its spec names it, with whether what it names can be another one at each start.
    pub(super) fn sources(&self) -> impl Iterator<Item = (&str, &str, bool)> {
        self.sources.iter().map(|(name, (image, pulled))| (name.as_str(), image.as_str(), *pulled))
    }

    /// Whether the kubelet runs this in a container, as a probe or a hook.
    pub(super) fn is_probe(&self, container: &str, args: &[String]) -> bool {
        self.commands.get(container).is_some_and(|commands| commands.iter().any(|command| command == args))
    }

    /// Whether it ran an image of this name.
    pub(super) fn ran(&self, image: &str) -> bool {
        let known = |name: &str| self.ids.values().any(|(known, image)| known == name && !image.image_id.is_empty());
        self.sources().any(|(name, own, _)| own == image && known(name))
    }

    /// What its cgroup is called by.
    pub(super) fn cgroup(&self) -> &str {
        self.manifest.as_deref().unwrap_or(&self.uid)
    }

    /// The image that a container runs: as the spec names it, with its digest once the API server knows that.
    pub(super) fn image(&self, name: &str, id: &str) -> Option<Image> {
        let known = self.ids.get(id).or_else(|| self.ids.values().find(|(known, _)| known == name)).map(|(_, image)| image);
        let image = self.sources.get(name).map(|(image, _)| image).filter(|image| !image.is_empty()).or(known.map(|known| &known.image))?;
        Some(Image { image: image.clone(), image_id: known.map(|known| known.image_id.clone()).unwrap_or_default() })
    }
}

/// Sixteen digits that stand for a text: FNV-1a, the same in every version.
pub(super) fn digest(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

/// What makes a revision: the containers as they were admitted. Not what is added to a running pod, nor what a node fills in.
fn template(spec: &PodSpec) -> String {
    let container = |container: &Container| {
        let Container { name, image, command, args, env, security_context, .. } = container;
        let literal: Vec<_> = env.iter().flatten().filter(|variable| variable.value_from.is_none()).collect();
        json!([name, image, command, args, literal, security_context])
    };
    let main: Vec<_> = spec.containers.iter().map(container).collect();
    let init: Vec<_> = spec.init_containers.iter().flatten().map(container).collect();
    digest(&json!([main, init, spec.security_context]).to_string())
}

/// A RuntimeClass that is called like a sandbox, or that takes room for one: a runtime that only makes containers has no overhead.
fn sandbox(spec: &PodSpec) -> Option<String> {
    let class = spec.runtime_class_name.as_ref()?;
    let is_called_so = SANDBOXES.iter().any(|name| class.to_lowercase().contains(name));
    let takes_room = spec.overhead.as_ref().is_some_and(|overhead| !overhead.is_empty());
    (is_called_so || takes_room).then(|| class.clone())
}

/// An image by digest is always the same.
fn source(container: &Container) -> (String, bool) {
    let image = container.image.clone().unwrap_or_default();
    let pulled = container.image_pull_policy.as_deref() == Some("Always") && !image.contains("@sha256:");
    (image, pulled)
}

fn commands(container: &Container) -> Vec<Vec<String>> {
    let probes = [&container.startup_probe, &container.liveness_probe, &container.readiness_probe].into_iter().flatten();
    let hooks = container.lifecycle.iter().flat_map(|hooks| [&hooks.post_start, &hooks.pre_stop]).flatten();
    let actions = probes.filter_map(|probe| probe.exec.as_ref()).chain(hooks.filter_map(|hook| hook.exec.as_ref()));
    actions.filter_map(|action| action.command.clone()).collect()
}

fn statuses(status: &PodStatus) -> impl Iterator<Item = &ContainerStatus> {
    status.container_statuses.iter().chain(&status.init_container_statuses).flatten()
}

fn is_running(status: &PodStatus) -> bool {
    statuses(status).any(|container| container.state.as_ref().is_some_and(|state| state.running.is_some()))
}

fn is_ready(status: &PodStatus) -> bool {
    status.conditions.iter().flatten().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn last_end(status: &PodStatus) -> Option<Timestamp> {
    let ends = statuses(status).filter_map(|container| container.state.as_ref()?.terminated.as_ref()?.finished_at.clone());
    ends.map(|Time(time)| time).max()
}

/// The ids under which a container is known: that of its present run and of the last.
fn ids(status: ContainerStatus) -> Vec<(String, (String, Image))> {
    let image = Image { image: status.image, image_id: status.image_id };
    let last = status.last_state.and_then(|state| state.terminated).and_then(|ended| ended.container_id);
    // `containerd://<id>`
    let bare = |id: String| id.rsplit_once("//").map_or(id.clone(), |(_, id)| id.to_owned());
    status.container_id.into_iter().chain(last).map(|id| (bare(id), (status.name.clone(), image.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_found_by_name_else_by_id_and_keeps_its_role() {
        let pod = Pod::of(
            serde_json::from_value(json!({
                "metadata": {"uid": "u", "name": "web-1", "namespace": "shop"},
                "spec": {"containers": [{"name": "web"}], "initContainers": [{"name": "setup", "image": "setup:1"}]},
                "status": {
                    "podIP": "::ffff:10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}],
                    "containerStatuses": [{"name": "web", "image": "web:1", "imageID": "web@sha256:1", "ready": true, "restartCount": 1,
                        "containerID": "containerd://aa", "lastState": {"terminated": {"containerID": "containerd://bb", "exitCode": 1}}}],
                },
            }))
            .unwrap(),
        )
        .unwrap();
        assert_eq!(pod.container("setup", "zz"), Some(("setup", Role::Init)));
        assert_eq!(pod.container("", "aa"), Some(("web", Role::Main)));
        assert_eq!(pod.container("", "bb"), Some(("web", Role::Main)));
        assert_eq!((pod.container("", "zz"), pod.container("other", "aa")), (None, None));
        assert_eq!(pod.image("web", "aa").unwrap().image_id, "web@sha256:1");
        assert_eq!(pod.image("web", "zz").unwrap().image_id, "web@sha256:1");
        // Before its status names it, the spec does.
        assert_eq!(pod.image("setup", "zz"), Some(Image { image: "setup:1".into(), image_id: String::new() }));
        assert_eq!(pod.addresses, ["10.0.0.1".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn rule_1_a_revision_is_the_containers_as_they_were_admitted() {
        let pod = |spec: serde_json::Value| {
            Pod::of(serde_json::from_value(json!({"metadata": {"uid": "u", "name": "x", "namespace": "y"}, "spec": spec})).unwrap())
        };
        let template = |spec| pod(spec).unwrap().template;
        let web = |more: serde_json::Value| {
            let mut container = json!({"name": "web", "image": "web:1"});
            container.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!({"containers": [container]})
        };
        let first = template(web(json!({})));
        assert_eq!(first, template(web(json!({"resources": {"limits": {"cpu": "1"}}, "env": [{"name": "IP", "valueFrom": {}}]}))));
        let mut debugged = web(json!({}));
        debugged["ephemeralContainers"] = json!([{"name": "debug"}]);
        debugged["nodeName"] = json!("node1");
        assert_eq!(first, template(debugged));
        for other in [
            json!({"image": "web:2"}),
            json!({"command": ["x"]}),
            json!({"args": ["x"]}),
            json!({"env": [{"name": "A", "value": "b"}]}),
            json!({"securityContext": {"privileged": true}}),
        ] {
            assert_ne!(first, template(web(other.clone())), "{other}");
        }
    }

    #[test]
    fn s9_a_sandbox_is_known_by_its_runtime_class() {
        let pod = |spec: serde_json::Value| {
            let pod = json!({"metadata": {"uid": "u", "name": "x", "namespace": "y"}, "spec": spec});
            Pod::of(serde_json::from_value(pod).unwrap()).unwrap().sandbox
        };
        for class in ["gvisor", "Kata-qemu", "runsc-kvm"] {
            assert_eq!(pod(json!({"containers": [], "runtimeClassName": class})).as_deref(), Some(class));
        }
        let room = json!({"memory": "120Mi"});
        assert_eq!(pod(json!({"containers": [], "runtimeClassName": "vm", "overhead": room})).as_deref(), Some("vm"));
        assert_eq!(pod(json!({"containers": [], "runtimeClassName": "nvidia"})), None);
        assert_eq!(pod(json!({"containers": []})), None);
    }

    #[test]
    fn only_a_static_pod_is_known_by_its_manifest() {
        let pod = |source: &str| {
            let annotations = json!({"kubernetes.io/config.hash": "abc", "kubernetes.io/config.source": source});
            let pod = json!({"metadata": {"uid": "u", "name": "x", "namespace": "y", "annotations": annotations}});
            Pod::of(serde_json::from_value(pod).unwrap()).unwrap().manifest
        };
        assert_eq!((pod("file"), pod("api")), (Some("abc".to_owned()), None));
    }
}
