//! The CustomResourceDefinitions, from which `crds/*.yaml` are written.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{
    ApplicationProfile, GROUP, NetworkNeighborhood, NodeDirective, NodeObservation, VERSION, generated_network_policy, review::Review,
    seccomp_profile,
};

/// The definitions of all kinds, with the name of the file each is kept in.
///
/// # Errors
/// If a definition cannot be put together. A test holds that all can.
pub fn definitions() -> Result<Vec<(&'static str, CustomResourceDefinition)>, serde_json::Error> {
    Ok(vec![
        ("applicationprofiles.yaml", derived(ApplicationProfile::crd())?),
        ("generatednetworkpolicies.yaml", generated_network_policy::definition()?),
        ("networkneighborhoods.yaml", derived(NetworkNeighborhood::crd())?),
        ("nodedirectives.yaml", derived(NodeDirective::crd())?),
        ("nodeobservations.yaml", derived(NodeObservation::crd())?),
        ("seccompprofiles.yaml", seccomp_profile::definition()?),
    ])
}

fn derived(definition: CustomResourceDefinition) -> Result<CustomResourceDefinition, serde_json::Error> {
    let mut value = serde_json::to_value(definition)?;
    if let Some(versions) = value.pointer_mut("/spec/versions").and_then(Value::as_array_mut) {
        for version in versions {
            if let Some(schema) = version.pointer_mut("/schema/openAPIV3Schema") {
                structural(schema);
            }
        }
    }
    serde_json::from_value(value)
}

/// A kind whose objects bear a `review` of their own, written by people, beside what the controller writes: kube's derive knows only
/// spec and status.
pub(crate) struct Reviewed {
    pub(crate) kind: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) singular: &'static str,
    pub(crate) description: &'static str,
    /// Columns of `kubectl get` before Age.
    pub(crate) columns: Vec<Value>,
    /// Fields that lists can be cut by.
    pub(crate) selectable: &'static [&'static str],
    pub(crate) spec: Value,
    pub(crate) status: Value,
}

impl Reviewed {
    /// # Errors
    /// Only if what is put together is no definition, which a test rules out.
    pub(crate) fn definition(self) -> Result<CustomResourceDefinition, serde_json::Error> {
        let Self { kind, plural, singular, description, mut columns, selectable, spec, status } = self;
        columns.push(column("Age", "date", ".metadata.creationTimestamp", ""));
        let mut version = json!({
            "name": VERSION,
            "served": true,
            "storage": true,
            "subresources": {"status": {}},
            "additionalPrinterColumns": columns,
            "schema": {"openAPIV3Schema": {
                "description": description,
                "type": "object",
                "required": ["spec"],
                "properties": {
                    "apiVersion": {"type": "string"},
                    "kind": {"type": "string"},
                    "metadata": {"type": "object"},
                    "spec": spec,
                    "review": schema_of::<Review>(),
                    "status": status,
                },
            }},
        });
        if !selectable.is_empty() {
            version["selectableFields"] = selectable.iter().map(|path| json!({"jsonPath": path})).collect();
        }
        serde_json::from_value(json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{plural}.{GROUP}")},
            "spec": {
                "group": GROUP,
                "scope": "Namespaced",
                "names": {
                    "plural": plural, "singular": singular, "kind": kind, "listKind": format!("{kind}List"), "categories": ["runtimemap"],
                },
                "versions": [version],
            },
        }))
    }
}

/// A column of `kubectl get`. Without a description where the name says it all.
pub(crate) fn column(name: &str, type_: &str, path: &str, description: &str) -> Value {
    let mut column = json!({"name": name, "type": type_, "jsonPath": path});
    if !description.is_empty() {
        column["description"] = json!(description);
    }
    column
}

/// The schema that kube's derive would make of a type, as Kubernetes wants it.
pub(crate) fn schema_of<T: JsonSchema>() -> Value {
    let mut schema = SchemaSettings::openapi3()
        .with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        })
        .with_transform(kube::core::schema::StructuralSchemaRewriter)
        .with_transform(kube::core::schema::OptionalEnum)
        .with_transform(kube::core::schema::OptionalIntOrString)
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value();
    structural(&mut schema);
    schema
}

/// Makes a schema what Kubernetes wants, whatever the derive wrote.
///
/// Lists are atomic: one writer replaces them whole, and managedFields stays small (O5). Integer formats are those that
/// Kubernetes knows. What is optional is left out when empty, never null.
fn structural(schema: &mut Value) {
    let Value::Object(map) = schema else { return };
    if map.get("type") == Some(&json!("array")) {
        map.insert("x-kubernetes-list-type".to_owned(), json!("atomic"));
    }
    integer_format(map);
    // Filled in by the server, a default would make what is read differ from what was written (O5, O6).
    map.remove("default");
    map.remove("nullable");
    map.remove("$schema");
    map.remove("title");
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = map.get_mut(key) {
            structural(inner);
        }
    }
    if let Some(Value::Object(properties)) = map.get_mut("properties") {
        properties.values_mut().for_each(structural);
    }
}

fn integer_format(map: &mut Map<String, Value>) {
    let known = match map.get("format").and_then(Value::as_str) {
        Some("uint8" | "uint16" | "int8" | "int16") => "int32",
        // A value above i32::MAX must pass.
        Some("uint32" | "uint64" | "uint" | "int") => "int64",
        _ => return,
    };
    map.insert("format".to_owned(), json!(known));
    map.entry("minimum").or_insert(json!(0));
    // The derive writes bounds as floating point numbers.
    for bound in ["minimum", "maximum"] {
        if let Some(whole) = map.get(bound).and_then(Value::as_f64) {
            map.insert(bound.to_owned(), json!(whole as i64));
        }
    }
}
