//! An API server with one mailbox and one directive, and a controller that takes whatever comes. Both can be told to be away.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, mpsc},
    time::Instant,
};

use runtimemap_crds::{
    Acknowledgement, ContainerDirective, FilterFile, NodeDirective, NodeDirectiveSpec, NodeObservation, NodeObservationSpec,
    ObservedContainer, PodDirective, SeccompDirective, SeccompReport,
};
use runtimemap_recorder::mailbox;
use serde_json::{Value, json};

use crate::{
    http::{self, Answer, Request},
    rig::wait_until,
};

/// Shared between the test and those who answer.
#[derive(Clone, Default)]
pub(crate) struct Cluster(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    version: u64,
    mailbox: Option<NodeObservationSpec>,
    mailbox_version: u64,
    directive: Option<NodeDirectiveSpec>,
    watchers: Vec<mpsc::Sender<String>>,
    /// Whether the controller does not answer.
    silent: bool,
    /// How often the API server still refuses writes, and the pause it asks for.
    refusals: u32,
    /// When somebody tried to write.
    attempts: Vec<Instant>,
    /// Every batch that was written, in this order, as text.
    written: Vec<String>,
    /// What the controller has stored: letters of each container, as text.
    taken: BTreeMap<String, BTreeSet<String>>,
    observed: BTreeMap<String, ObservedContainer>,
    /// What to say of containers, by id, and of pods.
    orders: BTreeMap<String, ContainerDirective>,
    pods: Vec<PodDirective>,
    seccomp: Option<SeccompDirective>,
}

impl Cluster {
    /// Gives a kubeconfig for it.
    pub(crate) fn start() -> (Self, String) {
        let cluster = Self::default();
        let inner = cluster.clone();
        let port = http::serve(move |request| inner.answer(&request));
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "x",
            "clusters": [{"name": "x", "cluster": {"server": format!("http://127.0.0.1:{port}")}}],
            "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
            "users": [{"name": "x", "user": {}}],
        });
        (cluster, config.to_string())
    }

    /// Lets the controller be away, or come back and answer what waits.
    pub(crate) fn set_silent(&self, silent: bool) {
        let mut state = self.0.lock().unwrap();
        state.silent = silent;
        if !silent {
            state.control();
        }
    }

    /// Lets the API server refuse the next writes for being too many.
    pub(crate) fn refuse(&self, times: u32) {
        self.0.lock().unwrap().refusals = times;
    }

    /// Puts a batch into the mailbox, as an agent before this one would have.
    pub(crate) fn leave(&self, spec: NodeObservationSpec) {
        let mut state = self.0.lock().unwrap();
        state.version += 1;
        (state.mailbox, state.mailbox_version) = (Some(spec), state.version);
    }

    /// Says what is to become of a container, from now on.
    pub(crate) fn order(&self, order: ContainerDirective) {
        let mut state = self.0.lock().unwrap();
        state.orders.insert(order.id.clone(), order);
        state.direct();
    }

    /// Says what is to become of a pod.
    pub(crate) fn order_pod(&self, order: PodDirective) {
        let mut state = self.0.lock().unwrap();
        state.pods.push(order);
        state.direct();
    }

    /// Says which seccomp filters there have to be.
    pub(crate) fn order_filters(&self, files: &[FilterFile]) {
        let mut state = self.0.lock().unwrap();
        let payload = mailbox::encode_filters(files).unwrap().unwrap();
        state.seccomp = Some(SeccompDirective { payload, keep: Vec::new() });
        state.direct();
    }

    /// What was told last of the node's seccomp filters.
    pub(crate) fn filters(&self) -> Option<SeccompReport> {
        self.0.lock().unwrap().mailbox.as_ref()?.seccomp.clone()
    }

    /// Forgets all that was stored.
    pub(crate) fn forget(&self) {
        self.0.lock().unwrap().taken.clear();
    }

    /// When somebody tried to write, refused or not.
    pub(crate) fn attempts(&self) -> Vec<Instant> {
        self.0.lock().unwrap().attempts.clone()
    }

    pub(crate) fn written(&self) -> Vec<String> {
        self.0.lock().unwrap().written.clone()
    }

    /// Letters of a container that the controller has.
    pub(crate) fn letters(&self, id: &str) -> BTreeSet<String> {
        self.0.lock().unwrap().taken.get(id).cloned().unwrap_or_default()
    }

    /// What was said last of a container.
    pub(crate) fn observed(&self, id: &str) -> Option<ObservedContainer> {
        self.0.lock().unwrap().observed.get(id).cloned()
    }

    /// Whether a letter with this text is there.
    pub(crate) fn has(&self, id: &str, text: &str) -> bool {
        self.letters(id).iter().any(|letter| letter.contains(text))
    }

    /// Containers that it was told of.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.0.lock().unwrap().observed.keys().cloned().collect()
    }

    pub(crate) fn wait_for(&self, id: &str, text: &str) {
        wait_until(&format!("{text} of {id}"), || self.has(id, text));
    }

    fn answer(&self, request: &Request) -> Answer {
        let mut state = self.0.lock().unwrap();
        let Request { method, path, content_type, body } = request;
        let (resource, query) = path.split_once('?').unwrap_or((path, ""));
        match (method.as_str(), resource) {
            ("PATCH", "/apis/runtimemap.io/v1alpha1/nodeobservations/node1") => state.patch(content_type, body),
            ("GET", "/apis/runtimemap.io/v1alpha1/nodedirectives") if query.contains("watch=") => {
                let (sender, lines) = mpsc::channel();
                state.watchers.push(sender);
                // What was said between the list and this.
                state.tell();
                Answer::Lines(lines)
            }
            ("GET", "/apis/runtimemap.io/v1alpha1/nodedirectives") => {
                let items: Vec<Value> = state.directive_object().into_iter().collect();
                let list = json!({
                    "apiVersion": "runtimemap.io/v1alpha1", "kind": "NodeDirectiveList",
                    "metadata": {"resourceVersion": state.version.to_string()}, "items": items,
                });
                Answer::Whole(200, list.to_string(), 0)
            }
            // The agent may ask for nothing else.
            _ => Answer::Whole(403, status(403, 0), 0),
        }
    }
}

impl State {
    fn patch(&mut self, content_type: &str, body: &[u8]) -> Answer {
        self.attempts.push(Instant::now());
        if self.refusals > 0 {
            self.refusals -= 1;
            return Answer::Whole(429, status(429, 1), 1);
        }
        if content_type.contains("apply-patch") {
            let object: NodeObservation = serde_json::from_slice(body).unwrap();
            self.written.push(serde_json::to_string(&object.spec).unwrap());
            if self.mailbox.as_ref() != Some(&object.spec) {
                self.version += 1;
                (self.mailbox, self.mailbox_version) = (Some(object.spec), self.version);
            }
            if !self.silent {
                self.control();
            }
        }
        match &self.mailbox {
            Some(spec) => {
                let mut object = NodeObservation::new("node1", spec.clone());
                object.metadata.resource_version = Some(self.mailbox_version.to_string());
                Answer::Whole(200, serde_json::to_string(&object).unwrap(), 0)
            }
            None => Answer::Whole(404, status(404, 0), 0),
        }
    }

    /// The controller stores what is in the mailbox, and then says so.
    fn control(&mut self) {
        let Some(spec) = self.mailbox.clone() else { return };
        let letters = mailbox::decode(&spec.payload).unwrap();
        for (container, letters) in spec.containers.iter().zip(letters) {
            let texts = letters.iter().map(|letter| serde_json::to_string(letter).unwrap());
            self.taken.entry(container.id.clone()).or_default().extend(texts);
            self.observed.insert(container.id.clone(), container.clone());
        }
        self.direct();
    }

    fn direct(&mut self) {
        let ack = match &self.mailbox {
            Some(spec) if !self.silent => Acknowledgement { ledger: spec.ledger.clone(), sequence: spec.sequence },
            _ => self.directive.as_ref().map(|directive| directive.ack.clone()).unwrap_or_default(),
        };
        let directive = NodeDirectiveSpec {
            ack,
            containers: self.orders.values().cloned().collect(),
            pods: self.pods.clone(),
            keep_secrets: false,
            seccomp: self.seccomp.clone(),
        };
        if self.directive.as_ref() != Some(&directive) {
            self.directive = Some(directive);
            self.version += 1;
            self.tell();
        }
    }

    fn tell(&mut self) {
        let Some(object) = self.directive_object() else { return };
        let line = json!({"type": "MODIFIED", "object": object}).to_string();
        self.watchers.retain(|watcher| watcher.send(line.clone()).is_ok());
    }

    fn directive_object(&self) -> Option<Value> {
        let mut object = NodeDirective::new("node1", self.directive.clone()?);
        object.metadata.resource_version = Some(self.version.to_string());
        Some(serde_json::to_value(object).unwrap())
    }
}

fn status(code: u16, retry: u32) -> String {
    let details = json!({"retryAfterSeconds": retry});
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": "no", "reason": "No", "details": details})
        .to_string()
}
