//! One workload of each kind that runs pods: whose the map is, and that it goes with its workload.

use runtimemap_tests::space::{NEIGHBORHOOD, PROFILE, Space};

use crate::snapshot::assert_learned;

#[tokio::test]
async fn a_map_is_of_the_highest_controller_of_a_known_kind() {
    let space = Space::new("controllers").await;
    space.apply(include_str!("manifests/controllers.yaml"));
    space.kubectl(&["create", "job", "report-now", "--from=cronjob/report"], "");
    let names = [
        "deployment-web",
        "statefulset-db",
        "daemonset-everywhere",
        "replicaset-alone",
        "replicationcontroller-old",
        "job-once",
        "cronjob-report",
        "pod-bare",
        "pod-unlabelled",
    ];
    assert_learned(&space, &names).await;
    // Deleting the workload deletes its map.
    space.kubectl(&["delete", "deployment/web", "pod/bare", "--wait=false"], "");
    for name in ["deployment-web", "pod-bare"] {
        space.until_gone(PROFILE, name).await;
        space.until_gone(NEIGHBORHOOD, name).await;
    }
}
