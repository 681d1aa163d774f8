//! What tells that a policy which was applied is older than what was learned since.

use std::process::Command;

use runtimemap_tests::space::{NEIGHBORHOOD, POLICY, PROFILE, Space};
use serde_json::Value;

use crate::shop::typed;

const FIRST: &str = "192.0.2.1";
const LATER: &str = "198.51.100.9";

/// What `kubectl runtimemap diff` finds between what is declared and what was learned: whether there is something, and in which words.
fn diff(space: &Space) -> (bool, String) {
    let plugin = std::env::var("RUNTIMEMAP_PLUGIN").expect("RUNTIMEMAP_PLUGIN is the plugin; make sets it");
    let output = Command::new(plugin).args(["diff", "deployment/web", "--only", "network", "-n", &space.name]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => (false, said),
        Some(1) => (true, said),
        _ => panic!("{said}"),
    }
}

fn apply(space: &Space) {
    typed(&format!("kubectl get generatednetworkpolicy -n {} deployment-web -o json | jq '.spec' | kubectl apply -f -", space.name));
}

/// The reason of the condition Current, with its status in front.
fn current(object: &Value) -> String {
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let found = conditions.iter().find(|condition| condition["type"] == "Current").cloned().unwrap_or_default();
    format!("{} {}", found["status"].as_str().unwrap_or_default(), found["reason"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn a_policy_that_is_older_than_what_was_learned_since_is_told_by_its_condition_and_by_diff() {
    let space = Space::new("since").await;
    let period = |period: &str| {
        let annotation = format!("runtimemap.io/learning-period={period}");
        space.kubectl(&["annotate", "--overwrite", "namespace", &space.name, &annotation], "");
    };
    period("5s");
    let deployment = include_str!("../e2e/manifests/rollout.yaml");
    space.apply(deployment);
    space.learned("deployment-web").await;
    space.until(POLICY, "deployment-web", "is generated", |policy| current(policy) == "True MadeAtCompletion").await;
    let (differs, said) = diff(&space);
    assert!(!differs, "{said}");
    apply(&space);
    let (differs, said) = diff(&space);
    assert!(!differs, "{said}");

    // A new version, which talks to somebody else, and is watched for as long as this test wants.
    period("1h");
    space.apply(&deployment.replace(FIRST, LATER));
    let talks = |neighborhood: &Value| neighborhood["spec"].to_string().contains(LATER);
    space.until(NEIGHBORHOOD, "deployment-web", "shows the new peer", talks).await;
    let older = |policy: &Value| current(policy) == "False LearnedSince";
    let policy = space.until(POLICY, "deployment-web", "says that it is older", older).await;
    assert!(!policy["spec"].to_string().contains(LATER));
    let (differs, said) = diff(&space);
    assert!(differs && said.contains(LATER), "{said}");

    // Once it is learned the policy is made anew; what was applied is as old as before.
    period("5s");
    let complete = |profile: &Value| profile["status"]["phase"] == "Complete";
    space.until(PROFILE, "deployment-web", "is complete again", complete).await;
    let renewed = |policy: &Value| current(policy) == "True MadeAtCompletion" && policy["spec"].to_string().contains(LATER);
    space.until(POLICY, "deployment-web", "is made anew", renewed).await;
    assert!(diff(&space).0, "the policy in force lacks what the generated one has");
    apply(&space);
    let (differs, said) = diff(&space);
    assert!(!differs, "{said}");
}
