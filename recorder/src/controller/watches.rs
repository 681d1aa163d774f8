//! What the controller follows in the cluster, each kind with no more of it than is needed.

use std::{collections::BTreeMap, fmt::Debug, pin::Pin};

use futures_util::{Stream, StreamExt, stream, stream::SelectAll};
use k8s_openapi::{
    api::{
        apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet},
        batch::v1::{CronJob, Job},
        core::v1::{ConfigMap, Namespace, Node, Pod as KubernetesPod, ReplicationController, Service},
        discovery::v1::EndpointSlice,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{
    Api, Client, Resource,
    api::{ApiResource, DynamicObject},
    core::{GroupVersionKind, PartialObjectMeta},
    runtime::{WatchStreamExt, watcher, watcher::Event},
};
use runtimemap_crds::{ApplicationProfile, GROUP, GeneratedNetworkPolicy, NetworkNeighborhood, NodeObservation, SeccompProfile, VERSION};
use serde::de::DeserializeOwned;

use super::{
    filters::Seen,
    pod::Pod,
    settings,
    workloads::{Key, Marks},
};

/// A change in the cluster.
pub(super) enum Change {
    /// Pods.
    Pod(Event<Box<Pod>>),
    /// Services.
    Service(Event<Box<Service>>),
    /// Endpoints.
    Slice(Event<Box<EndpointSlice>>),
    /// Nodes.
    Node(Event<Box<Node>>),
    /// Mailboxes.
    Mail(Event<Box<NodeObservation>>),
    /// The settings.
    Settings(Event<Box<ConfigMap>>),
    /// What is written on a namespace, or on an owner of pods of this kind. None if it is gone.
    Marks(&'static str, Key, Option<Marks>),
    /// SeccompProfiles, whether a person wants them on nodes.
    Filters(Event<Box<(Key, Seen)>>),
    /// An object of ours is gone.
    Gone(&'static str, Key),
    /// Everything of a kind that there was has been told.
    Listed(&'static str),
    /// A watch failed, and is tried again.
    Broken(&'static str, watcher::Error),
}

/// Kinds that have to be known before anything is decided.
pub(super) const NEEDED: [&str; 7] = ["pods", "services", "endpointslices", "nodes", "settings", "namespaces", "deployments"];

type Changes = Pin<Box<dyn Stream<Item = Change>>>;

/// Everything that is followed.
pub(super) fn all(client: &Client, namespace: &str) -> SelectAll<Changes> {
    let settings = watcher::Config::default().fields(&format!("metadata.name={}", settings::CONFIG_MAP));
    let settings = watcher(Api::<ConfigMap>::namespaced(client.clone(), namespace), settings);
    stream::select_all([
        pods(client),
        follow(client, "services", |event| vec![Change::Service(event)]),
        follow(client, "endpointslices", |event| vec![Change::Slice(event)]),
        follow(client, "nodes", |event| vec![Change::Node(event)]),
        follow(client, "nodeobservations", |event| vec![Change::Mail(event)]),
        changes(settings, "settings", |event| vec![Change::Settings(boxed(event))]),
        marks::<Namespace>(client, "namespaces", "Namespace"),
        marks::<Deployment>(client, "deployments", "Deployment"),
        marks::<StatefulSet>(client, "statefulsets", "StatefulSet"),
        marks::<DaemonSet>(client, "daemonsets", "DaemonSet"),
        marks::<ReplicaSet>(client, "replicasets", "ReplicaSet"),
        marks::<Job>(client, "jobs", "Job"),
        marks::<CronJob>(client, "cronjobs", "CronJob"),
        marks::<ReplicationController>(client, "replicationcontrollers", "ReplicationController"),
        gone::<ApplicationProfile>(client, "applicationprofiles"),
        gone::<NetworkNeighborhood>(client, "networkneighborhoods"),
        filters(client),
        gone_policies(client),
    ])
}

fn changes<T: 'static>(
    events: impl Stream<Item = Result<Event<T>, watcher::Error>> + 'static,
    what: &'static str,
    wrap: impl Fn(Event<T>) -> Vec<Change> + 'static,
) -> Changes {
    let each = move |event: Result<Event<T>, watcher::Error>| match event {
        Ok(event) => {
            let listed = matches!(event, Event::InitDone).then_some(Change::Listed(what));
            wrap(event).into_iter().chain(listed).collect()
        }
        Err(error) => vec![Change::Broken(what, error)],
    };
    Box::pin(events.flat_map(move |event| stream::iter(each(event))))
}

fn follow<K>(client: &Client, what: &'static str, wrap: fn(Event<Box<K>>) -> Vec<Change>) -> Changes
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let events = watcher(Api::<K>::all(client.clone()), watcher::Config::default()).default_backoff();
    changes(events, what, move |event| wrap(boxed(event)))
}

fn boxed<K>(event: Event<K>) -> Event<Box<K>> {
    match event {
        Event::Apply(object) => Event::Apply(Box::new(object)),
        Event::Delete(object) => Event::Delete(Box::new(object)),
        Event::InitApply(object) => Event::InitApply(Box::new(object)),
        Event::Init => Event::Init,
        Event::InitDone => Event::InitDone,
    }
}

/// Pods, cut down to what is used before the next one is looked at.
fn pods(client: &Client) -> Changes {
    let events = watcher(Api::<KubernetesPod>::all(client.clone()), watcher::Config::default()).default_backoff();
    let cut = |pod: KubernetesPod| Pod::of(pod).map(Box::new);
    changes(events, "pods", move |event| {
        let event = match event {
            Event::Apply(pod) => cut(pod).map(Event::Apply),
            Event::Delete(pod) => cut(pod).map(Event::Delete),
            Event::InitApply(pod) => cut(pod).map(Event::InitApply),
            Event::Init => Some(Event::Init),
            Event::InitDone => Some(Event::InitDone),
        };
        event.map(Change::Pod).into_iter().collect()
    })
}

/// SeccompProfiles, of which only those that were approved are kept.
fn filters(client: &Client) -> Changes {
    let events = watcher(Api::<SeccompProfile>::all(client.clone()), watcher::Config::default()).default_backoff();
    changes(events, "seccompprofiles", |event| {
        let event = match event {
            Event::Apply(object) => Event::Apply(Seen::cut(object)),
            Event::Delete(object) => Event::Delete(Seen::cut(object)),
            Event::InitApply(object) => Event::InitApply(Seen::cut(object)),
            Event::Init => Event::Init,
            Event::InitDone => Event::InitDone,
        };
        vec![Change::Filters(event)]
    })
}

fn metadata<K>(client: &Client) -> impl Stream<Item = Result<Event<PartialObjectMeta<K>>, watcher::Error>> + use<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    watcher(Api::<PartialObjectMeta<K>>::all(client.clone()), watcher::Config::default()).default_backoff()
}

/// Annotations of owners: nothing else of them is read.
fn marks<K>(client: &Client, what: &'static str, kind: &'static str) -> Changes
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let of = |object: PartialObjectMeta<K>| {
        let annotations: Option<BTreeMap<String, String>> = object.metadata.annotations.clone();
        (key(object.metadata), Marks::of(annotations.as_ref()))
    };
    changes(metadata::<K>(client), what, move |event| match event {
        Event::Apply(object) | Event::InitApply(object) => {
            let (key, marks) = of(object);
            vec![Change::Marks(kind, key, Some(marks))]
        }
        Event::Delete(object) => vec![Change::Marks(kind, of(object).0, None)],
        Event::Init | Event::InitDone => Vec::new(),
    })
}

/// Objects of ours that somebody deletes.
fn gone<K>(client: &Client, what: &'static str) -> Changes
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    changes(metadata::<K>(client), what, move |event| match event {
        Event::Delete(object) => vec![Change::Gone(what, key(object.metadata))],
        _ => Vec::new(),
    })
}

fn gone_policies(client: &Client) -> Changes {
    let what = "generatednetworkpolicies";
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, VERSION, GeneratedNetworkPolicy::KIND), what);
    let api = Api::<PartialObjectMeta<DynamicObject>>::all_with(client.clone(), &resource);
    changes(watcher(api, watcher::Config::default()).default_backoff(), what, move |event| match event {
        Event::Delete(object) => vec![Change::Gone(what, key(object.metadata))],
        _ => Vec::new(),
    })
}

/// Namespace and name.
pub(super) fn key(metadata: ObjectMeta) -> Key {
    (metadata.namespace.unwrap_or_default(), metadata.name.unwrap_or_default())
}
