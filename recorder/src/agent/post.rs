//! Between the agent and the API server: puts a batch into the mailbox, and waits until it is acknowledged.

use std::{
    sync::mpsc::{Receiver, Sender},
    time::Duration,
};

use futures_util::{StreamExt, pin_mut};
use kube::{
    Api, Client,
    api::{ObjectMeta, Patch, PatchParams},
    runtime::{WatchStreamExt, watcher},
};
use runtimemap_crds::{Acknowledgement, NodeDirective, NodeDirectiveSpec, NodeObservation, NodeObservationSpec};
use tokio::{sync::watch, time::sleep};

/// Name under which the agent's fields are managed.
const MANAGER: &str = "runtimemap-agent";
/// First pause after a failure; it doubles up to the longest.
const SHORTEST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(30);
/// How long to wait for an answer before the same batch is put into the mailbox again, which changes nothing if it is there.
const AGAIN: Duration = Duration::from_secs(60);

/// Carries batches until the agent ends.
pub(super) async fn carry(client: Client, node: String, batches: Receiver<NodeObservationSpec>, answers: Sender<NodeDirectiveSpec>) {
    let (told, mut directive) = watch::channel(None);
    let reading = tokio::spawn(read(client.clone(), node.clone(), told));
    let api: Api<NodeObservation> = Api::all(client);
    // What an agent before this one left behind would be lost if it were written over.
    if let Some(left) = outstanding(&api, &node).await {
        acknowledged(&mut directive, &left).await;
    }
    loop {
        let Some(batch) = next(&batches).await else { break };
        let name = Acknowledgement { ledger: batch.ledger.clone(), sequence: batch.sequence };
        let mut object = NodeObservation::new(&node, batch);
        object.metadata = ObjectMeta { name: Some(node.clone()), ..ObjectMeta::default() };
        let answer = loop {
            put(&api, &node, &object).await;
            tokio::select! {
                answer = acknowledged(&mut directive, &name) => break answer,
                () = sleep(AGAIN) => {}
            }
        };
        if answers.send(answer).is_err() {
            break;
        }
    }
    reading.abort();
}

/// The next batch; None once the agent has ended.
async fn next(batches: &Receiver<NodeObservationSpec>) -> Option<NodeObservationSpec> {
    use std::sync::mpsc::TryRecvError;
    loop {
        match batches.try_recv() {
            Ok(batch) => return Some(batch),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Puts the batch there, however long that takes.
async fn put(api: &Api<NodeObservation>, node: &str, object: &NodeObservation) {
    let mut pause = SHORTEST;
    while let Err(error) = api.patch(node, &PatchParams::apply(MANAGER).force(), &Patch::Apply(object)).await {
        super::say(&format!("failed to write NodeObservation {node}: {error}; trying again in {pause:?}"));
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST);
    }
}

/// The batch in the mailbox. An empty patch reads it: agents may not `get`.
async fn outstanding(api: &Api<NodeObservation>, node: &str) -> Option<Acknowledgement> {
    let mut pause = SHORTEST;
    loop {
        match api.patch(node, &PatchParams::default(), &Patch::Merge(serde_json::json!({}))).await {
            Ok(object) => return Some(Acknowledgement { ledger: object.spec.ledger, sequence: object.spec.sequence }),
            Err(kube::Error::Api(status)) if status.code == 404 => return None,
            Err(error) => {
                super::say(&format!("failed to read NodeObservation {node}: {error}; trying again in {pause:?}"));
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST);
            }
        }
    }
}

async fn acknowledged(directive: &mut watch::Receiver<Option<NodeDirectiveSpec>>, batch: &Acknowledgement) -> NodeDirectiveSpec {
    loop {
        if let Some(found) = directive.borrow_and_update().clone()
            && found.ack.ledger == batch.ledger
            && found.ack.sequence >= batch.sequence
        {
            return found;
        }
        if directive.changed().await.is_err() {
            // Whoever reads directives has ended, and so will this.
            std::future::pending::<()>().await;
        }
    }
}

/// Follows this node's directive.
async fn read(client: Client, node: String, told: watch::Sender<Option<NodeDirectiveSpec>>) {
    let config = watcher::Config::default().fields(&format!("metadata.name={node}"));
    let stream = watcher(Api::<NodeDirective>::all(client), config).default_backoff().applied_objects();
    pin_mut!(stream);
    while let Some(event) = stream.next().await {
        match event {
            // A directive that is gone takes nothing back.
            Ok(object) => {
                told.send_replace(Some(object.spec));
            }
            Err(error) => super::say(&format!("failed to read NodeDirective {node}: {error}; trying again")),
        }
    }
}
