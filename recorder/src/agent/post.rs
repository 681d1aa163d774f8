//! Between the agent and the API server: keeps the mailbox as the node wants it, and tells what comes back.

use std::{sync::mpsc::Sender, time::Duration};

use futures_util::{StreamExt, pin_mut};
use k8s_openapi::jiff::Timestamp;
use kube::{
    Api, Client,
    api::{ObjectMeta, Patch, PatchParams},
    runtime::{WatchStreamExt, watcher},
};
use runtimemap_crds::{Acknowledgement, NodeDirective, NodeDirectiveSpec, NodeObservation, NodeObservationSpec};
use tokio::{
    sync::{mpsc::UnboundedReceiver, watch},
    time::sleep,
};

/// Name under which the agent's fields are managed.
const MANAGER: &str = "runtimemap-agent";
/// First pause after a failure; it doubles up to the longest.
const SHORTEST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(30);
/// How long to wait for an answer, at least, before the same batch is put into the mailbox again. That changes nothing if it is there.
const AGAIN: Duration = Duration::from_secs(60);

/// What comes back.
#[derive(Debug)]
pub(super) enum Heard {
    /// What was in the mailbox when the agent began.
    Mailbox(Option<NodeObservationSpec>),
    /// The controller's words, whenever they change.
    Directive(NodeDirectiveSpec),
    /// By how many seconds the node's clock is ahead of the API server's.
    Clock(i64),
}

/// Carries batches until the agent ends. A batch stays in the mailbox until the next one comes.
pub(super) async fn carry(client: Client, node: String, mut batches: UnboundedReceiver<NodeObservationSpec>, heard: Sender<Heard>) {
    let api: Api<NodeObservation> = Api::all(client.clone());
    let found = found(&api, &node).await;
    let mut version = found.as_ref().and_then(|object| object.metadata.resource_version.clone());
    if heard.send(Heard::Mailbox(found.map(|object| object.spec))).is_err() {
        return;
    }
    let (answer, answered) = watch::channel(Acknowledgement::default());
    let reading = tokio::spawn(read(client, node.clone(), heard.clone(), answer));
    let mut batch = batches.recv().await;
    while let Some(spec) = batch {
        let mut object = NodeObservation::new(&node, spec);
        object.metadata = ObjectMeta { name: Some(node.clone()), ..ObjectMeta::default() };
        batch = loop {
            let stored = put(&api, &node, &object).await;
            // What was there already bears an old stamp.
            let fresh = stored.metadata.resource_version != version;
            if let Some(ahead) = ahead(&stored).filter(|_| fresh)
                && heard.send(Heard::Clock(ahead)).is_err()
            {
                break None;
            }
            version = stored.metadata.resource_version;
            tokio::select! {
                next = batches.recv() => break next,
                () = sleep(AGAIN + jitter(AGAIN)) => {}
            }
            // What has its answer is not written again: a settled node writes nothing.
            let has_answer = answered.borrow().covers(&object.spec.ledger, object.spec.sequence);
            if has_answer {
                break batches.recv().await;
            }
        };
    }
    reading.abort();
}

/// Puts the batch there, however long that takes. Gives what is there then.
async fn put(api: &Api<NodeObservation>, node: &str, object: &NodeObservation) -> NodeObservation {
    let mut pause = SHORTEST;
    loop {
        match api.patch(node, &PatchParams::apply(MANAGER).force(), &Patch::Apply(object)).await {
            Ok(stored) => return stored,
            Err(error) => pause = wait_after(&format!("write NodeObservation {node}"), &error, pause).await,
        }
    }
}

/// What is in the mailbox. An empty patch reads it: agents may not `get`.
async fn found(api: &Api<NodeObservation>, node: &str) -> Option<NodeObservation> {
    let mut pause = SHORTEST;
    loop {
        match api.patch(node, &PatchParams::default(), &Patch::Merge(serde_json::json!({}))).await {
            Ok(object) => return Some(object),
            Err(kube::Error::Api(status)) if status.code == 404 => return None,
            Err(error) => pause = wait_after(&format!("read NodeObservation {node}"), &error, pause).await,
        }
    }
}

/// Waits as long as the API server asks for, else longer each time, and never in step with other nodes. Gives the next pause.
async fn wait_after(what: &str, error: &kube::Error, pause: Duration) -> Duration {
    let pause = asked(error).map_or(pause, |asked| asked.max(pause));
    super::say(&format!("failed to {what}: {error}; trying again in {pause:?}"));
    sleep(pause + jitter(pause)).await;
    (pause * 2).min(LONGEST)
}

/// The pause that the API server asks for: `retryAfterSeconds` says what its header Retry-After does.
fn asked(error: &kube::Error) -> Option<Duration> {
    let kube::Error::Api(status) = error else { return None };
    let seconds = status.details.as_ref().map_or(0, |details| details.retry_after_seconds);
    // A refusal for being one too many names no time when a proxy wrote it.
    let least = if status.code == 429 { 1 } else { 0 };
    let seconds = u64::from(seconds).max(least);
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

/// Something between nothing and a quarter of a time.
fn jitter(time: Duration) -> Duration {
    use std::hash::{BuildHasher, RandomState};
    let random = RandomState::new().hash_one(0) % 256;
    time * u32::try_from(random).unwrap_or(0) / 1024
}

/// By how many seconds the node's clock is ahead: the API server stamps what it stores, in whole seconds.
fn ahead(stored: &NodeObservation) -> Option<i64> {
    let entries = stored.metadata.managed_fields.iter().flatten();
    let stamp = entries.filter(|entry| entry.manager.as_deref() == Some(MANAGER)).filter_map(|entry| entry.time.as_ref()).max()?;
    Some(Timestamp::now().as_second() - stamp.0.as_second())
}

/// Follows this node's directive.
async fn read(client: Client, node: String, heard: Sender<Heard>, answer: watch::Sender<Acknowledgement>) {
    let config = watcher::Config::default().fields(&format!("metadata.name={node}"));
    let stream = watcher(Api::<NodeDirective>::all(client), config).default_backoff().applied_objects();
    pin_mut!(stream);
    while let Some(event) = stream.next().await {
        match event {
            // A directive that is gone takes nothing back.
            Ok(object) => {
                answer.send_replace(object.spec.ack.clone());
                if heard.send(Heard::Directive(object.spec)).is_err() {
                    return;
                }
            }
            Err(error) => super::say(&format!("failed to read NodeDirective {node}: {error}; trying again")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u16, seconds: u32) -> kube::Error {
        let status = serde_json::json!({"code": code, "details": {"retryAfterSeconds": seconds}});
        kube::Error::Api(Box::new(serde_json::from_value(status).unwrap()))
    }

    #[test]
    fn the_pause_that_the_api_server_asks_for_is_kept() {
        assert_eq!(asked(&refused(429, 7)), Some(Duration::from_secs(7)));
        assert_eq!(asked(&refused(503, 2)), Some(Duration::from_secs(2)));
        assert_eq!(asked(&refused(429, 0)), Some(Duration::from_secs(1)));
        assert_eq!(asked(&refused(500, 0)), None);
    }

    #[test]
    fn jitter_is_at_most_a_quarter() {
        assert!((0..1000).all(|_| jitter(Duration::from_secs(4)) <= Duration::from_secs(1)));
    }
}
