//! The cluster: one connection, and requests that wait for their answer.
//!
//! The plugin does one thing after the other, so everything outside this module is plain and synchronous.

mod connection;
mod duration;
mod failure;
mod object;
mod resource;
mod rows;

pub(crate) use object::Kinds;

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context as _;
use http::{Method, Request};
use kube::Client;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::runtime::Runtime;

pub(crate) use connection::Connection;
pub(crate) use failure::Failure;
use resource::segment;
pub(crate) use resource::{
    DAEMONSETS, DEPLOYMENTS, FILTERS, NAMESPACES, NEIGHBORHOODS, NETWORK_POLICIES, NODES, OBSERVATIONS, PODS, POLICIES, PROFILES, Resource,
    WORKLOADS,
};
pub(crate) use rows::{Cells, Event};

/// Under this name the API server keeps what we apply.
pub(crate) const MANAGER: &str = "kubectl-runtimemap";

/// A connection to the API server.
pub(crate) struct Cluster {
    runtime: Runtime,
    client: Client,
    /// Namespace of the context.
    namespace: String,
    timeout: Option<Duration>,
    chunk: u32,
}

/// A page of a list.
#[derive(Deserialize)]
struct Page<T> {
    #[serde(default)]
    metadata: PageMetadata,
    #[serde(default = "Vec::new")]
    items: Vec<T>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageMetadata {
    #[serde(default, rename = "continue")]
    next: String,
    #[serde(default)]
    resource_version: String,
}

/// Which objects of a kind.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Query<'a> {
    /// None means all.
    pub(crate) namespace: Option<&'a str>,
    /// Label selector, empty for any.
    pub(crate) labels: &'a str,
    /// Field selector, empty for any.
    pub(crate) fields: &'a str,
}

impl Query<'_> {
    fn parameters(&self) -> BTreeMap<&'static str, String> {
        let Self { namespace: _, labels, fields } = self;
        let both = [("labelSelector", *labels), ("fieldSelector", *fields)];
        both.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name, value.to_owned())).collect()
    }
}

impl Cluster {
    /// Connects as the flags and the configuration say. The first request shows whether anybody is there.
    pub(crate) fn connect(connection: &Connection) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("failed to start")?;
        let (client, namespace) = runtime.block_on(async {
            let config = connection.config().await?;
            let namespace = config.default_namespace.clone();
            anyhow::Ok((Client::try_from(config).context("failed to make a client of the kubeconfig")?, namespace))
        })?;
        let timeout = Some(connection.request_timeout).filter(|timeout| !timeout.is_zero());
        Ok(Self { runtime, client, namespace, timeout, chunk: connection.chunk_size })
    }

    /// The namespace of the context.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The answer to a request, as text.
    fn text(&self, method: Method, uri: &str, headers: &[(&'static str, &str)], body: Vec<u8>) -> Result<String, Failure> {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body).map_err(|error| Failure::Unreadable(error.to_string()))?;
        let answer = self.client.request_text(request);
        let answer = self.runtime.block_on(async {
            match self.timeout {
                Some(timeout) => match tokio::time::timeout(timeout, answer).await {
                    Ok(answer) => answer,
                    Err(_) => {
                        return Err(Failure::Unreachable(format!("no answer within {} s (--request-timeout)", timeout.as_secs_f32())));
                    }
                },
                None => answer.await,
            }
            .map_err(Failure::of)
        })?;
        Ok(answer)
    }

    fn ask<T: DeserializeOwned>(&self, method: Method, uri: &str, content: &str, body: Vec<u8>) -> Result<T, Failure> {
        let headers = [("Accept", "application/json"), ("Content-Type", content)];
        let text = self.text(method, uri, &headers, body)?;
        serde_json::from_str(&text).map_err(|error| Failure::Unreadable(format!("{}: {error}", path_of(uri))))
    }

    /// One object.
    pub(crate) fn get<T: DeserializeOwned>(&self, uri: &str) -> Result<T, Failure> {
        self.ask(Method::GET, uri, "application/json", Vec::new())
    }

    /// One object, or None where it is not there.
    pub(crate) fn find<T: DeserializeOwned>(&self, uri: &str) -> Result<Option<T>, Failure> {
        match self.get(uri) {
            Ok(object) => Ok(Some(object)),
            Err(failure) if failure.is_not_found() => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// All objects of a kind, chunk after chunk.
    pub(crate) fn list<T: DeserializeOwned>(&self, resource: &Resource, query: Query<'_>) -> Result<Vec<T>, Failure> {
        let mut all = Vec::new();
        let mut next = String::new();
        loop {
            let mut parameters = query.parameters();
            self.chunked(&mut parameters, &next);
            let page: Page<T> = self.get(&uri(&resource.path(query.namespace), &parameters))?;
            all.extend(page.items);
            next = page.metadata.next;
            if next.is_empty() {
                return Ok(all);
            }
        }
    }

    fn chunked(&self, parameters: &mut BTreeMap<&'static str, String>, next: &str) {
        if self.chunk > 0 {
            parameters.insert("limit", self.chunk.to_string());
        }
        if !next.is_empty() {
            parameters.insert("continue", next.to_owned());
        }
    }

    /// Server-side apply of an object.
    pub(crate) fn apply(&self, uri_: &str, object: &Value, force: bool, dry_run: bool) -> Result<Value, Failure> {
        let mut parameters = BTreeMap::from([("fieldManager", MANAGER.to_owned()), ("force", force.to_string())]);
        if dry_run {
            parameters.insert("dryRun", "All".to_owned());
        }
        self.ask(Method::PATCH, &uri(uri_, &parameters), "application/apply-patch+yaml", object.to_string().into_bytes())
    }

    /// A merge patch of an object.
    pub(crate) fn merge(&self, uri_: &str, patch: &Value) -> Result<Value, Failure> {
        let parameters = BTreeMap::from([("fieldManager", MANAGER.to_owned())]);
        self.ask(Method::PATCH, &uri(uri_, &parameters), "application/merge-patch+json", patch.to_string().into_bytes())
    }

    /// A strategic merge patch: lists of a pod's template are merged by name.
    pub(crate) fn strategic(&self, uri_: &str, patch: &Value) -> Result<Value, Failure> {
        let parameters = BTreeMap::from([("fieldManager", MANAGER.to_owned())]);
        self.ask(Method::PATCH, &uri(uri_, &parameters), "application/strategic-merge-patch+json", patch.to_string().into_bytes())
    }

    /// Deletes an object that still is the one that is meant.
    pub(crate) fn delete(&self, uri: &str, uid: &str, resource_version: &str) -> Result<(), Failure> {
        let body = serde_json::json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid, "resourceVersion": resource_version},
        });
        self.ask::<Value>(Method::DELETE, uri, "application/json", body.to_string().into_bytes()).map(|_| ())
    }

    /// Who we are to the API server, for a decision's `by`.
    pub(crate) fn user(&self) -> Result<String, Failure> {
        let body = serde_json::json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
        let answer: Value =
            self.ask(Method::POST, "/apis/authentication.k8s.io/v1/selfsubjectreviews", "application/json", body.to_string().into_bytes())?;
        Ok(answer["status"]["userInfo"]["username"].as_str().unwrap_or_default().to_owned())
    }
}

/// A path with its query.
fn uri(path: &str, parameters: &BTreeMap<&'static str, String>) -> String {
    let pairs: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={}", segment(value))).collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

fn path_of(uri: &str) -> &str {
    uri.split('?').next().unwrap_or_default()
}
