//! Who talks to whom: every way to another pod, to a Service, to the node, to the API server, and out of the cluster.

use std::env;

use runtimemap_tests::{
    outside,
    space::{POD, Space, node},
};

use crate::snapshot::assert_learned;

#[tokio::test]
async fn every_peer_is_called_by_its_name_and_every_port_is_the_one_that_policies_see() {
    let space = Space::new("network").await;
    outside::serve();
    let outside = env::var("OUTSIDE").expect("OUTSIDE is an address of this machine that pods reach; run.sh sets it");
    space.apply(&include_str!("manifests/servers.yaml").replace("OUTSIDE", &outside));
    space.kubectl(&["rollout", "status", "deployment/web", "deployment/echo", "--timeout=120s"], "");
    let service = space.kubectl(&["get", "service", "web", "-o", "jsonpath={.spec.clusterIP}"], "");
    space.apply(&include_str!("manifests/clients.yaml").replace("WEB", &service));
    let node = node();
    assert!(outside::ask(node, 30080, "/health") && outside::ask(node, 30081, "/health"), "the NodePorts of {node} do not answer");
    let clients = [
        "by-service",
        "by-service-v6",
        "by-headless",
        "to-by-hand",
        "by-other-name",
        "to-outside",
        "to-outside-v6",
        "to-api",
        "refused",
        "resolver",
        "host",
        "by-udp",
    ];
    for client in clients {
        space.until(POD, client, "succeeds", |pod| pod["status"]["phase"] == "Succeeded").await;
    }
    let mut names: Vec<String> = clients.iter().map(|client| format!("pod-{client}")).collect();
    names.extend(["deployment-web", "deployment-echo"].map(str::to_owned));
    assert_learned(&space, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
}

#[tokio::test]
async fn n18_a_pod_that_answers_its_own_question_names_nobody() {
    let space = Space::new("forger").await;
    outside::serve();
    let outside = env::var("OUTSIDE").expect("OUTSIDE is an address of this machine that pods reach; run.sh sets it");
    space.apply(&include_str!("manifests/forger.yaml").replace("OUTSIDE", &outside));
    space.until(POD, "forger", "succeeds", |pod| pod["status"]["phase"] == "Succeeded").await;
    let [_, neighborhood] = space.learned("pod-forger").await;
    let egress = neighborhood["spec"]["containers"][0]["egress"].as_array().unwrap();
    let there = egress.iter().find(|peer| peer["ipAddresses"][0] == outside.as_str()).unwrap_or_else(|| panic!("{egress:?}"));
    assert_eq!((&there["peer"]["class"], &there["outcome"]), (&"World".into(), &"established".into()));
    assert!(!neighborhood.to_string().contains("github.com"), "{neighborhood}");
}
