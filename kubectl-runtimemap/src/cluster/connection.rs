//! Which cluster, as whom: kubectl's own flags, laid over what its configuration says.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, bail};
use clap::Args;
use kube::config::{AuthInfo, Cluster, Config, Context, KubeConfigOptions, Kubeconfig, NamedAuthInfo, NamedCluster, NamedContext};

use super::duration;

/// Name of the entries that flags make where the configuration has none.
const BY_FLAGS: &str = "flags";

/// kubectl's connection flags. `kubectl runtimemap options` lists them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct Connection {
    /// Path to the kubeconfig file to use
    #[arg(long, value_name = "FILE", global = true, hide = true)]
    kubeconfig: Option<PathBuf>,
    /// The name of the kubeconfig context to use
    #[arg(long, value_name = "NAME", global = true, hide = true)]
    context: Option<String>,
    /// The name of the kubeconfig cluster to use
    #[arg(long, value_name = "NAME", global = true, hide = true)]
    cluster: Option<String>,
    /// The name of the kubeconfig user to use
    #[arg(long, value_name = "NAME", global = true, hide = true)]
    user: Option<String>,
    /// The address and port of the Kubernetes API server
    #[arg(short, long, value_name = "URL", global = true, hide = true)]
    server: Option<String>,
    /// Bearer token for authentication to the API server
    #[arg(long, value_name = "TOKEN", global = true, hide = true)]
    token: Option<String>,
    /// Username for basic authentication to the API server
    #[arg(long, value_name = "NAME", global = true, hide = true)]
    username: Option<String>,
    /// Password for basic authentication to the API server
    #[arg(long, value_name = "PASSWORD", global = true, hide = true)]
    password: Option<String>,
    /// Username to impersonate for the operation
    #[arg(long = "as", value_name = "USER", global = true, hide = true)]
    as_user: Option<String>,
    /// Group to impersonate for the operation; may be given several times
    #[arg(long = "as-group", value_name = "GROUP", global = true, hide = true)]
    as_groups: Vec<String>,
    /// UID to impersonate for the operation
    #[arg(long = "as-uid", value_name = "UID", global = true, hide = true)]
    as_uid: Option<String>,
    /// Path to a cert file for the certificate authority
    #[arg(long, value_name = "FILE", global = true, hide = true)]
    certificate_authority: Option<String>,
    /// Path to a client certificate file for TLS
    #[arg(long, value_name = "FILE", global = true, hide = true)]
    client_certificate: Option<String>,
    /// Path to a client key file for TLS
    #[arg(long, value_name = "FILE", global = true, hide = true)]
    client_key: Option<String>,
    /// If true, the server's certificate will not be checked for validity
    #[arg(long, global = true, hide = true)]
    insecure_skip_tls_verify: bool,
    /// Server name to use for server certificate validation
    #[arg(long, value_name = "NAME", global = true, hide = true)]
    tls_server_name: Option<String>,
    /// Do not ask the server to compress its answers
    #[arg(long, global = true, hide = true)]
    disable_compression: bool,
    /// The length of time to wait before giving up on a single server request: 1s, 2m, 3h; 0 means never
    #[arg(long, value_name = "TIME", global = true, hide = true, value_parser = duration::parse, default_value = "0")]
    pub(super) request_timeout: Duration,
    /// Return large lists in chunks of this many objects rather than all at once; 0 disables
    #[arg(long, value_name = "N", global = true, hide = true, default_value_t = 500)]
    pub(super) chunk_size: u32,
}

impl Connection {
    /// The configuration that kubectl would take with these flags.
    pub(super) async fn config(&self) -> anyhow::Result<Config> {
        let file = match &self.kubeconfig {
            Some(path) => Some(Kubeconfig::read_from(path).with_context(|| format!("failed to read {}", path.display()))?),
            // kubectl passes over files of KUBECONFIG that are not there.
            None => match Kubeconfig::from_env() {
                Ok(Some(config)) => Some(config),
                Ok(None) => Kubeconfig::read().ok(),
                Err(kube::config::KubeconfigError::ReadConfig(error, _)) if error.kind() == std::io::ErrorKind::NotFound => None,
                Err(error) => return Err(error).context("failed to read KUBECONFIG"),
            },
        };
        let asked = self.context.is_some() || self.cluster.is_some() || self.server.is_some() || self.user.is_some();
        let mut file = match file {
            Some(file) if asked || file.current_context.as_ref().is_some_and(|name| !name.is_empty()) => file,
            Some(_) | None if asked => Kubeconfig::default(),
            // In a pod, as kubectl does.
            Some(_) | None => match Config::incluster() {
                Ok(mut config) => {
                    self.user_flags(&mut config.auth_info);
                    return Ok(config);
                }
                Err(_) => bail!(
                    "no cluster is configured: give --kubeconfig, --context or --server, or -f FILE to work on files without a cluster"
                ),
            },
        };
        self.lay_over(&mut file)?;
        let mut config =
            Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.context("failed to read the kubeconfig")?;
        config.disable_compression |= self.disable_compression;
        Ok(config)
    }

    /// Makes the current context of a kubeconfig what the flags say.
    fn lay_over(&self, file: &mut Kubeconfig) -> anyhow::Result<()> {
        let mut context = match self.context.as_ref().or(file.current_context.as_ref()).filter(|name| !name.is_empty()) {
            Some(name) => match file.contexts.iter().find(|context| context.name == *name) {
                Some(context) => context.context.clone().unwrap_or_default(),
                None => bail!("context {name:?} does not exist"),
            },
            None => Context::default(),
        };
        if let Some(cluster) = &self.cluster {
            if !file.clusters.iter().any(|known| known.name == *cluster) {
                bail!("cluster {cluster:?} does not exist");
            }
            context.cluster.clone_from(cluster);
        }
        if let Some(user) = &self.user {
            if !file.auth_infos.iter().any(|known| known.name == *user) {
                bail!("auth info {user:?} does not exist");
            }
            context.user = Some(user.clone());
        }
        let mut cluster = file.clusters.iter().find(|known| known.name == context.cluster).and_then(|known| known.cluster.clone());
        self.cluster_flags(cluster.get_or_insert_default());
        let user = context.user.as_ref().and_then(|user| file.auth_infos.iter().find(|known| known.name == *user));
        let mut user = user.and_then(|known| known.auth_info.clone()).unwrap_or_default();
        self.user_flags(&mut user);
        // An entry of our own, so that no other context of the file is touched.
        file.clusters.insert(0, NamedCluster { name: BY_FLAGS.into(), cluster, ..NamedCluster::default() });
        file.auth_infos.insert(0, NamedAuthInfo { name: BY_FLAGS.into(), auth_info: Some(user), ..NamedAuthInfo::default() });
        context.cluster = BY_FLAGS.into();
        context.user = Some(BY_FLAGS.into());
        file.contexts.insert(0, NamedContext { name: BY_FLAGS.into(), context: Some(context), ..NamedContext::default() });
        file.current_context = Some(BY_FLAGS.into());
        Ok(())
    }

    fn cluster_flags(&self, cluster: &mut Cluster) {
        if let Some(server) = &self.server {
            cluster.server = Some(server.clone());
        }
        if let Some(path) = &self.certificate_authority {
            cluster.certificate_authority = Some(path.clone());
            cluster.certificate_authority_data = None;
        }
        if self.insecure_skip_tls_verify {
            cluster.insecure_skip_tls_verify = Some(true);
        }
        if let Some(name) = &self.tls_server_name {
            cluster.tls_server_name = Some(name.clone());
        }
    }

    fn user_flags(&self, user: &mut AuthInfo) {
        if let Some(token) = &self.token {
            user.token = Some(token.clone().into());
            user.token_file = None;
        }
        if let Some(name) = &self.username {
            user.username = Some(name.clone());
        }
        if let Some(password) = &self.password {
            user.password = Some(password.clone().into());
        }
        if let Some(path) = &self.client_certificate {
            user.client_certificate = Some(path.clone());
            user.client_certificate_data = None;
        }
        if let Some(path) = &self.client_key {
            user.client_key = Some(path.clone());
            user.client_key_data = None;
        }
        if let Some(name) = &self.as_user {
            user.impersonate = Some(name.clone());
        }
        if !self.as_groups.is_empty() {
            user.impersonate_groups = Some(self.as_groups.clone());
        }
        if let Some(uid) = &self.as_uid {
            user.impersonate_uid = Some(uid.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    const CONFIGURATION: &str = "\
apiVersion: v1
kind: Config
current-context: a
contexts: [{name: a, context: {cluster: b, user: c, namespace: d}}, {name: e, context: {cluster: f, user: g}}]
clusters: [{name: b, cluster: {server: \"https://192.0.2.1\", certificate-authority-data: YQ==}}]
users: [{name: c, user: {token: x}}, {name: g, user: {client-certificate: /a, client-key: /b}}]
";

    #[test]
    fn any_configuration_is_laid_under_the_flags_or_an_error() {
        let flags = |context: bool| Connection {
            context: context.then(|| "e".to_owned()),
            server: Some("https://192.0.2.2".to_owned()),
            token: Some("y".to_owned()),
            ..Connection::default()
        };
        let property = |text: String| {
            for context in [false, true] {
                let Ok(mut file) = Kubeconfig::from_yaml(&text) else { return };
                if flags(context).lay_over(&mut file).is_ok() {
                    assert_eq!(file.current_context.as_deref(), Some(BY_FLAGS));
                }
            }
        };
        fuzz::run(&fuzz::damaged(&[CONFIGURATION]), property);
        fuzz::run(&fuzz::changed(&[CONFIGURATION]), |text| property(text.replace("\n---\n", "\n")));
    }
}
