//! `version`: of the plugin, and of what is installed.

use serde_json::json;

use crate::{
    cli::Report,
    cluster::{Cluster, Connection},
    status,
};

/// Which versions, and how.
#[derive(Debug, PartialEq)]
pub(crate) struct Version {
    pub(crate) connection: Connection,
    /// Only the plugin's.
    pub(crate) client: bool,
    pub(crate) json: bool,
}

/// Prints them. A cluster that does not answer is no reason not to say one's own.
pub(crate) fn version(plan: &Version) -> anyhow::Result<Report> {
    let Version { connection, client, json } = plan;
    let own = env!("CARGO_PKG_VERSION");
    let mut report = Report::default();
    let parts = if *client {
        Vec::new()
    } else {
        match Cluster::connect(connection).and_then(|cluster| status::parts(&cluster)) {
            Ok(parts) => parts,
            Err(error) => {
                report.remarks.push(format!("Warning: the cluster's versions are not known: {error:#}"));
                Vec::new()
            }
        }
    };
    report.text = if *json {
        let server: Vec<_> = parts.iter().map(|part| json!({"name": part.name, "version": part.version})).collect();
        serde_json::to_string_pretty(&json!({"clientVersion": own, "server": server}))? + "\n"
    } else {
        let mut text = format!("Client Version: v{own}\n");
        for part in parts {
            text.push_str(&format!("{} Version: {}\n", part.title(), crate::escape::line(&part.version)));
        }
        text
    };
    Ok(report)
}
