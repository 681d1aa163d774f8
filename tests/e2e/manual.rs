//! What the manual tells people to type, as it stands there.

use std::process::Command;

use runtimemap_tests::space::{NEIGHBORHOOD, POLICY, PROFILE, SECCOMP, Space};

/// What a shell prints for a line of the manual.
fn typed(line: &str) -> String {
    let output = Command::new("bash").args(["-o", "pipefail", "-c", line]).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The columns of a table, and the row of one object without the last ones, which vary.
fn table(text: &str, space: &str, name: &str, varying: usize) -> String {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let row = text.lines().map(words).find(|line| line.starts_with(&format!("{space} {name} "))).unwrap_or_else(|| panic!("{text}"));
    let kept: Vec<&str> = row.split(' ').collect();
    format!("{}\n{}", words(text.lines().next().unwrap()), kept[..kept.len() - varying].join(" "))
}

#[tokio::test]
async fn maps_are_listed_and_shown_as_the_manual_says() {
    let space = Space::new("manual").await;
    space.apply(include_str!("manifests/manual.yaml"));
    space.learned("deployment-web").await;
    // The runtime's calls count with the others, and are not the same each time.
    let profiles = table(&typed("kubectl get applicationprofiles -A"), &space.name, "deployment-web", 2);
    insta::assert_snapshot!("applicationprofiles", profiles);
    insta::assert_snapshot!("networkneighborhoods", table(&typed("kubectl get networkneighborhoods -A"), &space.name, "deployment-web", 1));
    let shown = typed(&format!("kubectl get applicationprofile -n {} deployment-web -o yaml", space.name));
    let object: serde_json::Value = serde_saphyr::from_str(&shown).unwrap();
    let kept = space.until(PROFILE, "deployment-web", "is there", |_| true).await;
    assert_eq!((&object["spec"], object["spec"]["containers"][0]["opens"].is_array()), (&kept["spec"], true));
    let shown = typed(&format!("kubectl get networkneighborhood -n {} deployment-web -o yaml", space.name));
    let object: serde_json::Value = serde_saphyr::from_str(&shown).unwrap();
    assert_eq!(object["spec"], space.until(NEIGHBORHOOD, "deployment-web", "is there", |_| true).await["spec"]);
}

#[tokio::test]
async fn policies_are_listed_reviewed_and_applied_as_the_manual_says() {
    let space = Space::new("policies").await;
    space.apply(include_str!("manifests/manual.yaml"));
    space.learned("deployment-web").await;
    let policy = space.until(POLICY, "deployment-web", "is generated", |_| true).await;
    let seccomp = space.until(SECCOMP, "deployment-web", "is generated", |_| true).await;
    let of_space = |text: String| text.lines().any(|line| line.starts_with(&space.name) && line.contains("deployment-web"));
    assert!(of_space(typed("kubectl get generatednetworkpolicies -A")));
    assert!(of_space(typed("kubectl get seccompprofiles -A")));
    let shown = typed(&format!("kubectl get generatednetworkpolicy -n {} deployment-web -o yaml", space.name));
    assert_eq!(serde_saphyr::from_str::<serde_json::Value>(&shown).unwrap()["spec"], policy["spec"]);
    let shown = typed(&format!("kubectl get seccompprofile -n {} deployment-web -o yaml", space.name));
    assert_eq!(serde_saphyr::from_str::<serde_json::Value>(&shown).unwrap()["spec"], seccomp["spec"]);
    // Word for word, with the names put in.
    let apply =
        format!("kubectl get generatednetworkpolicy -n {} deployment-web \\\n  -o json | jq '.spec' | kubectl apply -f -", space.name);
    assert!(typed(&apply).contains("created"), "{apply}");
    assert!(typed(&apply).contains("unchanged"), "{apply}");
    let name = policy["spec"]["metadata"]["name"].as_str().unwrap();
    let applied = space.until(("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies"), name, "is there", |_| true).await;
    assert_eq!(applied["spec"], policy["spec"]["spec"]);
}
