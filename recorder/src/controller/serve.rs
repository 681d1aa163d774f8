//! The leader's loop: the cluster's changes go into the index, mailboxes are emptied into profiles and acknowledged, clocks run.

mod directives;
mod filters;
mod mail;
mod recall;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use k8s_openapi::{api::core::v1::ConfigMap, jiff::Timestamp};
use kube::{Client, runtime::watcher::Event};
use runtimemap_crds::{Acknowledgement, NodeObservationSpec, condition, condition::reason};
use tokio::time::{MissedTickBehavior, interval};

use super::{
    Error, Plan,
    announce::Announcer,
    desk::{self, Desk},
    filters::Filters,
    generate::{self, Occasion},
    health::Health,
    index::{Index, Placed},
    learn::Waiting,
    lease::Taken,
    objects::{self, Progress},
    pause::{Pause, is_refusal},
    pod::Pod,
    revisions, say,
    settings::{self, Settings},
    store,
    watches::{self, Change},
    workload::Owners,
    workloads::{Key, Workloads},
};

/// How often that is tried again which did not work, and clocks are looked at.
const TICK: Duration = Duration::from_millis(500);

/// Everything that the leader knows.
struct Controller {
    client: Client,
    plan: Plan,
    index: Index,
    owners: Owners,
    workloads: Workloads,
    desks: BTreeMap<String, Desk>,
    filters: Filters,
    /// When it was read last which filters templates of pods name.
    templates_read: Option<Instant>,
    /// Nodes whose label could not be written a while ago; None: not under these settings.
    unwritten_labels: BTreeMap<String, Option<Pause>>,
    announcer: Announcer,
    health: Health,
    /// Kinds of which everything that there is has been told.
    listed: BTreeSet<&'static str>,
    /// Pods whose owner has yet to be found.
    unplaced: HashMap<String, Pod>,
    /// Pods of a list that is being read anew, and those that were there before.
    seen: HashSet<String>,
    known: HashSet<String>,
    /// Mail that is not acknowledged yet, by node.
    mail: BTreeMap<String, NodeObservationSpec>,
    waiting: Waiting,
    /// What has yet to be stored, by workload.
    unsaved: Vec<(Key, revisions::Change)>,
    /// Workloads of which that was refused a while ago.
    pauses: HashMap<Key, Pause>,
    /// Workloads whose generated objects have to be looked at.
    due: BTreeMap<Key, Occasion>,
    /// Settings that were taken last, as they were written.
    taken: Taken,
    /// Whether this leader has taken any itself: one before it may have gone before it did all that they ask for.
    settings_read: bool,
    /// Settings that were refused, as they were written.
    refused: String,
}

/// Serves until it is dropped.
pub(super) async fn serve(client: Client, plan: &Plan, health: &Health, start: Instant, taken: Taken) -> Result<(), Error> {
    let default = Settings::new(plan.period);
    let settings = taken.borrow().as_deref().and_then(|text| Settings::parse(text, &default).ok()).unwrap_or(default);
    let mut controller = Controller {
        index: Index::new(&plan.namespace),
        owners: Owners::new(client.clone()),
        workloads: Workloads::new(settings),
        desks: BTreeMap::new(),
        filters: Filters::default(),
        templates_read: None,
        unwritten_labels: BTreeMap::new(),
        announcer: Announcer::new(client.clone(), &plan.identity),
        health: health.clone(),
        client: client.clone(),
        plan: plan.clone(),
        listed: BTreeSet::new(),
        unplaced: HashMap::new(),
        seen: HashSet::new(),
        known: HashSet::new(),
        mail: BTreeMap::new(),
        waiting: Waiting::new(),
        unsaved: Vec::new(),
        pauses: HashMap::new(),
        due: BTreeMap::new(),
        taken,
        settings_read: false,
        refused: String::new(),
    };
    controller.index.set_cluster(&controller.workloads.settings.cluster_addresses);
    controller.recall().await?;
    let mut changes = watches::all(&client, &plan.namespace);
    let mut tick = interval(TICK);
    // What is late is not made up for: mail would wait for it.
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    say("serving");
    loop {
        tokio::select! {
            Some(change) = changes.next() => controller.take(change).await,
            _ = tick.tick() => controller.tick().await,
        }
        health.beat(start);
        if controller.is_ready() {
            controller.empty_mailboxes().await;
        }
    }
}

impl Controller {
    /// Whether enough is known to decide anything: what is not there yet would be taken for what is not there.
    fn is_ready(&self) -> bool {
        watches::NEEDED.iter().all(|kind| self.listed.contains(kind))
    }

    async fn take(&mut self, change: Change) {
        match change {
            Change::Pod(event) => self.take_pod(event).await,
            Change::Service(Event::Apply(service) | Event::InitApply(service)) => self.index.apply_service(*service),
            Change::Service(Event::Delete(service)) => {
                let (namespace, name) = watches::key(service.metadata);
                self.index.delete_service(&namespace, &name);
            }
            Change::Slice(Event::Apply(slice) | Event::InitApply(slice)) => self.index.apply_slice(*slice),
            Change::Slice(Event::Delete(slice)) => {
                let (namespace, name) = watches::key(slice.metadata);
                self.index.delete_slice(&namespace, &name);
            }
            Change::Node(Event::Apply(node) | Event::InitApply(node)) => self.index.apply_node(*node),
            Change::Node(Event::Delete(node)) => self.lose_node(&watches::key(node.metadata).1).await,
            Change::Mail(Event::Apply(mail) | Event::InitApply(mail)) => self.receive(watches::key(mail.metadata).1, mail.spec),
            // What was deleted was there: it is taken as the last that was seen of it. What was in it before may be gone too.
            Change::Mail(Event::Delete(mail)) => {
                let node = watches::key(mail.metadata).1;
                if !self.index.has_node(&node) {
                    // It went with its node: nobody is left who could be told.
                    return;
                }
                if let Some(desk) = self.desks.get_mut(&node) {
                    desk.repeat(None);
                }
                self.receive(node, mail.spec);
            }
            Change::Settings(Event::Apply(map) | Event::InitApply(map)) => self.set(*map).await,
            Change::Settings(Event::Delete(_)) => {
                say(&format!("ConfigMap {} is gone; its settings stay in force until there is another", settings::CONFIG_MAP));
            }
            Change::Marks("Namespace", (_, name), marks) => self.workloads.mark_namespace(name, marks.unwrap_or_default()),
            Change::Marks(kind, (namespace, name), marks) => self.workloads.mark_owner(kind, namespace, name, marks),
            Change::Filters(event) => {
                let gone = if let Event::Delete(one) = &event { Some(one.0.clone()) } else { None };
                self.take_filters(event);
                if let Some(key) = gone {
                    self.rebuild("seccompprofiles", key).await;
                }
            }
            Change::Gone(what, key) => self.rebuild(what, key).await,
            Change::Listed(what) => {
                self.listed.insert(what);
            }
            Change::Broken(what, error) => say(&format!("failed to watch {what}: {error}; trying again")),
            Change::Service(_) | Change::Slice(_) | Change::Node(_) | Change::Mail(_) | Change::Settings(_) => {}
        }
    }

    fn receive(&mut self, node: String, batch: NodeObservationSpec) {
        self.index.report_node(&node, &batch.addresses);
        self.filters.report(&node, batch.seccomp.clone());
        let name = Acknowledgement { ledger: batch.ledger.clone(), sequence: batch.sequence };
        if !self.desks.get(&node).is_some_and(|desk| desk.has(&name)) {
            self.mail.insert(node, batch);
        }
    }

    async fn take_pod(&mut self, event: Event<Box<Pod>>) {
        match event {
            Event::Apply(pod) | Event::InitApply(pod) => {
                self.seen.insert(pod.uid.clone());
                self.known.insert(pod.uid.clone());
                self.place(*pod).await;
            }
            Event::Delete(pod) => self.forget(&pod.uid),
            Event::Init => self.seen.clear(),
            // What went while nobody was watching.
            Event::InitDone => {
                let gone: Vec<String> = self.known.difference(&self.seen).cloned().collect();
                gone.iter().for_each(|uid| self.forget(uid));
            }
        }
    }

    fn forget(&mut self, uid: &str) {
        self.known.remove(uid);
        self.seen.remove(uid);
        self.unplaced.remove(uid);
        self.index.delete_pod(uid, Instant::now(), Timestamp::now());
    }

    async fn place(&mut self, pod: Pod) {
        match self.owners.find(&pod, &self.workloads.settings.workload_kinds).await {
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

    /// Takes the settings, or refuses them and keeps the old ones.
    async fn set(&mut self, map: ConfigMap) {
        let text = map.data.as_ref().and_then(|data| data.get(settings::KEY)).map(String::as_str).unwrap_or_default();
        let text = if text.trim().is_empty() { "{}" } else { text };
        match Settings::parse(text, &Settings::new(self.plan.period)) {
            Ok(new) if self.settings_read && new == self.workloads.settings => drop(self.taken.replace(Some(text.to_owned()))),
            Ok(new) => {
                self.settings_read = true;
                self.taken.replace(Some(text.to_owned()));
                self.index.set_cluster(&new.cluster_addresses);
                let kinds = new.workload_kinds != self.workloads.settings.workload_kinds;
                self.workloads.settings = new;
                if kinds {
                    self.owners.clear();
                    self.unplaced.extend(self.index.pods().map(|pod| (pod.uid.clone(), pod.clone())));
                }
                let keys: Vec<Key> = self.workloads.tracked.keys().cloned().collect();
                keys.into_iter().for_each(|key| self.owe(key, Occasion::Settings));
                self.refused.clear();
                self.unwritten_labels.clear();
                say("settings taken");
                // The chart may take the right to write labels a moment after it takes filters from nodes.
                if self.is_ready() {
                    self.tell_of_filters().await;
                }
            }
            Err(error) if self.refused != text => {
                text.clone_into(&mut self.refused);
                self.health.refused_settings.inc();
                let instead = if self.taken.borrow().is_some() { "the old ones stay in force" } else { "the defaults are in force" };
                let note = format!("settings refused, {instead}: {error}");
                say(&note);
                self.announcer.about_settings(&self.plan.namespace, settings::CONFIG_MAP, map.metadata.uid, note).await;
            }
            Err(_) => {}
        }
    }

    async fn tick(&mut self) {
        let pods: Vec<Pod> = self.unplaced.values().cloned().collect();
        for pod in pods {
            self.place(pod).await;
        }
        if !self.is_ready() {
            return;
        }
        self.note_success().await;
        self.look();
        for (key, change) in std::mem::take(&mut self.unsaved) {
            let pause = self.pauses.get(&key).copied();
            if pause.is_some_and(|pause| !pause.is_over(Instant::now())) {
                self.unsaved.push((key, change));
                continue;
            }
            match self.save(&key, &change).await {
                Ok(()) => drop(self.pauses.remove(&key)),
                Err(error) => {
                    say(&format!("failed to store {}/{}: {error}; trying again", key.0, key.1));
                    if is_refusal(&error) {
                        self.pauses.insert(key.clone(), Pause::after(pause, Instant::now()));
                    }
                    self.unsaved.push((key, change));
                }
            }
        }
        self.generate().await;
        self.read_templates().await;
        self.tell().await;
        self.tell_of_filters().await;
        self.health.workloads.set(i64::try_from(self.workloads.tracked.len()).unwrap_or(i64::MAX));
        self.health.pods.set(i64::try_from(self.index.sizes()[0]).unwrap_or(i64::MAX));
        self.health.waiting.set(i64::try_from(self.mail.len()).unwrap_or(i64::MAX));
    }

    /// Finds out which Jobs have succeeded: their pods say only how each of them ended.
    async fn note_success(&mut self) {
        let by_workload = self.index.by_workload();
        let mut candidates = Vec::new();
        for (key, tracked) in &self.workloads.tracked {
            let pods = by_workload.get(key).map(Vec::as_slice).unwrap_or_default();
            let asks = tracked.workload.reference.kind == "Job" && !tracked.succeeded && tracked.revisions.any_learning();
            if asks && pods.iter().any(|placed| placed.pod.succeeded) {
                candidates.push((key.clone(), tracked.workload.clone()));
            }
        }
        for (key, workload) in candidates {
            // Runs that are grouped have succeeded once one of them has.
            let succeeded = if workload.owned { self.owners.succeeded(&workload).await } else { Ok(true) };
            if let (Ok(true), Some(tracked)) = (succeeded, self.workloads.tracked.get_mut(&key)) {
                tracked.succeeded = true;
            }
        }
    }

    /// Lets clocks run, stop and end.
    fn look(&mut self) {
        let Self { index, workloads, desks, unsaved, .. } = self;
        let (by_workload, open, now) = (index.by_workload(), desk::open(desks), Timestamp::now());
        let keys: Vec<Key> = workloads.tracked.keys().cloned().collect();
        for key in keys {
            let pods = by_workload.get(&key).map(Vec::as_slice).unwrap_or_default();
            let of = open.get(&desk::path(&key)).cloned().unwrap_or_default();
            let changes = workloads.look(&key, index, pods, &of, now);
            unsaved.extend(changes.into_iter().map(|change| (key.clone(), change)));
        }
    }

    /// Stores what came of it.
    async fn save(&mut self, key: &Key, change: &revisions::Change) -> Result<(), kube::Error> {
        let Some(tracked) = self.workloads.tracked.get(key) else { return Ok(()) };
        let (workload, revisions) = (tracked.workload.clone(), tracked.revisions.clone());
        let live = self.index.live(&self.workloads, key);
        let progress = Progress { revisions: &revisions, live: &live, now: Timestamp::now() };
        match change {
            // Agents are told; there is nothing to store.
            revisions::Change::Close(_) => Ok(()),
            revisions::Change::Clock => {
                store::update(&self.client, &workload, false, &|old| objects::advance(old, progress)).await?;
                self.health.count_write("clock");
                Ok(())
            }
            revisions::Change::Complete { id, silent, kept } => {
                let written =
                    store::update(&self.client, &workload, false, &|old| objects::complete(old, id, silent, kept, progress)).await?;
                self.health.count_write("completion");
                if written.is_some() {
                    let note =
                        format!("revision {id} is learned{}", if silent.is_empty() { "" } else { ", but not every replica was seen" });
                    self.announcer.about(&workload, "ProfileComplete", note, false).await;
                    self.owe(key.clone(), Occasion::Completed);
                }
                Ok(())
            }
        }
    }

    /// Has a workload's generated objects looked at; of two occasions the greater one stands.
    fn owe(&mut self, key: Key, occasion: Occasion) {
        let due = self.due.entry(key).or_insert(occasion);
        *due = (*due).max(occasion);
    }

    /// Brings generated objects up to date.
    async fn generate(&mut self) {
        for (key, occasion) in std::mem::take(&mut self.due) {
            let Some(tracked) = self.workloads.tracked.get(&key).filter(|tracked| tracked.revisions.any_complete()) else { continue };
            let workload = tracked.workload.clone();
            let result = async {
                // Nothing is changed: what is there is read.
                let Some(objects) = store::read(&self.client, &workload).await? else { return Ok(false) };
                generate::generate(&self.client, &workload, &objects, &self.workloads.settings, occasion).await
            };
            match result.await {
                Ok(true) => self.health.count_write("generated"),
                Ok(false) => {}
                Err(kube::Error::Api(status)) if mail::is_ending(&status) => {}
                Err(error) => {
                    say(&format!("failed to generate policies of {}/{}: {error}; trying again", key.0, key.1));
                    self.owe(key, occasion);
                }
            }
        }
    }

    /// An object of a workload was deleted: it is built again from what the nodes still have.
    async fn rebuild(&mut self, what: &str, key: Key) {
        let Some(tracked) = self.workloads.tracked.get(&key) else { return };
        if what == "generatednetworkpolicies" || what == "seccompprofiles" {
            self.owe(key, Occasion::Completed);
            return;
        }
        let workload = tracked.workload.clone();
        match store::both(&self.client, &workload).await {
            // It was replaced, by this controller.
            Ok((Some(_), Some(_))) => return,
            Ok((None, None)) => {}
            // One without the other is no map.
            Ok(_) => {
                if let Err(error) = store::delete(&self.client, &workload).await {
                    say(&format!("failed to delete the other half of {}/{}: {error}", key.0, key.1));
                }
            }
            Err(error) => say(&format!("failed to read {}/{}: {error}", key.0, key.1)),
        }
        // What goes with its workload is not built again.
        let pods = self.index.by_workload().remove(&key).unwrap_or_default();
        if !pods.iter().any(|placed| placed.is_live() && !placed.pod.ending) {
            self.workloads.tracked.remove(&key);
            return;
        }
        self.workloads.forget(&key);
        for desk in self.desks.values_mut() {
            desk.repeat(Some(&key));
        }
    }

    /// A node is gone: what was learned on it and not handed over is lost.
    async fn lose_node(&mut self, node: &str) {
        // The last that it said.
        if let Some(batch) = self.mail.remove(node).filter(|_| self.is_ready()) {
            self.deliver(node, &batch).await;
        }
        self.index.delete_node(node);
        self.filters.forget_node(node);
        let Some(desk) = self.desks.remove(node) else { return };
        let keys: Vec<Key> = self.workloads.tracked.keys().filter(|key| desk.learns(key)).cloned().collect();
        for key in keys {
            let Some(tracked) = self.workloads.tracked.get(&key).filter(|tracked| tracked.revisions.any_learning()) else { continue };
            let live = self.index.live(&self.workloads, &key);
            let progress = Progress { revisions: &tracked.revisions, live: &live, now: Timestamp::now() };
            let message = format!("node {node} went away before it had handed over everything");
            let note = |old| objects::note(old, condition::NODE_LOST, reason::NODE_DELETED, &message, progress);
            if let Err(error) = store::update(&self.client, &tracked.workload, false, &note).await {
                say(&format!("failed to note on {}/{} that node {node} is lost: {error}", key.0, key.1));
            }
        }
        self.remove_mailbox(node).await;
    }
}

/// Live pods of the index, for whoever has to go through all of them.
fn is_bound(placed: &Placed) -> bool {
    !placed.pod.node.is_empty()
}
