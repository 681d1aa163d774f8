//! Policies made of complete profiles, where the settings ask for them.

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta},
    jiff::Timestamp,
};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, Patch, PatchParams},
    core::GroupVersionKind,
};
use runtimemap_crds::{
    ApplicationProfile, GROUP, GeneratedNetworkPolicy, NetworkNeighborhood, VERSION,
    condition::{CURRENT, condition, reason},
};
use runtimemap_policy::{network, seccomp};
use serde_json::{Value, json};

use super::{pod::digest, settings::Settings, store, workload::Workload};
use crate::profile::time;

/// Annotation with the hash of what was generated: it is written again only when that is another.
const CONTENT: &str = "runtimemap.io/content-hash";

/// Why a workload's generated objects are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Occasion {
    /// The settings may have changed: what is there stays as it is, but for being current or not.
    Settings,
    /// More was learned: what is there stays as it is, and says if it lacks that.
    Learned,
    /// A revision is complete.
    Completed,
}

/// One kind of generated object.
struct Product {
    kind: &'static str,
    plural: &'static str,
    /// Whether the settings ask for it.
    wanted: bool,
    /// Spec and status.
    content: (Value, Value),
}

/// Brings a workload's generated objects up to date. Says whether any was written.
///
/// # Errors
/// If the API server does not take it.
pub(super) async fn generate(
    client: &Client,
    workload: &Workload,
    (profile, neighborhood): &(ApplicationProfile, NetworkNeighborhood),
    settings: &Settings,
    occasion: Occasion,
) -> Result<bool, kube::Error> {
    let mut any = false;
    for product in products(profile, neighborhood, settings) {
        any |= bring(client, workload, &product, occasion).await?;
    }
    Ok(any)
}

fn products(profile: &ApplicationProfile, neighborhood: &NetworkNeighborhood, settings: &Settings) -> [Product; 2] {
    let policy = network::object(neighborhood, &network::Options::default());
    let filters = seccomp::generate(profile, &seccomp::Options::default());
    [
        Product {
            kind: GeneratedNetworkPolicy::KIND,
            plural: "generatednetworkpolicies",
            wanted: settings.network_policy,
            content: (json!(policy.spec), json!(policy.status)),
        },
        Product {
            kind: "SeccompProfile",
            plural: "seccompprofiles",
            wanted: settings.seccomp,
            content: (json!(filters.spec), json!(filters.status)),
        },
    ]
}

async fn bring(client: &Client, workload: &Workload, product: &Product, occasion: Occasion) -> Result<bool, kube::Error> {
    let Product { kind, plural, wanted, content: (spec, status) } = product;
    let name = workload.object_name();
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, VERSION, kind), plural);
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &workload.namespace, &resource);
    let old = api.get_opt(&name).await?;
    let was_current = old.as_ref().and_then(current).is_some_and(|condition| condition.status == "True");
    let parameters = PatchParams::apply(store::MANAGER).force();
    let head = |version: Option<&String>| json!({"name": name, "namespace": workload.namespace, "resourceVersion": version});
    if !wanted {
        let Some(old) = old.filter(|_| was_current) else { return Ok(false) };
        let message = "no longer asked for by the settings; kept as it was when it was last made";
        return outdate(&api, kind, old, reason::SWITCHED_OFF, message).await;
    }
    if occasion == Occasion::Learned {
        let Some(old) = old.filter(|old| was_current && lacks(old, spec)) else { return Ok(false) };
        let message = "more was learned since it was made; it is made anew when that is complete";
        return outdate(&api, kind, old, reason::LEARNED_SINCE, message).await;
    }
    let hash = digest(&json!([spec, status]).to_string());
    let same = old.as_ref().and_then(|old| old.metadata.annotations.as_ref()?.get(CONTENT)).is_some_and(|known| *known == hash);
    if was_current && (same || occasion == Occasion::Settings) {
        return Ok(false);
    }
    let mut metadata = head(old.as_ref().and_then(|old| old.metadata.resource_version.as_ref()));
    metadata["labels"] = store::labels(workload);
    metadata["annotations"] = json!({CONTENT: hash});
    metadata["ownerReferences"] = json!(workload.owner_reference().into_iter().collect::<Vec<_>>());
    let object = json!({"apiVersion": format!("{GROUP}/{VERSION}"), "kind": kind, "metadata": metadata, "spec": spec});
    // Only the fields that are the controller's: what people decided stays.
    let written = api.patch(&name, &parameters, &Patch::Apply(object)).await?;
    let since = old.as_ref().and_then(current).filter(|_| was_current).map(|known| known.last_transition_time);
    let since = since.unwrap_or_else(|| time(Timestamp::now()));
    let mut status = status.clone();
    let message = "made when the profile was last completed";
    status["conditions"] = json!([condition(CURRENT, true, reason::MADE_AT_COMPLETION, message, since)]);
    let version = written.metadata.resource_version.as_ref();
    let object = json!({"apiVersion": format!("{GROUP}/{VERSION}"), "kind": kind, "metadata": head(version), "status": status});
    api.patch_status(&name, &parameters, &Patch::Apply(object)).await?;
    Ok(true)
}

/// Says of an object that it is not current.
async fn outdate(api: &Api<DynamicObject>, kind: &str, old: DynamicObject, why: &str, message: &str) -> Result<bool, kube::Error> {
    let DynamicObject { metadata: ObjectMeta { name, namespace, resource_version, .. }, data, .. } = old;
    let mut status = data.get("status").cloned().unwrap_or_default();
    // That is managed under a name of its own.
    status.as_object_mut().map(|status| status.remove("delivery"));
    status["conditions"] = json!([condition(CURRENT, false, why, message, time(Timestamp::now()))]);
    let head = json!({"name": name, "namespace": namespace, "resourceVersion": resource_version});
    let object = json!({"apiVersion": format!("{GROUP}/{VERSION}"), "kind": kind, "metadata": head, "status": status});
    let parameters = PatchParams::apply(store::MANAGER).force();
    api.patch_status(&name.unwrap_or_default(), &parameters, &Patch::Apply(object)).await?;
    Ok(true)
}

/// Whether something else would be generated now.
fn lacks(object: &DynamicObject, spec: &Value) -> bool {
    object.data.get("spec") != Some(spec)
}

fn current(object: &DynamicObject) -> Option<Condition> {
    let conditions = object.data.pointer("/status/conditions")?.clone();
    let conditions: Vec<Condition> = serde_json::from_value(conditions).ok()?;
    conditions.into_iter().find(|condition| condition.type_ == CURRENT)
}
