//! What a verb works on: files, or the cluster.

use runtimemap_crds::Object;

use crate::{
    cluster::{Cluster, Connection, Kinds},
    map::{Map, assemble},
    selection::{Name, Selection},
    source::Source,
};

/// Which namespaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Scope {
    /// That of the context; for files, all.
    #[default]
    Default,
    /// This one.
    Named(String),
    /// All.
    All,
}

/// Where from, and what of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Input {
    /// Files; none means the cluster.
    pub(crate) sources: Vec<Source>,
    pub(crate) scope: Scope,
    pub(crate) names: Vec<Name>,
    pub(crate) labels: String,
    pub(crate) connection: Connection,
}

/// What was read.
#[derive(Default)]
pub(crate) struct Learned {
    pub(crate) maps: Vec<Map>,
    /// What could not be read, for standard error.
    pub(crate) remarks: Vec<String>,
    /// Where it was read from, if not from files.
    pub(crate) cluster: Option<Cluster>,
}

impl Input {
    /// Whether it is files.
    pub(crate) fn is_files(&self) -> bool {
        !self.sources.is_empty()
    }

    /// Connects, whether or not there are files.
    pub(crate) fn connect(&self) -> anyhow::Result<Cluster> {
        Cluster::connect(&self.connection)
    }

    /// What is meant, once the cluster says which namespace is its context's.
    pub(crate) fn selection(&self, cluster: Option<&Cluster>) -> Selection {
        let namespace = match (&self.scope, cluster) {
            (Scope::Named(namespace), _) => Some(namespace.clone()),
            (Scope::Default, Some(cluster)) => Some(cluster.namespace().to_owned()),
            (Scope::Default, None) | (Scope::All, _) => None,
        };
        Selection { namespace, names: self.names.clone(), labels: self.labels.clone() }
    }

    /// The maps that are meant.
    pub(crate) fn read(&self, kinds: Kinds) -> anyhow::Result<Learned> {
        if self.is_files() {
            let maps = self.selection(None).of(assemble(self.objects()?))?;
            return Ok(Learned { maps, ..Learned::default() });
        }
        let cluster = self.connect()?;
        let found = cluster.maps(&self.selection(Some(&cluster)), kinds)?;
        let remarks = found.withheld.iter().map(|(kind, why)| format!("Warning: {kind} are left out: {why}")).collect();
        Ok(Learned { maps: found.maps, remarks, cluster: Some(cluster) })
    }

    fn objects(&self) -> anyhow::Result<Vec<Object>> {
        let mut objects = Vec::new();
        for source in &self.sources {
            objects.extend(source.read()?);
        }
        Ok(objects)
    }
}
