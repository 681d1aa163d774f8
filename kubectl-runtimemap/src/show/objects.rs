//! The objects themselves, as kubectl prints them.

use anyhow::{Context, bail};
use runtimemap_crds::{GROUP, Object, yaml};
use serde_json::{Value, json};

use crate::{
    escape,
    map::Map,
    template::{Columns, Template},
};

/// A format for machines.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Objects {
    Yaml,
    Json,
    Name,
    JsonPath(Template),
    CustomColumns(Columns),
}

impl Objects {
    /// Reads what stands after -o. None is a format for a person: none, or `wide`.
    pub(crate) fn parse(format: &str) -> anyhow::Result<Option<Self>> {
        let (kind, template) = format.split_once('=').map_or((format, None), |(kind, template)| (kind, Some(template)));
        Ok(Some(match (kind, template) {
            ("wide", None) => return Ok(None),
            ("yaml", None) => Self::Yaml,
            ("json", None) => Self::Json,
            ("name", None) => Self::Name,
            ("jsonpath", Some(template)) => Self::JsonPath(Template::parse(template)?),
            ("custom-columns", Some(columns)) => Self::CustomColumns(Columns::parse(columns)?),
            ("jsonpath" | "custom-columns", None) => bail!("-o {kind} needs a template: -o {kind}=TEMPLATE"),
            _ => bail!(
                "unable to match a printer suitable for the output format {format:?}, allowed formats are: custom-columns=…,json,jsonpath=…,name,wide,yaml"
            ),
        }))
    }

    /// The objects of all maps in this format.
    pub(super) fn text(&self, maps: &[Map]) -> anyhow::Result<String> {
        let objects: Vec<Object> = maps.iter().flat_map(Map::objects).collect();
        Ok(match self {
            Self::Yaml => escape::yaml(&yaml::to_stream(&objects)?).into_owned(),
            Self::Json => {
                escape::json(&serde_json::to_string_pretty(&value(&objects)?).context("failed to write JSON")?).into_owned() + "\n"
            }
            Self::Name => {
                objects.iter().map(|object| format!("{}.{GROUP}/{}\n", object.kind().to_lowercase(), escape::line(object.name()))).collect()
            }
            Self::JsonPath(template) => template.text(&value(&objects)?)?,
            Self::CustomColumns(columns) => {
                let values = objects.iter().map(serde_json::to_value).collect::<Result<Vec<Value>, _>>().context("failed to write JSON")?;
                columns.text(&values)?
            }
        })
    }
}

/// As kubectl has it: one object alone, several as a list.
fn value(objects: &[Object]) -> anyhow::Result<Value> {
    match objects {
        [object] => serde_json::to_value(object),
        objects => Ok(json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": objects})),
    }
    .context("failed to write JSON")
}
