//! Approved seccomp filters: what nodes are told of them, and what is said of that.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Node;
use kube::{
    Api,
    api::{Patch, PatchParams},
    runtime::watcher::Event,
};
use runtimemap_crds::{Delivery, SeccompDirective, SeccompProfile};
use serde_json::{Value, json};

use super::Controller;
use crate::controller::{
    filters::{self, READY, Seen},
    pause::Pause,
    say,
    workloads::Key,
};

/// Name under which `status.delivery` is managed: the rest of the status is written at other times.
const MANAGER: &str = "runtimemap-controller-delivery";
/// How often templates are read at most. What they name is removed from nodes a day after they do no more.
const TEMPLATES: Duration = Duration::from_secs(600);

impl Controller {
    pub(super) fn take_filters(&mut self, event: Event<Box<(Key, Seen)>>) {
        match event {
            Event::Apply(one) | Event::InitApply(one) => self.filters.take(one.0, Some(one.1)),
            Event::Delete(one) => self.filters.take(one.0, None),
            Event::Init => self.filters.begin(),
            Event::InitDone => self.filters.end(),
        }
    }

    /// Whether everything was told that depends on filters, or they on.
    fn knows_filters(&self) -> bool {
        ["seccompprofiles", "nodeobservations"].iter().all(|kind| self.listed.contains(kind))
    }

    /// What a node is told of its filters: as before where not everything is known yet that it depends on.
    pub(super) fn filters_of(&mut self, node: &str) -> Option<SeccompDirective> {
        if !self.workloads.settings.deliver_seccomp {
            return None;
        }
        if self.knows_filters() {
            return Some(self.filters.of_node(node, &self.index));
        }
        self.desks.get(node).and_then(|desk| desk.seccomp().cloned())
    }

    /// Reads what templates name, now and then, where that decides about anything.
    pub(super) async fn read_templates(&mut self) {
        let due = self.templates_read.is_none_or(|read| read.elapsed() >= TEMPLATES);
        if !due || !self.workloads.settings.deliver_seccomp || !self.filters.asks_for_templates() {
            return;
        }
        self.templates_read = Some(Instant::now());
        match filters::named(&self.client).await {
            Ok(named) => self.filters.set_templates(named),
            Err(error) => say(&format!("failed to read which seccomp filters templates name: {error}; none is given up until then")),
        }
    }

    /// Says on each SeccompProfile on how many nodes it is, and on each node whether filters can be there.
    pub(super) async fn tell_of_filters(&mut self) {
        if !self.knows_filters() {
            return;
        }
        self.write_labels().await;
        for (key, version, delivery) in self.filters.deliveries(&self.index, self.workloads.settings.deliver_seccomp) {
            match self.write_delivery(&key, version, delivery.as_ref()).await {
                Ok(written) => {
                    // The watch tells of it only later.
                    self.filters.take(key, Some(Seen::of(&written)));
                    self.health.count_write("delivery");
                }
                // Somebody else wrote it, or it is gone: the watch tells.
                Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {}
                Err(error) => say(&format!("failed to write the status of SeccompProfile {}/{}: {error}; trying again", key.0, key.1)),
            }
        }
    }

    async fn write_labels(&mut self) {
        let on = self.workloads.settings.deliver_seccomp;
        for (node, ready) in self.filters.labels(&self.index, on) {
            let refused = self.unwritten_labels.get(&node).copied();
            if refused.is_some_and(|pause| pause.is_none_or(|pause| !pause.is_over(Instant::now()))) {
                continue;
            }
            let api: Api<Node> = Api::all(self.client.clone());
            let labels = json!({READY.0: ready.then_some(READY.1)});
            match api.patch(&node, &PatchParams::default(), &Patch::Merge(json!({"metadata": {"labels": labels}}))).await {
                Ok(written) => {
                    self.index.apply_node(written);
                    self.unwritten_labels.remove(&node);
                }
                // It is gone.
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                Err(error) => {
                    // Where filters are carried the chart gives the right to write nodes, if a moment late; elsewhere nobody does.
                    let for_good = !on && matches!(&error, kube::Error::Api(status) if status.code == 403);
                    let pause = (!for_good).then(|| Pause::after(refused.flatten(), Instant::now()));
                    // Once is enough.
                    if self.unwritten_labels.insert(node.clone(), pause).is_none() {
                        say(&format!("failed to write label {} of node {node}: {error}", READY.0));
                    }
                }
            }
        }
    }

    async fn write_delivery(&self, key: &Key, version: Option<String>, delivery: Option<&Delivery>) -> Result<SeccompProfile, kube::Error> {
        let api: Api<SeccompProfile> = Api::namespaced(self.client.clone(), &key.0);
        let mut delivery = json!(delivery);
        if let Some(fields) = delivery.as_object_mut() {
            // What is not said any more has to go, too.
            fields.entry("message").or_insert(Value::Null);
        }
        let parameters = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        let patch = json!({"metadata": {"resourceVersion": version}, "status": {"delivery": delivery}});
        api.patch_status(&key.1, &parameters, &Patch::Merge(patch)).await
    }
}
