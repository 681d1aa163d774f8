//! The committed definitions are those of the types.

use std::{fs, path::Path};

use runtimemap_crds::{definition::definitions, yaml};
use serde_json::Value;

#[test]
fn the_committed_definitions_are_those_of_the_types() {
    for (file, definition) in definitions().unwrap() {
        let committed = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap_or_default();
        assert!(
            committed == yaml::to_string(&definition).unwrap(),
            "crds/{file} is out of date; run `cargo run -p runtimemap-crds --example generate` and commit the result"
        );
    }
}

/// Calls with every schema of every kind and where it stands.
#[expect(clippy::unwrap_used, reason = "a test")]
fn each_schema(mut see: impl FnMut(&str, &Value)) {
    fn walk(path: &str, schema: &Value, see: &mut impl FnMut(&str, &Value)) {
        see(path, schema);
        for key in ["items", "additionalProperties"] {
            if let Some(inner) = schema.get(key) {
                walk(&format!("{path}[]"), inner, see);
            }
        }
        for (name, inner) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            walk(&format!("{path}.{name}"), inner, see);
        }
    }
    for (file, definition) in definitions().unwrap() {
        let definition = serde_json::to_value(definition).unwrap();
        let schema = definition.pointer("/spec/versions/0/schema/openAPIV3Schema").unwrap();
        walk(file, schema, &mut see);
    }
}

#[test]
fn o5_every_list_is_atomic_and_bounded() {
    let mut lists = 0;
    each_schema(|path, schema| {
        if schema["type"] == "array" {
            lists += 1;
            assert_eq!(schema["x-kubernetes-list-type"], "atomic", "{path}");
            // Selectors and maps of lists are Kubernetes' own and a handful.
            let foreign = path.contains("matchExpressions") || path.contains("syscallOrigins") || path.contains("syscallArchitectures");
            assert!(foreign || schema["maxItems"].is_u64() || schema["maxItems"].is_f64(), "{path} has no maxItems");
        }
    });
    assert!(lists > 40, "{lists}");
}

#[test]
fn schemas_have_nothing_that_kubernetes_refuses_or_fills_in_itself() {
    each_schema(|path, schema| {
        let any_of = schema.get("anyOf").is_some() && schema.get("x-kubernetes-int-or-string").is_none();
        assert!(!any_of && schema.get("oneOf").is_none() && schema.get("$ref").is_none(), "{path}");
        assert!(schema.get("default").is_none() && schema.get("nullable").is_none(), "{path}");
        let typed = schema["type"].is_string() || schema.get("x-kubernetes-int-or-string").is_some();
        assert!(typed, "{path} has no type");
        let format = schema["format"].as_str().unwrap_or("int32");
        assert!(["int32", "int64", "date-time", "cidr"].contains(&format), "{path}: {format}");
    });
}

#[test]
fn what_kubectl_explain_prints_is_written() {
    let own = ["apiVersion", "kind", "metadata"];
    each_schema(|path, schema| {
        let name = path.rsplit('.').next().unwrap();
        let embedded = path.contains(".spec.spec.") || path.contains(".spec.metadata") || path.contains("ipBlock");
        if path.contains('.') && !path.ends_with("[]") && !path.ends_with(".yaml") && !embedded && !own.contains(&name) {
            assert!(schema["description"].as_str().is_some_and(|text| text.len() > 10), "{path} has no description");
        }
    });
}

#[test]
fn every_kind_is_in_the_category_and_none_takes_anothers_short_name() {
    for (file, definition) in definitions().unwrap() {
        let names = definition.spec.names;
        assert_eq!(names.categories, Some(vec!["runtimemap".to_owned()]), "{file}");
        assert_eq!(names.short_names.unwrap_or_default(), Vec::<String>::new(), "{file}");
        assert_eq!(file, format!("{}.yaml", names.plural));
        // The mailboxes have no second door through which somebody else could write.
        let mailbox = file.starts_with("node");
        let status = definition.spec.versions[0].subresources.as_ref().is_some_and(|sub| sub.status.is_some());
        assert_eq!(status, !mailbox, "{file}");
        assert_eq!(definition.spec.scope, if mailbox { "Cluster" } else { "Namespaced" }, "{file}");
        assert!(definition.spec.versions[0].additional_printer_columns.as_ref().is_some_and(|columns| columns.len() >= 3), "{file}");
    }
}
