//! Settings that cannot be, and another leader, while everything runs: nothing of it takes effect, so other scenarios notice nothing.

use runtimemap_tests::space::{POLICY, PROFILE, Space, kubectl, wait_until};
use serde_json::Value;

use crate::{
    alone::settings::install,
    bed::{Bed, SYSTEM},
    deposed::Deposed,
};

#[tokio::test]
async fn a_bad_setting_is_refused_the_next_leader_has_the_old_ones_and_the_one_before_writes_nothing_late() {
    let config = kubectl(&["-n", SYSTEM, "get", "configmap", "runtimemap-settings", "-o", "json"], "");
    let mut map: Value = serde_json::from_str(&config).unwrap();
    let server = ["managedFields", "resourceVersion", "uid", "creationTimestamp"];
    map["metadata"].as_object_mut().unwrap().retain(|field, _| !server.contains(&field.as_str()));
    let key = map["data"].as_object().unwrap().keys().next().unwrap().clone();
    let good = map["data"][&key].as_str().unwrap().to_owned();
    let bad = good.replace("30s", "thirty");
    assert_ne!(bad, good);
    let mut write = |text: &str| {
        map["data"][&key] = text.into();
        // As the chart's own, or the next upgrade would find somebody else's change.
        kubectl(&["apply", "--server-side", "--force-conflicts", "--field-manager=helm", "-f", "-"], &map.to_string());
    };
    write(&bad);
    let events = || kubectl(&["-n", SYSTEM, "get", "events", "-o", "jsonpath={range .items[*]}{.message}{\"\\n\"}{end}"], "");
    let said = wait_until("an Event", || events().lines().find(|line| line.contains("settings refused")).map(str::to_owned)).await;
    assert!(said.contains("thirty") && said.contains("the old ones stay in force"), "{said}");
    let space = Space::new("refused").await;
    space.apply(include_str!("manifests/first.yaml"));
    space.until(PROFILE, "pod-first", "is there", |_| true).await;
    // Whoever leads next has never read others, and goes on with these: a period of 30 seconds, and policies.
    let deposed = if Bed::own().is_some() { Some(Deposed::leader().await) } else { None };
    let [before, _] = space.learned("pod-first").await;
    space.until(POLICY, "pod-first", "is made", |_| true).await;
    if let Some(deposed) = deposed {
        deposed.goes_on().await;
    }
    let [after, _] = space.learned("pod-first").await;
    assert_eq!(before["spec"], after["spec"]);
    assert_eq!(before["status"], after["status"]);
    write(&good);
    // The chart does not even begin with one.
    assert!(!install(&["nodeAgent.learningPeriod=thirty"]));
}
