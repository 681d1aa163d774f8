//! Who talks to whom: every way to another pod, to a Service, to the node, to the API server, and out of the cluster.

use std::env;

use runtimemap_tests::{
    outside,
    space::{POD, POLICY, Space, node},
};
use serde_json::json;

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
async fn n16_behind_a_proxy_ports_are_those_that_clients_name() {
    let space = Space::new("proxied").await;
    space.apply(include_str!("manifests/proxied.yaml"));
    space.kubectl(&["wait", "--for=condition=Ready", "pod/proxied", "--timeout=120s"], "");
    space.apply(include_str!("manifests/asking.yaml"));
    space.until(POD, "asking", "succeeds", |pod| pod["status"]["phase"] == "Succeeded").await;
    assert_learned(&space, &["pod-proxied", "pod-asking"]).await;
    let generated = space.until(POLICY, "pod-proxied", "is there", |_| true).await;
    let ports: Vec<_> =
        generated["spec"]["spec"]["ingress"].as_array().unwrap().iter().filter_map(|rule| rule["ports"].as_array()).flatten().collect();
    assert_eq!(ports, [&json!({"port": 8080, "protocol": "TCP"}), &json!({"port": 8081, "protocol": "TCP"})]);
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
