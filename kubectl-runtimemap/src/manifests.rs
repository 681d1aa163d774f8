//! Kubernetes manifests from files, directories and kustomizations.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use serde_json::Value;

use crate::source::Source;

/// Files that a directory may hold, by the ends of their names: as kubectl takes them.
const EXTENSIONS: [&str; 3] = ["json", "yaml", "yml"];

/// All objects of the paths, in order; those of lists one by one.
pub(crate) fn read(paths: &[PathBuf]) -> anyhow::Result<Vec<Value>> {
    let mut objects = Vec::new();
    for path in paths {
        if path.is_dir() {
            let mut files = Vec::new();
            collect(path, &mut files)?;
            if files.is_empty() {
                bail!("{} holds no manifest: no file ends in .yaml, .yml or .json", path.display());
            }
            for file in files {
                objects.extend(parse(&Source::from(file.clone()).text()?, &file.display().to_string())?);
            }
        } else {
            let source = Source::from(path.clone());
            objects.extend(parse(&source.text()?, &source.to_string())?);
        }
    }
    Ok(objects)
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = fs::read_dir(directory).with_context(|| format!("failed to read {}", directory.display()))?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    paths.sort();
    for path in paths {
        // A link that leads back up would have no end.
        if path.is_dir() && !path.is_symlink() {
            collect(&path, files)?;
        } else if path.extension().and_then(|extension| extension.to_str()).is_some_and(|extension| EXTENSIONS.contains(&extension)) {
            files.push(path);
        }
    }
    Ok(())
}

/// The objects that `kubectl kustomize` makes of a directory.
pub(crate) fn kustomize(directory: &Path) -> anyhow::Result<Vec<Value>> {
    let output = Command::new("kubectl").arg("kustomize").arg(directory).output().context("failed to run kubectl kustomize")?;
    if !output.status.success() {
        bail!("kubectl kustomize {} failed: {}", directory.display(), String::from_utf8_lossy(&output.stderr).trim());
    }
    let text = String::from_utf8(output.stdout).context("what kubectl kustomize printed is not text")?;
    parse(&text, &format!("kustomization {}", directory.display()))
}

/// The objects of a stream of documents.
fn parse(text: &str, name: &str) -> anyhow::Result<Vec<Value>> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).map_err(|error| {
        let error = error.without_snippet().to_string();
        anyhow::anyhow!("{name} is no YAML: {}", error.lines().next().unwrap_or_default())
    })?;
    let mut objects = Vec::new();
    for document in documents {
        match document {
            Value::Null => {}
            Value::Object(mut fields) if fields.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List")) => {
                match fields.remove("items") {
                    Some(Value::Array(items)) => objects.extend(items),
                    _ => bail!("{name}: a list has no items"),
                }
            }
            Value::Object(fields) if fields.contains_key("kind") => objects.push(Value::Object(fields)),
            _ => bail!("{name} holds something without a kind, which is no manifest"),
        }
    }
    Ok(objects)
}

/// The NetworkPolicies among the objects; those without a namespace are of this one.
pub(crate) fn network_policies(objects: &[Value], namespace: &str) -> anyhow::Result<Vec<NetworkPolicy>> {
    let policies = objects.iter().filter(|object| {
        object["kind"] == "NetworkPolicy" && object["apiVersion"].as_str().is_some_and(|version| version.starts_with("networking.k8s.io/"))
    });
    policies
        .map(|object| {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            let mut policy: NetworkPolicy =
                serde_json::from_value(object.clone()).with_context(|| format!("NetworkPolicy {name:?} is malformed"))?;
            policy.metadata.namespace.get_or_insert_with(|| namespace.to_owned());
            Ok(policy)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    #[test]
    fn lists_are_taken_apart_and_empty_documents_passed_over() {
        let text = "---\nkind: A\n---\n# nothing\n---\nkind: BList\nitems: [{kind: B}, {kind: B}]\n";
        let kinds: Vec<Value> = parse(text, "x").unwrap().into_iter().map(|object| object["kind"].clone()).collect();
        assert_eq!(kinds, ["A", "B", "B"]);
        assert!(parse("a: b", "x").unwrap_err().to_string().contains("without a kind"));
        assert!(parse("a: [", "x").unwrap_err().to_string().starts_with("x is no YAML"));
    }

    #[test]
    fn a_policy_without_a_namespace_is_of_the_one_given() {
        let objects = parse("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\n---\nkind: Pod\n", "x").unwrap();
        let policies = network_policies(&objects, "shop").unwrap();
        assert_eq!(policies[0].metadata.namespace.as_deref(), Some("shop"));
        assert_eq!(policies.len(), 1);
    }

    #[test]
    fn any_text_is_manifests_or_an_error() {
        const LANGUAGE: &[&str] = &[
            "kind: ", "Pod", "List", "items: ", "- ", "[", "]", "{", "}", ", ", "\n", "  ", "---\n", "...\n", "&a ", "*a", "!!str ", "<<: ",
        ];
        fuzz::run(&fuzz::words(LANGUAGE), |text| {
            if let Ok(objects) = parse(&text, "x") {
                let _ = network_policies(&objects, "shop");
            }
        });
    }
}
