//! `uninstall`: takes the agents off their nodes, and with them what they left in the kernel. The chart runs it before it goes.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    path::PathBuf,
    time::{Duration, Instant},
};

use k8s_openapi::api::{
    apps::v1::DaemonSet,
    core::v1::{Pod, PodSpec, PodTemplateSpec},
};
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, ObjectMeta, PostParams},
};
use tokio::time::sleep;

use crate::agent::client;

/// Name of the agents' DaemonSet.
const AGENTS: &str = "runtimemap-agent";
/// Label of the pods that detach.
const LABEL: &str = "runtimemap.io/detach";

/// A checked command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// File that says where the API server is; None for the pod's own service account.
    pub kubeconfig: Option<PathBuf>,
    /// Namespace of the agents.
    pub namespace: String,
    /// How long to wait for the nodes.
    pub patience: Duration,
}

/// Agents that could not be taken off.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server.
    #[error(transparent)]
    Client(#[from] client::Error),
    /// It cannot even start.
    #[error("failed to start: {0}")]
    Runtime(#[source] io::Error),
    /// The API server refused.
    #[error("failed to {what}: {error}")]
    Api {
        /// What was to be done.
        what: String,
        /// Why not.
        error: kube::Error,
    },
}

/// Takes the agents off. Nodes that do not answer in time are named, and keep what their kernel has until they start anew.
///
/// # Errors
/// If the API server refuses.
pub fn run(plan: &Plan) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
    runtime.block_on(async {
        let client = client::connect(plan.kubeconfig.as_deref()).await?;
        take_off(client, plan).await
    })
}

async fn take_off(client: Client, plan: &Plan) -> Result<(), Error> {
    let sets: Api<DaemonSet> = Api::namespaced(client.clone(), &plan.namespace);
    let pods: Api<Pod> = Api::namespaced(client, &plan.namespace);
    let until = Instant::now() + plan.patience;
    let failed = |what: &str| {
        let what = what.to_owned();
        move |error| Error::Api { what, error }
    };
    let Some(set) = sets.get_opt(AGENTS).await.map_err(failed("read the DaemonSet"))? else {
        say("there are no agents to take off");
        return Ok(());
    };
    let Some(spec) = set.spec else { return Ok(()) };
    let labels = spec.selector.match_labels.unwrap_or_default();
    let selector = labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",");
    let of_agents = ListParams::default().labels(&selector);
    let found = pods.list(&of_agents).await.map_err(failed("list the agents"))?;
    let nodes: BTreeSet<String> = found.into_iter().filter_map(|pod| pod.spec?.node_name).collect();

    sets.delete(AGENTS, &DeleteParams::background()).await.map_err(failed("delete the DaemonSet"))?;
    // One that still runs would attach again what is detached.
    while Instant::now() < until && !pods.list(&of_agents).await.map_err(failed("list the agents"))?.items.is_empty() {
        sleep(Duration::from_millis(500)).await;
    }
    for (number, node) in nodes.iter().enumerate() {
        let pod = detaching(&spec.template, node, number);
        pods.create(&PostParams::default(), &pod).await.map_err(failed(&format!("start a pod on node {node}")))?;
    }
    let detaching = ListParams::default().labels(LABEL);
    let mut left = nodes.clone();
    while !left.is_empty() && Instant::now() < until {
        for pod in pods.list(&detaching).await.map_err(failed("list the pods that detach"))? {
            let phase = pod.status.and_then(|status| status.phase).unwrap_or_default();
            if let (Some(node), "Succeeded") = (pod.spec.and_then(|spec| spec.node_name), phase.as_str()) {
                left.remove(&node);
            }
        }
        sleep(Duration::from_millis(500)).await;
    }
    pods.delete_collection(&DeleteParams::default(), &detaching).await.map_err(failed("delete the pods that detach"))?;
    if left.is_empty() {
        say(&format!("{} nodes have nothing of runtimemap any more", nodes.len()));
    } else {
        let names: Vec<&str> = left.iter().map(String::as_str).collect();
        say(&format!("these nodes did not answer; run `runtimemap-recorder detach` there, or start them anew: {}", names.join(", ")));
    }
    Ok(())
}

/// A pod with the rights of an agent, that detaches what the agent left on a node.
fn detaching(template: &PodTemplateSpec, node: &str, number: usize) -> Pod {
    let mut spec: PodSpec = template.spec.clone().unwrap_or_default();
    spec.node_name = Some(node.to_owned());
    spec.restart_policy = Some("Never".to_owned());
    spec.automount_service_account_token = Some(false);
    for container in &mut spec.containers {
        container.args = Some(vec!["detach".to_owned()]);
        (container.liveness_probe, container.readiness_probe, container.startup_probe, container.ports) = (None, None, None, None);
    }
    let labels = [(LABEL.to_owned(), "true".to_owned())];
    let metadata = ObjectMeta { name: Some(format!("runtimemap-detach-{number}")), labels: Some(labels.into()), ..ObjectMeta::default() };
    Pod { metadata, spec: Some(spec), status: None }
}

fn say(text: &str) {
    // A closed standard error leaves nobody to tell.
    let _ = writeln!(io::stderr(), "runtimemap-recorder: {text}");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_detaches_has_the_agents_rights_and_no_token() {
        let template: PodTemplateSpec = serde_json::from_value(json!({"metadata": {"labels": {"a": "b"}}, "spec": {
            "hostPID": true, "serviceAccountName": "agent",
            "containers": [{"name": "agent", "image": "x", "args": ["agent"], "readinessProbe": {}, "securityContext": {"runAsUser": 0}}],
        }}))
        .unwrap();
        let pod = serde_json::to_value(detaching(&template, "node1", 3)).unwrap();
        assert_eq!(pod["metadata"], json!({"name": "runtimemap-detach-3", "labels": {LABEL: "true"}}));
        let container = &pod["spec"]["containers"][0];
        assert_eq!((&container["args"], container.get("readinessProbe")), (&json!(["detach"]), None));
        assert_eq!(container["securityContext"], json!({"runAsUser": 0}));
        let spec = &pod["spec"];
        assert_eq!((&spec["nodeName"], &spec["restartPolicy"], &spec["hostPID"]), (&json!("node1"), &json!("Never"), &json!(true)));
        assert_eq!(spec["automountServiceAccountToken"], json!(false));
    }
}
