//! The sample application under the policies that were generated from it.

use runtimemap_policy::network::{Directions, default_deny};
use runtimemap_tests::space::{NEIGHBORHOOD, POD, kubectl};
use serde_json::Value;

use crate::{
    enforcer::{Denied, Enforcer},
    shop::{Shop, WORKLOADS, Workload, typed, value},
};

/// Probes that have to get through while the load runs.
const PROBES: u64 = 20;

/// Takes the generated policies as the manual says, and closes the namespace.
fn apply(shop: &Shop) {
    let namespace = &shop.space.name;
    for Workload { object, .. } in WORKLOADS {
        typed(&format!("kubectl get generatednetworkpolicy -n {namespace} {object} -o json | jq '.spec' | kubectl apply -f -"));
    }
    kubectl(&["apply", "-f", "-"], &serde_json::to_string(&default_deny(namespace, Directions::Both)).unwrap());
}

/// Ports of peers that were recorded, of all workloads.
async fn recorded(shop: &Shop) -> usize {
    let mut count = 0;
    for Workload { object, .. } in WORKLOADS {
        let neighborhood = shop.space.until(NEIGHBORHOOD, object, "is there", |_| true).await;
        let peers = |direction: &str| neighborhood["spec"]["containers"][0][direction].as_array().cloned().unwrap_or_default();
        count += peers("ingress").iter().chain(&peers("egress")).filter_map(|peer| peer["ports"].as_array()).map(Vec::len).sum::<usize>();
    }
    count
}

/// Tries to connect from within a pod; whether it was refused.
fn is_refused(shop: &Shop, from: &str, address: &str, port: u16) -> bool {
    let script = format!(
        "import socket\ns = socket.socket()\ns.settimeout(30)\ntry:\n    s.connect(('{address}', {port}))\n    print('answered')\nexcept ConnectionRefusedError:\n    print('refused')"
    );
    match shop.space.kubectl(&["exec", from, "--", "/usr/bin/python3", "-B", "-c", &script], "").trim() {
        "refused" => true,
        "answered" => false,
        other => panic!("{from} to {address}:{port}: {other}"),
    }
}

#[tokio::test]
async fn t5_the_application_runs_on_under_its_own_policies_and_what_was_never_seen_is_denied() {
    let shop = Shop::learned("packets").await;
    let enforcer = Enforcer::start();
    apply(&shop);
    let rules = enforcer.caught_up().await;
    let ready = shop.assert_ready();
    let before = enforcer.counts();
    assert_eq!(before.denied, [].into(), "denied before anything was done");

    shop.load("enforced").await;
    let probed = enforcer.counts().node + PROBES;
    shop.until("the kubelet's probes come through", || enforcer.counts().node >= probed).await;
    let after = enforcer.counts();
    let (flows, probes) = (after.opened - before.opened, after.node - before.node);
    eprintln!(
        "FIGURE enforced: {} recorded flows, {} policies with {rules} rules; under load {flows} connections opened, {} denied, {probes} probes came through",
        recorded(&shop).await,
        WORKLOADS.len() + 1,
        after.denials()
    );
    assert_eq!(after.denied, [].into());
    assert_eq!(shop.assert_ready(), ready, "a probe failed");
    assert!(flows > 20, "{flows} connections are less than the load opens: they do not pass the rules");

    // What nobody ever did: from a pod that may do other things, by its own egress.
    let web = value(&shop.space, "pods", "{.items[?(@.metadata.labels.app==\"web\")].status.podIP}");
    let web = web.split(' ').next().unwrap();
    let api = value(&shop.space, "pods", "{.items[?(@.metadata.labels.app==\"api\")].status.podIP}");
    assert!(is_refused(&shop, "deployment/api", web, 8080), "api reaches web, which it never did");
    let planted = Denied { from: api.parse().unwrap(), to: web.parse().unwrap(), protocol: "tcp".to_owned(), port: 8080 };
    assert_eq!(enforcer.counts().denied, [(planted.clone(), 1)].into());

    // And from one that no policy but its destination's stops.
    let redis = value(&shop.space, "pods", "{.items[?(@.metadata.labels.app==\"redis\")].status.podIP}");
    let stranger = runtimemap_tests::space::Space::new("stranger").await;
    stranger.apply(include_str!("../manifests/stranger.yaml"));
    let stands = |pod: &Value| pod["status"]["phase"] == "Running";
    let pod = stranger.until(POD, "stranger", "runs", stands).await;
    enforcer.caught_up().await;
    let said =
        stranger.kubectl(&["exec", "stranger", "--", "/bin/sh", "-c", &format!("nc -w 30 {redis} 6379 </dev/null 2>&1 || true")], "");
    assert!(said.contains("refused"), "{said}");
    let from = pod["status"]["podIP"].as_str().unwrap().parse().unwrap();
    let strange = Denied { from, to: redis.parse().unwrap(), protocol: "tcp".to_owned(), port: 6379 };
    assert_eq!(enforcer.counts().denied, [(planted, 1), (strange, 1)].into());

    // New ReplicaSets, new pods, new addresses.
    shop.restart();
    shop.rolled_out().await;
    enforcer.caught_up().await;
    let before = enforcer.counts();
    shop.load("rolled-out").await;
    let after = enforcer.counts();
    eprintln!(
        "FIGURE rolled out: {} connections opened, {} denied, {} packets of pods too new to be heard of kept waiting",
        after.opened - before.opened,
        after.denials() - 2,
        after.waiting
    );
    assert_eq!(after.denials(), 2, "{:?}", after.denied);
}
