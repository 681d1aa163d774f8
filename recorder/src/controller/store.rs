//! Adds to the objects of a workload what a batch says of it: read, merge, write if that changed anything.

use std::fmt::Debug;

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::Time,
    jiff::{SignedDuration, Timestamp},
};
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use runtimemap_crds::{
    ApplicationProfile, ApplicationProfileSpec, Counts, GROUP, Learning, Merge, NetworkNeighborhood, NetworkNeighborhoodSpec, Phase,
    ProfileStatus, VERSION,
    collapse::{self, Thresholds},
    condition::{EVENTS_LOST, TRUNCATED, condition, reason},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{learn::Addition, workload::Workload};
use crate::profile::{status, time};

/// Name under which the controller's fields are managed.
pub(super) const MANAGER: &str = "runtimemap-controller";
/// How often a write is tried again because somebody else wrote meanwhile.
const CONFLICTS: usize = 5;

/// Both objects of a workload, as they are or are to be.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Objects {
    pub(super) profile: ApplicationProfileSpec,
    pub(super) profile_status: ProfileStatus,
    pub(super) neighborhood: NetworkNeighborhoodSpec,
    pub(super) neighborhood_status: ProfileStatus,
}

/// What the objects are once an addition is in them.
pub(super) fn merge(old: Objects, addition: &Addition, period: SignedDuration, now: Timestamp) -> Objects {
    let Addition { workload: _, profile, neighborhood, status: news, from: _ } = addition;
    let mut profile = old.profile.merge(profile.clone());
    let truncated = collapse::close(&mut profile, &Thresholds::default());
    let neighborhood = old.neighborhood.merge(neighborhood.clone());
    let learning = old.profile_status.learning.clone();
    let mut status = old.profile_status.merge(news.clone());
    status.learning = Some(learning.unwrap_or_else(|| Learning {
        period: period_text(period),
        started_at: Some(time(now)),
        completes_at: now.checked_add(period).ok().map(time),
        ..Learning::default()
    }));
    let over = status.learning.as_ref().and_then(|learning| learning.completes_at.clone()).is_some_and(|Time(end)| now >= end);
    status.phase = if over { Phase::Complete } else { Phase::Learning };
    // Made anew from the totals: what one batch said of it is out of date.
    if !status.losses.is_empty() {
        let (_, is, why, message) = status::lost(&status.losses);
        say_of(&mut status, EVENTS_LOST, is, why, message, now);
    }
    if !truncated.is_empty() {
        let message = format!("cut or collapsed further than usual, to stay small: {}", truncated.join(", "));
        say_of(&mut status, TRUNCATED, true, reason::LIST_OVER_BUDGET, message, now);
    }
    let mut neighborhood_status = status.clone();
    let peers = neighborhood.counts().peers;
    status.counts = profile.counts();
    neighborhood_status.counts = Counts { peers, ..Counts::default() };
    Objects { profile, profile_status: status, neighborhood, neighborhood_status }
}

/// Sets a condition; its time stays where its status does.
fn say_of(status: &mut ProfileStatus, type_: &str, is: bool, why: &str, message: String, now: Timestamp) {
    let mut new = condition(type_, is, why, message, time(now));
    match status.conditions.iter_mut().find(|known| known.type_ == type_) {
        Some(known) => {
            if known.status == new.status {
                new.last_transition_time = known.last_transition_time.clone();
            }
            *known = new;
        }
        None => status.conditions.push(new),
    }
    status.conditions.sort_by(|a, b| a.type_.cmp(&b.type_));
}

/// Shortest text of a period: `1h`, `90s`.
fn period_text(period: SignedDuration) -> String {
    let seconds = period.as_secs();
    match (seconds % 3600, seconds % 60) {
        (0, _) => format!("{}h", seconds / 3600),
        (_, 0) => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}

/// Adds to a workload's objects. Gives when learning ends, or None if it has.
///
/// # Errors
/// If the API server does not take it.
pub(super) async fn add(client: &Client, addition: &Addition, period: SignedDuration) -> Result<Option<Timestamp>, kube::Error> {
    let Addition { workload, .. } = addition;
    let name = workload.object_name();
    let profiles: Api<ApplicationProfile> = Api::namespaced(client.clone(), &workload.namespace);
    let neighborhoods: Api<NetworkNeighborhood> = Api::namespaced(client.clone(), &workload.namespace);
    let mut tries = 0;
    loop {
        let (profile, neighborhood) = (profiles.get_opt(&name).await?, neighborhoods.get_opt(&name).await?);
        let versions = [&profile.as_ref().map(|object| &object.metadata), &neighborhood.as_ref().map(|object| &object.metadata)]
            .map(|metadata| metadata.and_then(|metadata| metadata.resource_version.clone()));
        let old = Objects {
            profile_status: profile.as_ref().and_then(|object| object.status.clone()).unwrap_or_default(),
            profile: profile.map(|object| object.spec).unwrap_or_default(),
            neighborhood_status: neighborhood.as_ref().and_then(|object| object.status.clone()).unwrap_or_default(),
            neighborhood: neighborhood.map(|object| object.spec).unwrap_or_default(),
        };
        if old.profile_status.phase == Phase::Complete && old.profile_status.learning.is_some() {
            return Ok(None);
        }
        let new = merge(old.clone(), addition, period, Timestamp::now());
        let [profile_version, neighborhood_version] = versions;
        let result = async {
            let specs = (to_value(&old.profile), to_value(&new.profile));
            let statuses = (to_value(&old.profile_status), to_value(&new.profile_status));
            write(&profiles, "ApplicationProfile", workload, profile_version, specs, statuses).await?;
            let specs = (to_value(&old.neighborhood), to_value(&new.neighborhood));
            let statuses = (to_value(&old.neighborhood_status), to_value(&new.neighborhood_status));
            write(&neighborhoods, "NetworkNeighborhood", workload, neighborhood_version, specs, statuses).await
        };
        match result.await {
            Ok(()) => {
                let end = new.profile_status.learning.and_then(|learning| learning.completes_at).map(|Time(end)| end);
                return Ok(end.filter(|_| new.profile_status.phase == Phase::Learning));
            }
            Err(kube::Error::Api(status)) if status.code == 409 && tries < CONFLICTS => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

fn to_value<T: serde::Serialize>(value: &T) -> Value {
    // None of our types has a map whose keys are no strings.
    serde_json::to_value(value).unwrap_or_default()
}

/// Writes spec and status, each only if it changed. A version makes sure that it is that which was read.
async fn write<K>(
    api: &Api<K>,
    kind: &str,
    workload: &Workload,
    version: Option<String>,
    spec: (Value, Value),
    status: (Value, Value),
) -> Result<(), kube::Error>
where
    K: Clone + Debug + DeserializeOwned,
{
    let name = workload.object_name();
    let parameters = PatchParams::apply(MANAGER).force();
    let mut version = version;
    if version.is_none() || spec.0 != spec.1 {
        let label = |text: &str| text.chars().take(63).collect::<String>().trim_end_matches(['-', '.', '_']).to_owned();
        let mut object = json!({
            "apiVersion": format!("{GROUP}/{VERSION}"),
            "kind": kind,
            "metadata": {
                "name": name,
                "labels": {
                    "runtimemap.io/workload-kind": label(&workload.reference.kind),
                    "runtimemap.io/workload-name": label(&workload.reference.name),
                },
                "ownerReferences": workload.owner_reference().into_iter().collect::<Vec<_>>(),
            },
            "spec": spec.1,
        });
        if let Some(version) = &version {
            object["metadata"]["resourceVersion"] = json!(version);
        }
        api.patch(&name, &parameters, &Patch::Apply(object)).await?;
        // The status goes to what was just written.
        version = None;
    }
    if status.0 != status.1 {
        let mut object = json!({"apiVersion": format!("{GROUP}/{VERSION}"), "kind": kind, "metadata": {"name": name}, "status": status.1});
        if let Some(version) = &version {
            object["metadata"]["resourceVersion"] = json!(version);
        }
        api.patch_status(&name, &parameters, &Patch::Apply(object)).await?;
    }
    Ok(())
}

/// Ends the learning of a workload.
///
/// # Errors
/// If the API server does not take it.
pub(super) async fn complete(client: &Client, namespace: &str, name: &str) -> Result<(), kube::Error> {
    let patch = Patch::Merge(json!({"status": {"phase": Phase::Complete}}));
    let parameters = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let gone = |result: Result<(), kube::Error>| match result {
        // Its workload was deleted.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        other => other,
    };
    gone(Api::<ApplicationProfile>::namespaced(client.clone(), namespace).patch_status(name, &parameters, &patch).await.map(drop))?;
    gone(Api::<NetworkNeighborhood>::namespaced(client.clone(), namespace).patch_status(name, &parameters, &patch).await.map(drop))
}

#[cfg(test)]
mod tests {
    use runtimemap_crds::{ContainerProfile, Loss, LossCause};

    use super::*;

    fn addition(path: &str, lost: u64) -> Addition {
        let open = runtimemap_crds::Open { path: path.into(), ..Default::default() };
        let container = ContainerProfile { name: "web".into(), opens: vec![open], ..ContainerProfile::default() };
        let loss = Loss { cause: LossCause::Throttled, count: lost, node: "node1".into(), container: "web".into() };
        Addition {
            workload: Workload::default(),
            profile: ApplicationProfileSpec { containers: vec![container], ..ApplicationProfileSpec::default() },
            neighborhood: NetworkNeighborhoodSpec::default(),
            status: ProfileStatus { losses: vec![loss], ..ProfileStatus::default() },
            from: Vec::new(),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_same_batch_twice_changes_nothing_and_so_writes_nothing() {
        let period = SignedDuration::from_hours(1);
        let first = merge(Objects::default(), &addition("/a", 3), period, at(1000));
        assert_eq!(first, merge(first.clone(), &addition("/a", 3), period, at(2000)));
        assert_eq!((first.profile_status.counts.files, first.profile_status.phase), (1, Phase::Learning));
    }

    #[test]
    fn learning_begins_with_the_first_batch_and_ends_once() {
        let period = SignedDuration::from_secs(90);
        let first = merge(Objects::default(), &addition("/a", 0), period, at(1000));
        let second = merge(first, &addition("/b", 0), SignedDuration::from_hours(9), at(1089));
        let learning = second.profile_status.learning.clone().unwrap();
        assert_eq!((learning.period.as_str(), learning.completes_at), ("90s", Some(Time(at(1090)))));
        assert_eq!(second.profile_status.phase, Phase::Learning);
        assert_eq!(merge(second, &addition("/c", 0), period, at(1090)).profile_status.phase, Phase::Complete);
    }

    #[test]
    fn r3_losses_are_totals_and_the_condition_says_the_present_ones() {
        let period = SignedDuration::from_hours(1);
        let first = merge(Objects::default(), &addition("/a", 3), period, at(1000));
        let second = merge(first, &addition("/a", 8), period, at(2000));
        let lost = second.profile_status.conditions.iter().find(|condition| condition.type_ == EVENTS_LOST).unwrap();
        assert!(lost.message.contains('8'), "{}", lost.message);
        assert_eq!(lost.last_transition_time, Time(at(1000)));
    }

    #[test]
    fn periods_read_as_they_are_written() {
        for text in ["1h", "24h", "90s", "5m"] {
            assert_eq!(period_text(text.parse().unwrap()), text);
        }
    }
}
