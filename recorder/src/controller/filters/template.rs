//! Filters that pods and their templates name.

use std::collections::BTreeSet;

use k8s_openapi::api::{
    apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet},
    batch::v1::{CronJob, Job},
    core::v1::{PodSpec, PodTemplateSpec, ReplicationController, SeccompProfile},
};
use kube::{Api, Client, Resource, api::ListParams};
use runtimemap_crds::FilterFile;
use serde::de::DeserializeOwned;

/// Objects of one page of a list.
const PAGE: u32 = 200;

/// Filters of ours that a pod names, as `localhostProfile` has them.
pub(in crate::controller) fn of_pod(spec: &PodSpec) -> BTreeSet<String> {
    let containers = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    let own = containers.filter_map(|container| container.security_context.as_ref()?.seccomp_profile.as_ref());
    let ephemeral = spec.ephemeral_containers.iter().flatten().filter_map(|one| one.security_context.as_ref()?.seccomp_profile.as_ref());
    let pod = spec.security_context.as_ref().and_then(|context| context.seccomp_profile.as_ref());
    let name = |profile: &SeccompProfile| profile.localhost_profile.clone().filter(|name| FilterFile::is_ours(name));
    own.chain(ephemeral).chain(pod).filter_map(name).collect()
}

/// Filters of ours that the templates of all workloads name.
///
/// # Errors
/// If the API server does not list one of their kinds.
pub(in crate::controller) async fn named(client: &Client) -> Result<BTreeSet<String>, kube::Error> {
    let mut named = BTreeSet::new();
    read(client, &mut named, |one: Deployment| one.spec.map(|spec| spec.template)).await?;
    read(client, &mut named, |one: StatefulSet| one.spec.map(|spec| spec.template)).await?;
    read(client, &mut named, |one: DaemonSet| one.spec.map(|spec| spec.template)).await?;
    read(client, &mut named, |one: ReplicaSet| one.spec.and_then(|spec| spec.template)).await?;
    read(client, &mut named, |one: ReplicationController| one.spec.and_then(|spec| spec.template)).await?;
    read(client, &mut named, |one: Job| one.spec.map(|spec| spec.template)).await?;
    read(client, &mut named, |one: CronJob| one.spec.and_then(|spec| spec.job_template.spec).map(|spec| spec.template)).await?;
    Ok(named)
}

async fn read<K>(client: &Client, named: &mut BTreeSet<String>, template: fn(K) -> Option<PodTemplateSpec>) -> Result<(), kube::Error>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
{
    let api = Api::<K>::all(client.clone());
    let mut page = ListParams::default().limit(PAGE);
    loop {
        let list = api.list(&page).await?;
        page.continue_token = list.metadata.continue_.clone().filter(|token| !token.is_empty());
        let specs = list.items.into_iter().filter_map(template).filter_map(|template| template.spec);
        named.extend(specs.flat_map(|spec| of_pod(&spec)));
        if page.continue_token.is_none() {
            return Ok(());
        }
    }
}
