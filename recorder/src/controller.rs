//! `controller`: turns what the nodes saw into the objects of each workload.

mod announce;
mod desk;
mod filters;
mod generate;
mod health;
mod index;
mod learn;
mod lease;
mod objects;
mod pause;
mod pod;
mod revisions;
mod serve;
mod settings;
mod store;
mod watches;
mod workload;
mod workloads;

use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, Instant},
};

use k8s_openapi::jiff::SignedDuration;
use kube::Client;
use tokio::signal::unix::{SignalKind, signal};

use crate::{agent::client, web};

/// A checked command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// File that says where the API server is; None for the pod's own service account.
    pub kubeconfig: Option<PathBuf>,
    /// How long a workload is learned where the settings do not say.
    pub period: SignedDuration,
    /// Namespace of the settings, the Lease and the agents.
    pub namespace: String,
    /// Name that no other controller has.
    pub identity: String,
    /// How long the others wait for a leader that is not heard of.
    pub lease: Duration,
    /// Where `/healthz`, `/readyz` and `/metrics` are; None for nowhere.
    pub listen: Option<SocketAddr>,
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
    /// The address of its pages is taken, or not its own.
    #[error("failed to listen on {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
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
        let (mut term, mut int) =
            (signal(SignalKind::terminate()).map_err(Error::Runtime)?, signal(SignalKind::interrupt()).map_err(Error::Runtime)?);
        let (health, start) = (health::Health::default(), Instant::now());
        if let Some(address) = plan.listen {
            let listener = web::listen(address).await.map_err(|error| Error::Listen { address, error })?;
            tokio::spawn(web::serve(listener, health.pages(start)));
        }
        let mut election = lease::Election::new(client.clone(), &plan.namespace, plan.identity.clone(), plan.lease);
        let result = tokio::select! {
            result = lead(&client, plan, &mut election, &health, start) => result,
            _ = term.recv() => Ok(()),
            _ = int.recv() => Ok(()),
        };
        election.release().await;
        result
    })
}

/// Waits to lead, leads, and waits again.
async fn lead(client: &Client, plan: &Plan, election: &mut lease::Election, health: &health::Health, start: Instant) -> Result<(), Error> {
    loop {
        election.lead(health).await;
        health.beat(start);
        health.leading.set(1);
        // Whoever is deposed drops everything that it knew: the next leader may have changed it.
        let result = tokio::select! {
            result = serve::serve(client.clone(), plan, health, start, election.settings_taken()) => result,
            () = election.hold() => Ok(()),
        };
        health.leading.set(0);
        result?;
    }
}

/// One line for whoever reads the controller's log.
fn say(text: &str) {
    use io::Write;
    // A closed standard error leaves nobody to tell.
    let _ = writeln!(io::stderr(), "runtimemap-recorder: {text}");
}
