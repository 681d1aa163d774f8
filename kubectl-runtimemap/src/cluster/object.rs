//! The objects of workloads, from the cluster.

use std::collections::{BTreeMap, BTreeSet};

use runtimemap_crds::Object;
use serde::de::DeserializeOwned;

use super::{Cluster, FILTERS, Failure, NEIGHBORHOODS, POLICIES, PROFILES, Query, Resource};
use crate::{
    map::{Map, assemble},
    selection::{Name, Selection},
};

/// What was found, and what whoever asks may not read.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) maps: Vec<Map>,
    /// Kinds that were left out, each with the server's reason.
    pub(crate) withheld: BTreeMap<&'static str, String>,
}

/// Kinds that a verb needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kinds(pub(crate) &'static [&'static Resource]);

impl Kinds {
    pub(crate) const ALL: Self = Self(&[&PROFILES, &NEIGHBORHOODS, &POLICIES, &FILTERS]);
    /// What network policies are made from.
    pub(crate) const NETWORK: Self = Self(&[&NEIGHBORHOODS, &POLICIES]);
    /// What seccomp filters are made from.
    pub(crate) const SECCOMP: Self = Self(&[&PROFILES, &FILTERS]);
}

impl Cluster {
    /// The maps of the workloads that are meant.
    pub(crate) fn maps(&self, selection: &Selection, kinds: Kinds) -> anyhow::Result<Found> {
        let namespace = selection.namespace.as_deref();
        let mut found = Found::default();
        let mut objects = Vec::new();
        if selection.names.is_empty() {
            for resource in kinds.0 {
                let query = Query { namespace, labels: &selection.labels, fields: "" };
                self.add(resource, &mut objects, &mut found.withheld, |cluster| cluster.every(resource, query))?;
            }
        } else {
            for (namespace, name) in self.places(&selection.names, namespace, kinds, &mut found.withheld)? {
                for resource in kinds.0 {
                    self.add(resource, &mut objects, &mut found.withheld, |cluster| cluster.one(resource, &namespace, &name))?;
                }
            }
        }
        if found.withheld.len() == kinds.0.len() {
            // Nothing at all may be read: that is the answer.
            anyhow::bail!("{}", found.withheld.into_values().next().unwrap_or_default());
        }
        let mut maps = assemble(objects);
        maps.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        found.maps = selection.of(maps)?;
        Ok(found)
    }

    fn add(
        &self,
        resource: &'static Resource,
        objects: &mut Vec<Object>,
        withheld: &mut BTreeMap<&'static str, String>,
        read: impl FnOnce(&Self) -> Result<Vec<Object>, Failure>,
    ) -> Result<(), Failure> {
        if withheld.contains_key(resource.plural) {
            return Ok(());
        }
        match read(self) {
            Ok(read) => objects.extend(read),
            Err(failure) if failure.is_forbidden() => {
                withheld.insert(resource.plural, failure.to_string());
            }
            Err(failure) => return Err(failure),
        }
        Ok(())
    }

    /// Namespaces and names of the objects that the names mean.
    fn places(
        &self,
        names: &[Name],
        namespace: Option<&str>,
        kinds: Kinds,
        withheld: &mut BTreeMap<&'static str, String>,
    ) -> anyhow::Result<BTreeSet<(String, String)>> {
        let mut places = BTreeSet::new();
        for name in names {
            let before = places.len();
            // By the workload's name, which the server can select by; by the object's own, which it always can.
            for fields in [format!("spec.workload.name={}", name.bare()), format!("metadata.name={}", name.bare())] {
                for resource in kinds.0 {
                    if **resource == POLICIES && fields.starts_with("spec") || withheld.contains_key(resource.plural) {
                        continue;
                    }
                    let mut rows = self.rows(resource, Query { namespace, labels: "", fields: &fields });
                    loop {
                        match rows.page() {
                            Ok(Some(page)) => places.extend(page.into_iter().map(|cells| (cells.namespace, cells.name))),
                            Ok(None) => break,
                            Err(failure) if failure.is_forbidden() => {
                                withheld.insert(resource.plural, failure.to_string());
                                break;
                            }
                            Err(failure) => return Err(failure.into()),
                        }
                    }
                }
            }
            if places.len() == before && withheld.len() < kinds.0.len() {
                let place = namespace.map_or_else(|| "any namespace".to_owned(), |namespace| format!("namespace {namespace:?}"));
                anyhow::bail!("nothing was learned of {:?} in {place}; `kubectl runtimemap show -A` lists what is there", name.text());
            }
        }
        Ok(places)
    }

    fn every(&self, resource: &Resource, query: Query<'_>) -> Result<Vec<Object>, Failure> {
        fn list<T: DeserializeOwned + Into<Object>>(
            cluster: &Cluster,
            resource: &Resource,
            query: Query<'_>,
        ) -> Result<Vec<Object>, Failure> {
            Ok(cluster.list::<T>(resource, query)?.into_iter().map(Into::into).collect())
        }
        match resource.plural {
            "applicationprofiles" => list::<runtimemap_crds::ApplicationProfile>(self, resource, query),
            "networkneighborhoods" => list::<runtimemap_crds::NetworkNeighborhood>(self, resource, query),
            "generatednetworkpolicies" => list::<runtimemap_crds::GeneratedNetworkPolicy>(self, resource, query),
            _ => list::<runtimemap_crds::SeccompProfile>(self, resource, query),
        }
    }

    fn one(&self, resource: &Resource, namespace: &str, name: &str) -> Result<Vec<Object>, Failure> {
        let fields = format!("metadata.name={name}");
        self.every(resource, Query { namespace: Some(namespace), labels: "", fields: &fields })
    }
}
