//! An application of six workloads whose declarations are just what was learned, and what is planted in them.

use serde_json::json;

use crate::server::{Outcome, Server};

/// Its namespaces; the second is the client's.
fn sample(server: &Server, namespace: &str) -> String {
    let load = format!("{namespace}-load");
    server.kubectl(&["create", "namespace", namespace]);
    server.kubectl(&["create", "namespace", &load]);
    server.create(&include_str!("fixtures/sample.yaml").replace("SHOP", namespace).replace("LOAD", &load));
    load
}

fn differences(server: &Server, args: &str) -> Vec<String> {
    let Outcome { stdout, stderr, code } = server.runtimemap(args);
    let json: serde_json::Value = serde_json::from_str(&stdout).expect(&stderr);
    let list = json["differences"].as_array().unwrap();
    assert_eq!(code, Some(i32::from(!list.is_empty())), "{stdout}{stderr}");
    let line = |one: &serde_json::Value| {
        let text = |key: &str| one[key].as_str().unwrap();
        format!("{} {} {} {}", text("workload"), text("only"), text("path"), text("value"))
    };
    list.iter().map(line).collect()
}

#[test]
fn diff_finds_what_is_planted_in_an_application_of_six_workloads_and_nothing_else() {
    let server = Server::get();
    let load = sample(&server, "six");
    for namespace in ["six", &load] {
        let applied = server.runtimemap(&format!("policy apply -n {namespace} --yes"));
        assert_eq!(applied.code, Some(0), "{}", applied.stderr);
    }
    assert_eq!(differences(&server, "diff -n six -o json"), Vec::<String>::new());
    assert_eq!(differences(&server, &format!("diff -n {load} -o json")), Vec::<String>::new());

    let change = |kind: &str, name: &str, patch: serde_json::Value| {
        server.kubectl(&["patch", kind, name, "-n", "six", "--type=json", "-p", &json!([patch]).to_string()]);
    };
    // An allow rule that nothing uses.
    let unused = json!({"to": [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "retired"}}}], "ports": [{"port": 9200}]});
    change("networkpolicy", "runtimemap-deployment-api", json!({"op": "add", "path": "/spec/egress/-", "value": unused}));
    // No DNS rule: the generator puts it first.
    let policy = server.kubectl(&["get", "networkpolicy", "runtimemap-deployment-web", "-n", "six", "-o", "jsonpath={.spec.egress[0]}"]);
    assert!(policy.contains("kube-dns"), "{policy}");
    change("networkpolicy", "runtimemap-deployment-web", json!({"op": "remove", "path": "/spec/egress/0"}));
    // A capability that is not needed.
    let capability = "/spec/template/spec/containers/0/securityContext/capabilities/add";
    change("deployment", "redis", json!({"op": "add", "path": capability, "value": ["NET_ADMIN"]}));
    // Another port than it listens on.
    let port = "/spec/template/spec/containers/0/ports/0/containerPort";
    change("statefulset", "postgres", json!({"op": "replace", "path": port, "value": 5433}));

    assert_eq!(
        differences(&server, "diff -n six -o json"),
        [
            "Deployment/api declared network/egress pods app.kubernetes.io/name=retired on TCP 9200 (NetworkPolicy runtimemap-deployment-api)",
            "Deployment/redis declared containers/redis/capabilities NET_ADMIN",
            "Deployment/web learned network/egress the cluster's DNS on UDP 53",
            "StatefulSet/postgres declared containers/postgres/ports TCP 5433",
            "StatefulSet/postgres learned containers/postgres/ports TCP 5432",
        ]
    );
    assert_eq!(differences(&server, &format!("diff -n {load} -o json")), Vec::<String>::new());
}

#[test]
fn ciliums_own_definition_takes_the_policies() {
    let server = Server::get();
    let load = sample(&server, "dialect");
    server.create(&definition().to_string());
    server.kubectl(&["wait", "--for=condition=Established", "crd/ciliumnetworkpolicies.cilium.io", "--timeout=60s"]);
    for namespace in ["dialect", &load] {
        let Outcome { stdout, stderr, code } = server.runtimemap(&format!("policy export -n {namespace} --format cilium"));
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
        server.create(&stdout);
    }
    let get = |path: &str| server.kubectl(&["get", "ciliumnetworkpolicy", "-n", "dialect", "runtimemap-deployment-api", "-o", path]);
    assert_eq!(get("jsonpath={.spec.egress[*].toFQDNs[*].matchName}"), "smtp.example.com");
    assert_eq!(get("jsonpath={.spec.endpointSelector.matchLabels}"), r#"{"k8s:app.kubernetes.io/name":"api"}"#);
}

/// The CustomResourceDefinition with the schema that Cilium ships.
fn definition() -> serde_json::Value {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../policy/tests/network/cilium.schema.json");
    let mut spec: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    spec.as_object_mut().unwrap().remove("$comment");
    let schema = json!({"openAPIV3Schema": {"type": "object", "required": ["spec"], "properties": {"spec": spec}}});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "ciliumnetworkpolicies.cilium.io"},
        "spec": {
            "group": "cilium.io",
            "scope": "Namespaced",
            "names": {"kind": "CiliumNetworkPolicy", "plural": "ciliumnetworkpolicies", "singular": "ciliumnetworkpolicy"},
            "versions": [{"name": "v2", "served": true, "storage": true, "schema": schema}],
        },
    })
}
