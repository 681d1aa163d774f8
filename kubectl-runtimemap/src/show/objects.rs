//! The objects themselves, as kubectl prints them.

use anyhow::Context;
use runtimemap_crds::{GROUP, Object, yaml};
use serde_json::json;

use crate::{escape, map::Map};

/// A format for machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Objects {
    Yaml,
    Json,
    Name,
}

impl Objects {
    /// The objects of all maps in this format.
    pub(super) fn text(self, maps: &[Map]) -> anyhow::Result<String> {
        let objects: Vec<Object> = maps.iter().flat_map(Map::objects).collect();
        Ok(match self {
            Self::Yaml => escape::yaml(&yaml::to_stream(&objects)?).into_owned(),
            Self::Json => {
                // As kubectl does: one object alone, several as a list.
                let text = match objects.as_slice() {
                    [object] => serde_json::to_string_pretty(object),
                    objects => serde_json::to_string_pretty(&json!({
                        "apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": objects,
                    })),
                };
                escape::json(&text.context("failed to write JSON")?).into_owned() + "\n"
            }
            Self::Name => {
                objects.iter().map(|object| format!("{}.{GROUP}/{}\n", object.kind().to_lowercase(), escape::line(object.name()))).collect()
            }
        })
    }
}
