//! The API server: where it is and who asks.

use std::path::{Path, PathBuf};

use kube::{
    Client, Config,
    config::{InferConfigError, KubeConfigOptions, Kubeconfig, KubeconfigError},
};

/// There is no API server to talk to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file does not say.
    #[error("failed to read the kubeconfig {path}: {source}")]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// Why.
        source: KubeconfigError,
    },
    /// No file was given, and neither the environment nor a service account says it.
    #[error("failed to find the API server: {0}; give --kubeconfig, or run in a pod with a service account")]
    Nowhere(#[source] InferConfigError),
    /// No client can be made of that.
    #[error("failed to prepare the connection to the API server: {0}")]
    Client(#[source] kube::Error),
}

/// A client. Nothing is sent yet.
///
/// # Errors
/// If nothing says where the API server is.
pub(crate) async fn connect(kubeconfig: Option<&Path>) -> Result<Client, Error> {
    let config = match kubeconfig {
        Some(path) => {
            let failed = |source| Error::Kubeconfig { path: path.to_owned(), source };
            let file = Kubeconfig::read_from(path).map_err(failed)?;
            Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.map_err(failed)?
        }
        None => Config::infer().await.map_err(Error::Nowhere)?,
    };
    Client::try_from(config).map_err(Error::Client)
}
