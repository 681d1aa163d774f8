//! Writes the objects of a workload: read, change, write if that changed anything, with the version that was read.
//!
//! So whoever computed from something else, a controller that was deposed for one, is refused and reads again.

use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, PostParams, Preconditions},
};
use runtimemap_crds::{ApplicationProfile, GROUP, NetworkNeighborhood, VERSION};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{objects::Objects, workload::Workload};

/// Name under which the controller's fields are managed.
pub(super) const MANAGER: &str = "runtimemap-controller";
/// How often a write is tried again because somebody else wrote meanwhile.
const CONFLICTS: usize = 5;

/// Changes a workload's objects. Gives them as they are then; None if they are not there and are not to be made.
///
/// # Errors
/// If the API server does not take it.
pub(super) async fn update(
    client: &Client,
    workload: &Workload,
    make: bool,
    change: &dyn Fn(Objects) -> Objects,
) -> Result<Option<(ApplicationProfile, NetworkNeighborhood)>, kube::Error> {
    let name = workload.object_name();
    let profiles: Api<ApplicationProfile> = Api::namespaced(client.clone(), &workload.namespace);
    let neighborhoods: Api<NetworkNeighborhood> = Api::namespaced(client.clone(), &workload.namespace);
    let mut tries = 0;
    loop {
        let profile = ours(&profiles, &name, workload, |object| &object.spec.workload.uid).await?;
        let neighborhood = ours(&neighborhoods, &name, workload, |object| &object.spec.workload.uid).await?;
        if profile.is_none() && !make {
            return Ok(None);
        }
        let old = Objects {
            profile: profile.as_ref().map(|object| object.spec.clone()).unwrap_or_default(),
            profile_status: profile.as_ref().and_then(|object| object.status.clone()).unwrap_or_default(),
            neighborhood: neighborhood.as_ref().map(|object| object.spec.clone()).unwrap_or_default(),
            neighborhood_status: neighborhood.as_ref().and_then(|object| object.status.clone()).unwrap_or_default(),
        };
        let new = change(old.clone());
        let written = async {
            let neighborhood = write(
                &neighborhoods,
                workload,
                neighborhood,
                (&old.neighborhood, &new.neighborhood),
                (&old.neighborhood_status, &new.neighborhood_status),
            );
            let neighborhood = neighborhood.await?;
            // Last: whoever leads after this one recalls from it how far the workload is, and does again what it does not tell of.
            let profile = write(&profiles, workload, profile, (&old.profile, &new.profile), (&old.profile_status, &new.profile_status));
            Ok((profile.await?, neighborhood))
        };
        match written.await {
            Ok(objects) => return Ok(Some(objects)),
            Err(kube::Error::Api(status)) if status.code == 409 && tries < CONFLICTS => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

/// A workload's objects, if both are there.
///
/// # Errors
/// If the API server does not answer.
pub(super) async fn read(client: &Client, workload: &Workload) -> Result<Option<(ApplicationProfile, NetworkNeighborhood)>, kube::Error> {
    let (profile, neighborhood) = both(client, workload).await?;
    Ok(profile.zip(neighborhood))
}

/// Those of a workload's objects that are there.
///
/// # Errors
/// If the API server does not answer.
pub(super) async fn both(
    client: &Client,
    workload: &Workload,
) -> Result<(Option<ApplicationProfile>, Option<NetworkNeighborhood>), kube::Error> {
    let (name, namespace) = (workload.object_name(), &workload.namespace);
    let profiles: Api<ApplicationProfile> = Api::namespaced(client.clone(), namespace);
    let neighborhoods: Api<NetworkNeighborhood> = Api::namespaced(client.clone(), namespace);
    Ok((profiles.get_opt(&name).await?, neighborhoods.get_opt(&name).await?))
}

/// Deletes what is there of a workload's objects.
///
/// # Errors
/// If the API server does not do it.
pub(super) async fn delete(client: &Client, workload: &Workload) -> Result<(), kube::Error> {
    let (name, namespace) = (workload.object_name(), &workload.namespace);
    let results = [
        Api::<ApplicationProfile>::namespaced(client.clone(), namespace).delete(&name, &DeleteParams::default()).await.map(drop),
        Api::<NetworkNeighborhood>::namespaced(client.clone(), namespace).delete(&name, &DeleteParams::default()).await.map(drop),
    ];
    let gone = |error: &kube::Error| matches!(error, kube::Error::Api(status) if status.code == 404);
    results.into_iter().find_map(|result| result.err().filter(|error| !gone(error))).map_or(Ok(()), Err)
}

/// The object, if it is of this very workload. That of one of the same name which is gone is removed: it is about to be anyway.
async fn ours<K>(api: &Api<K>, name: &str, workload: &Workload, uid: fn(&K) -> &String) -> Result<Option<K>, kube::Error>
where
    K: Resource + Clone + Debug + DeserializeOwned,
{
    let Some(object) = api.get_opt(name).await? else { return Ok(None) };
    let (its, own) = (uid(&object), &workload.reference.uid);
    if its.is_empty() || own.is_empty() || its == own {
        return Ok(Some(object));
    }
    let preconditions = Preconditions { uid: object.meta().uid.clone(), resource_version: None };
    match api.delete(name, &DeleteParams::default().preconditions(preconditions)).await {
        Err(kube::Error::Api(status)) if status.code != 404 && status.code != 409 => Err(kube::Error::Api(status)),
        Err(error @ kube::Error::Service(_)) => Err(error),
        _ => Ok(None),
    }
}

/// Labels that every object of a workload has.
pub(super) fn labels(workload: &Workload) -> Value {
    let label = |text: &str| {
        let cut: String = text.chars().take(63).collect();
        // A name that is cut is not a name any more.
        if cut.len() == text.len() { cut } else { format!("{}-{}", cut[..46].trim_end_matches(['-', '.']), super::pod::digest(text)) }
    };
    json!({
        "runtimemap.io/workload-kind": label(&workload.reference.kind),
        "runtimemap.io/workload-name": label(&workload.reference.name),
    })
}

/// Writes spec and status, each only if it changed, as the successor of the version that was read.
async fn write<K, Spec, Status>(
    api: &Api<K>,
    workload: &Workload,
    read: Option<K>,
    spec: (&Spec, &Spec),
    status: (&Status, &Status),
) -> Result<K, kube::Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned + Serialize,
    Spec: Serialize + PartialEq,
    Status: Serialize + PartialEq,
{
    let name = workload.object_name();
    let parameters = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
    let object = |version: Option<String>| -> Result<K, kube::Error> {
        let owners: Vec<_> = workload.owner_reference().into_iter().collect();
        serde_json::from_value(json!({
            "apiVersion": format!("{GROUP}/{VERSION}"),
            "kind": K::kind(&()),
            "metadata": {
                "name": name,
                "namespace": workload.namespace,
                "labels": labels(workload),
                "ownerReferences": owners,
                "resourceVersion": version,
            },
            "spec": spec.1,
            "status": status.1,
        }))
        .map_err(kube::Error::SerdeError)
    };
    let written = match read {
        None => api.create(&parameters, &object(None)?).await?,
        Some(read) if spec.0 != spec.1 => api.replace(&name, &parameters, &object(read.resource_version())?).await?,
        Some(read) if status.0 == status.1 => return Ok(read),
        Some(read) => read,
    };
    // A new object has no status yet, whatever it was sent with.
    api.replace_status(&name, &parameters, &object(written.resource_version())?).await
}
