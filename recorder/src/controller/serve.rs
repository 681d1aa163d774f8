//! The controller's loop: the cluster's changes go into the index, mailboxes are emptied into profiles and acknowledged.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::{Duration, Instant},
};

use futures_util::{Stream, StreamExt, stream};
use k8s_openapi::{
    api::{
        core::v1::{Node, Pod as KubernetesPod, Service},
        discovery::v1::EndpointSlice,
    },
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
    jiff::{SignedDuration, Timestamp},
};
use kube::{
    Api, Client,
    api::{ListParams, Patch, PatchParams},
    runtime::{WatchStreamExt, watcher, watcher::Event},
};
use runtimemap_crds::{
    Acknowledgement, ApplicationProfile, MailVerdict, NodeDirective, NodeDirectiveSpec, NodeObservation, NodeObservationSpec, Phase,
    WatchState,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::interval,
};

use super::{
    Error,
    index::Index,
    learn::{self, Waiting},
    pod::Pod,
    say, store,
    workload::Owners,
};

/// How often that is tried again which did not work, and clocks are looked at.
const TICK: Duration = Duration::from_millis(500);
/// How long after the end of learning late facts are still taken.
const GRACE: SignedDuration = SignedDuration::from_secs(5);

/// A change in the cluster.
#[expect(clippy::large_enum_variant, reason = "one at a time, and consumed at once")]
enum Change {
    Pod(Event<KubernetesPod>),
    Service(Event<Service>),
    Slice(Event<EndpointSlice>),
    Node(Event<Node>),
    Mail(Event<NodeObservation>),
    Broken(&'static str, watcher::Error),
}

struct Controller {
    client: Client,
    period: SignedDuration,
    index: Index,
    owners: Owners,
    /// Pods whose owner has yet to be found.
    unplaced: HashMap<String, Pod>,
    /// Pods of a list that is being read anew.
    listed: HashSet<String>,
    known: HashSet<String>,
    /// Mail that is not acknowledged yet, by node.
    mail: BTreeMap<String, NodeObservationSpec>,
    acknowledged: HashMap<String, Acknowledgement>,
    waiting: Waiting,
    /// When learning ends, by namespace and name of the profile.
    learning: BTreeMap<(String, String), Timestamp>,
}

/// Serves until it is told to end.
pub(super) async fn serve(client: Client, period: SignedDuration) -> Result<(), Error> {
    let mut controller = Controller {
        owners: Owners::new(client.clone()),
        client: client.clone(),
        period,
        index: Index::default(),
        unplaced: HashMap::new(),
        listed: HashSet::new(),
        known: HashSet::new(),
        mail: BTreeMap::new(),
        acknowledged: HashMap::new(),
        waiting: Waiting::new(),
        learning: BTreeMap::new(),
    };
    controller.recall().await?;
    let mut changes = stream::select_all([
        follow(&client, "pods", Change::Pod),
        follow(&client, "services", Change::Service),
        follow(&client, "endpointslices", Change::Slice),
        follow(&client, "nodes", Change::Node),
        follow(&client, "nodeobservations", Change::Mail),
    ]);
    let mut tick = interval(TICK);
    let (mut term, mut int) =
        (signal(SignalKind::terminate()).map_err(Error::Runtime)?, signal(SignalKind::interrupt()).map_err(Error::Runtime)?);
    say("serving");
    loop {
        tokio::select! {
            Some(change) = changes.next() => controller.take(change).await,
            _ = tick.tick() => {
                controller.place_pods().await;
                controller.end_learning().await;
            }
            _ = term.recv() => return Ok(()),
            _ = int.recv() => return Ok(()),
        }
        controller.empty_mailboxes().await;
    }
}

type Changes = std::pin::Pin<Box<dyn Stream<Item = Change>>>;

/// Everything of a kind, from now on.
fn follow<K>(client: &Client, what: &'static str, wrap: fn(Event<K>) -> Change) -> Changes
where
    K: kube::Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + 'static,
{
    let events = watcher(Api::<K>::all(client.clone()), watcher::Config::default()).default_backoff();
    Box::pin(events.map(move |event| event.map_or_else(|error| Change::Broken(what, error), wrap)))
}

impl Controller {
    /// What was acknowledged, and what is being learned, before this process began.
    async fn recall(&mut self) -> Result<(), Error> {
        let failed = |what| move |error| Error::List { what, error };
        let directives: Api<NodeDirective> = Api::all(self.client.clone());
        for object in directives.list(&ListParams::default()).await.map_err(failed("nodedirectives"))? {
            self.acknowledged.insert(object.metadata.name.unwrap_or_default(), object.spec.ack);
        }
        let profiles: Api<ApplicationProfile> = Api::all(self.client.clone());
        for object in profiles.list(&ListParams::default()).await.map_err(failed("applicationprofiles"))? {
            let status = object.status.unwrap_or_default();
            let end = status.learning.and_then(|learning| learning.completes_at);
            if let (Phase::Learning, Some(Time(end))) = (status.phase, end) {
                let key = (object.metadata.namespace.unwrap_or_default(), object.metadata.name.unwrap_or_default());
                self.learning.insert(key, end);
            }
        }
        Ok(())
    }

    async fn take(&mut self, change: Change) {
        match change {
            Change::Pod(event) => self.take_pod(event).await,
            Change::Service(Event::Apply(service) | Event::InitApply(service)) => self.index.apply_service(service),
            Change::Service(Event::Delete(service)) => {
                let (namespace, name) = names(service.metadata);
                self.index.delete_service(&namespace, &name);
            }
            Change::Slice(Event::Apply(slice) | Event::InitApply(slice)) => self.index.apply_slice(slice),
            Change::Slice(Event::Delete(slice)) => {
                let (namespace, name) = names(slice.metadata);
                self.index.delete_slice(&namespace, &name);
            }
            Change::Node(Event::Apply(node) | Event::InitApply(node)) => self.index.apply_node(node),
            Change::Node(Event::Delete(node)) => self.index.delete_node(&names(node.metadata).1),
            // What was deleted was there: it is taken as the last that was seen of it.
            Change::Mail(Event::Apply(mail) | Event::InitApply(mail) | Event::Delete(mail)) => {
                let (_, node) = names(mail.metadata);
                let name = Acknowledgement { ledger: mail.spec.ledger.clone(), sequence: mail.spec.sequence };
                if self.acknowledged.get(&node) != Some(&name) {
                    self.mail.insert(node, mail.spec);
                }
            }
            Change::Broken(what, error) => say(&format!("failed to watch {what}: {error}; trying again")),
            Change::Service(_) | Change::Slice(_) | Change::Node(_) | Change::Mail(_) => {}
        }
    }

    async fn take_pod(&mut self, event: Event<KubernetesPod>) {
        match event {
            Event::Apply(pod) | Event::InitApply(pod) => {
                let Some(pod) = Pod::of(pod) else { return };
                self.listed.insert(pod.uid.clone());
                self.known.insert(pod.uid.clone());
                self.place(pod).await;
            }
            Event::Delete(pod) => self.forget(&pod.metadata.uid.unwrap_or_default()),
            Event::Init => self.listed.clear(),
            // What went while nobody was watching.
            Event::InitDone => {
                let gone: Vec<String> = self.known.difference(&self.listed).cloned().collect();
                gone.iter().for_each(|uid| self.forget(uid));
            }
        }
    }

    fn forget(&mut self, uid: &str) {
        self.known.remove(uid);
        self.listed.remove(uid);
        self.index.delete_pod(uid, Instant::now());
    }

    async fn place(&mut self, pod: Pod) {
        match self.owners.find(&pod).await {
            Ok(workload) => {
                self.unplaced.remove(&pod.uid);
                self.index.apply_pod(pod, workload);
            }
            Err(error) => {
                say(&format!("failed to find the owner of pod {}/{}: {error}; trying again", pod.namespace, pod.name));
                self.unplaced.insert(pod.uid.clone(), pod);
            }
        }
    }

    async fn place_pods(&mut self) {
        let pods: Vec<Pod> = self.unplaced.values().cloned().collect();
        for pod in pods {
            self.place(pod).await;
        }
    }

    async fn empty_mailboxes(&mut self) {
        let nodes: Vec<String> = self.mail.keys().cloned().collect();
        for node in nodes {
            let Some(batch) = self.mail.get(&node).cloned() else { continue };
            match self.deliver(&node, &batch).await {
                Ok(ack) => {
                    self.acknowledged.insert(node.clone(), ack);
                    self.mail.remove(&node);
                }
                Err(error) => say(&format!("failed to acknowledge batch {} of node {node}: {error}; trying again", batch.sequence)),
            }
        }
    }

    /// Stores a batch, then acknowledges it. What cannot be stored waits on its node.
    async fn deliver(&mut self, node: &str, batch: &NodeObservationSpec) -> Result<Acknowledgement, kube::Error> {
        self.index.report_node(node, &batch.addresses);
        let mut sorted = learn::sort(&self.index, node, batch, &mut self.waiting, Instant::now(), Timestamp::now());
        for addition in &sorted.additions {
            let key = (addition.workload.namespace.clone(), addition.workload.object_name());
            let (verdict, cause, watch) = match store::add(&self.client, addition, self.period).await {
                Ok(Some(end)) => {
                    self.learning.insert(key, end);
                    (MailVerdict::Taken, "", WatchState::Watch)
                }
                Ok(None) => {
                    self.learning.remove(&key);
                    (MailVerdict::Taken, "", WatchState::Ignore)
                }
                Err(error) => {
                    say(&format!("failed to store {}/{}: {error}; its node keeps it", key.0, key.1));
                    (MailVerdict::Later, "NotStored", WatchState::Watch)
                }
            };
            for place in &addition.from {
                if let Some(said) = sorted.verdicts.get_mut(*place) {
                    (said.verdict, said.watch) = (verdict, watch);
                    cause.clone_into(&mut said.cause);
                }
            }
        }
        let ack = Acknowledgement { ledger: batch.ledger.clone(), sequence: batch.sequence };
        let mut directive =
            NodeDirective::new(node, NodeDirectiveSpec { ack: ack.clone(), containers: sorted.verdicts, ..NodeDirectiveSpec::default() });
        directive.metadata = ObjectMeta { name: Some(node.to_owned()), ..ObjectMeta::default() };
        let api: Api<NodeDirective> = Api::all(self.client.clone());
        api.patch(node, &PatchParams::apply(store::MANAGER).force(), &Patch::Apply(&directive)).await?;
        Ok(ack)
    }

    async fn end_learning(&mut self) {
        let now = Timestamp::now();
        let over = |end: &Timestamp| end.checked_add(GRACE).is_ok_and(|end| now >= end);
        let due: Vec<(String, String)> = self.learning.iter().filter(|(_, end)| over(end)).map(|(key, _)| key.clone()).collect();
        for key in due {
            match store::complete(&self.client, &key.0, &key.1).await {
                Ok(()) => {
                    self.learning.remove(&key);
                }
                Err(error) => say(&format!("failed to complete {}/{}: {error}; trying again", key.0, key.1)),
            }
        }
    }
}

fn names(metadata: ObjectMeta) -> (String, String) {
    (metadata.namespace.unwrap_or_default(), metadata.name.unwrap_or_default())
}
