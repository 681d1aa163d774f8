//! `controller`: turns what the nodes saw into one ApplicationProfile and one NetworkNeighborhood per workload.

mod index;
mod learn;
mod pod;
mod serve;
mod store;
mod workload;

use std::{io, path::PathBuf};

use k8s_openapi::jiff::SignedDuration;

use crate::agent::client;

/// A checked command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// File that says where the API server is; None for the pod's own service account.
    pub kubeconfig: Option<PathBuf>,
    /// How long a workload is learned.
    pub period: SignedDuration,
}

/// A controller that cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server.
    #[error(transparent)]
    Client(#[from] client::Error),
    /// It cannot even start.
    #[error("failed to start: {0}")]
    Runtime(#[source] io::Error),
    /// The API server does not know our kinds, or does not let us see them.
    #[error("failed to list {what}: {error}; are the definitions in crds/ applied, and may this account list them?")]
    List {
        /// Kind.
        what: &'static str,
        /// Why.
        error: kube::Error,
    },
}

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// If there is no API server to talk to, or it lacks our kinds.
pub fn run(plan: &Plan) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
    runtime.block_on(async {
        let client = client::connect(plan.kubeconfig.as_deref()).await?;
        serve::serve(client, plan.period).await
    })
}

/// One line for whoever reads the controller's log.
fn say(text: &str) {
    use io::Write;
    // A closed standard error leaves nobody to tell.
    let _ = writeln!(io::stderr(), "runtimemap-recorder: {text}");
}
