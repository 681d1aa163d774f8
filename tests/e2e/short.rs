//! Containers that live for a moment.

use runtimemap_tests::space::Space;

use crate::{acts, snapshot::assert_learned};

#[tokio::test]
async fn every_act_of_a_job_that_lives_for_a_moment_is_in_its_profile() {
    let space = Space::new("short").await;
    space.apply(include_str!("manifests/short.yaml"));
    let [profile, neighborhood] = space.learned("job-blink").await;
    acts::assert_complete(&profile, &neighborhood, &["/acts", "5", "192.0.2.1"]);
    assert_learned(&space, &["job-blink"]).await;
}
