//! The sample application with the advice on its securityContext.

use runtimemap_crds::ApplicationProfile;
use runtimemap_policy::security_context::{Known, advise};
use runtimemap_tests::space::PROFILE;

use crate::{
    differences,
    shop::{Shop, WORKLOADS, Workload, value},
};

#[tokio::test]
async fn t5_the_application_runs_on_with_every_capability_dropped_but_those_it_used() {
    let shop = Shop::learned("capabilities").await;
    let mut added = Vec::new();
    for Workload { resource, object, .. } in WORKLOADS {
        let profile = shop.space.until(PROFILE, object, "is there", |_| true).await;
        let profile: ApplicationProfile = serde_json::from_value(profile).unwrap();
        let patch = advise(&profile, &Known::default()).patch.to_string();
        shop.space.kubectl(&["patch", resource, "--type=strategic", "-p", &patch], "");
        let template = if resource.starts_with("cronjob") { "{.spec.jobTemplate.spec.template" } else { "{.spec.template" };
        let context = |field: &str| value(&shop.space, resource, &format!("{template}.spec.containers[0].securityContext.{field}}}"));
        assert_eq!(context("capabilities.drop"), "[\"ALL\"]");
        added.push(format!("{resource} {}", context("capabilities.add")));
    }
    shop.rolled_out().await;
    shop.load("capabilities").await;
    shop.assert_ready();
    let lines = differences::planted_ones_are_found_and_nothing_else(&shop);
    eprintln!("FIGURE capabilities: all dropped; added and enough: {}", added.join(", "));
    eprintln!("FIGURE diff: {lines} lines for 4 planted differences, none before");
}
