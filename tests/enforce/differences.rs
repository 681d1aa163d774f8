//! What `kubectl runtimemap diff` finds between the shop as it is declared and as it was learned.

use std::process::Command;

use serde_json::{Value, json};

use crate::shop::{Shop, typed};

/// Once policies and advice are applied nothing differs; then what is planted does, and nothing else. Gives how many lines it was.
pub(crate) fn planted_ones_are_found_and_nothing_else(shop: &Shop) -> usize {
    let namespace = &shop.space.name;
    typed(&format!("kubectl get generatednetworkpolicies -n {namespace} -o json | jq '.items[].spec' | kubectl apply -f -"));
    assert_eq!(found(namespace), Vec::<String>::new());

    let change = |resource: &str, patch: Value| {
        shop.space.kubectl(&["patch", resource, "--type=json", "-p", &json!([patch]).to_string()], "");
    };
    let unused = json!({"to": [{"podSelector": {"matchLabels": {"app": "retired"}}}], "ports": [{"port": 9200}]});
    change("networkpolicy/runtimemap-deployment-api", json!({"op": "add", "path": "/spec/egress/-", "value": unused}));
    // The generator puts it first.
    let first = shop.space.kubectl(&["get", "networkpolicy", "runtimemap-deployment-web", "-o", "jsonpath={.spec.egress[0]}"], "");
    assert!(first.contains("kube-dns") && first.contains("53"), "{first}");
    change("networkpolicy/runtimemap-deployment-web", json!({"op": "remove", "path": "/spec/egress/0"}));
    let container = "/spec/template/spec/containers/0";
    let capability = json!({"op": "add", "path": format!("{container}/securityContext/capabilities/add"), "value": ["NET_ADMIN"]});
    change("deployment/redis", capability);
    change("statefulset/postgres", json!({"op": "replace", "path": format!("{container}/ports/0/containerPort"), "value": 5433}));
    let found = found(namespace);
    assert_eq!(
        found,
        [
            "Deployment/api declared network/egress pods app=retired on TCP 9200 (NetworkPolicy runtimemap-deployment-api)",
            "Deployment/redis declared containers/redis/capabilities NET_ADMIN",
            "Deployment/web learned network/egress the cluster's DNS on UDP 53",
            "StatefulSet/postgres declared containers/postgres/ports TCP 5433",
            "StatefulSet/postgres learned containers/postgres/ports TCP 5432",
        ]
    );
    found.len()
}

fn found(namespace: &str) -> Vec<String> {
    let plugin = std::env::var("RUNTIMEMAP_PLUGIN").expect("RUNTIMEMAP_PLUGIN is the plugin; make sets it");
    let output = Command::new(plugin).args(["diff", "-n", namespace, "-o", "json"]).output().unwrap();
    let json: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let list = json["differences"].as_array().unwrap();
    assert_eq!(output.status.code(), Some(i32::from(!list.is_empty())));
    let line = |one: &Value| {
        let text = |key: &str| one[key].as_str().unwrap();
        format!("{} {} {} {}", text("workload"), text("only"), text("path"), text("value"))
    };
    list.iter().map(line).collect()
}
