//! Telling the agents: one NodeDirective for each node, written when it says something new.

use std::time::Instant;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, PostParams},
};
use runtimemap_crds::{NodeDirective, NodeObservation, PodDirective};

use super::{Controller, is_bound};
use crate::controller::{pause::is_refusal, say, store};

impl Controller {
    /// Tells every node what its pods and containers are to do.
    pub(super) async fn tell(&mut self) {
        let nodes: Vec<String> = self.desks.keys().cloned().collect();
        for node in nodes {
            self.write_directive(&node).await;
        }
    }

    /// Writes a node's directive, if it says something new.
    pub(super) async fn write_directive(&mut self, node: &str) {
        let seccomp = self.filters_of(node);
        let Self { index, workloads, desks, .. } = self;
        let Some(desk) = desks.get_mut(node) else { return };
        let tell = |placed: &crate::controller::index::Placed| {
            workloads.tell(index, placed).map(|watch| PodDirective { pod_uid: placed.pod.cgroup().to_owned(), watch })
        };
        let pods = index.of_node(node).filter(|placed| is_bound(placed)).filter_map(tell).collect();
        if desk.is_paused(Instant::now()) {
            return;
        }
        desk.tell(pods, &|pod| index.pod(pod, node).is_some(), Instant::now());
        let Some((spec, version)) = desk.write(workloads, index.covered(node, &workloads.settings), seccomp) else { return };
        let api: Api<NodeDirective> = Api::all(self.client.clone());
        let mut object = NodeDirective::new(node, spec.clone());
        object.metadata = ObjectMeta { name: Some(node.to_owned()), resource_version: version.clone(), ..ObjectMeta::default() };
        let parameters = PostParams { field_manager: Some(store::MANAGER.to_owned()), ..PostParams::default() };
        // With the version that it follows: who was deposed meanwhile is refused.
        let result = match version {
            Some(_) => api.replace(node, &parameters, &object).await,
            None => api.create(&parameters, &object).await,
        };
        match result {
            Ok(written) => {
                if let Some(desk) = self.desks.get_mut(node) {
                    desk.wrote(spec, written.resource_version());
                }
                self.health.count_write("directive");
            }
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {
                let now = api.get_opt(node).await.ok().flatten().and_then(|object| object.resource_version());
                if let Some(desk) = self.desks.get_mut(node) {
                    desk.changed(now);
                }
            }
            Err(error) => {
                say(&format!("failed to write NodeDirective {node}: {error}; trying again"));
                if is_refusal(&error)
                    && let Some(desk) = self.desks.get_mut(node)
                {
                    desk.refused(Instant::now());
                }
            }
        }
    }

    /// Removes what belonged to a node that is gone.
    pub(super) async fn remove_mailbox(&self, node: &str) {
        let (directives, mailboxes): (Api<NodeDirective>, Api<NodeObservation>) =
            (Api::all(self.client.clone()), Api::all(self.client.clone()));
        let results = [
            directives.delete(node, &DeleteParams::default()).await.map(drop),
            mailboxes.delete(node, &DeleteParams::default()).await.map(drop),
        ];
        for result in results {
            match result {
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                Err(error) => say(&format!("failed to delete what was node {node}'s: {error}")),
                Ok(()) => {}
            }
        }
    }
}
