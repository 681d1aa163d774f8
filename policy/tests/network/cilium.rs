//! CiliumNetworkPolicies: what they say more than a NetworkPolicy, and that Cilium's own definition takes them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use proptest::prelude::*;
use runtimemap_crds::{Neighbor, Peer, PeerClass, Protocol};
use runtimemap_policy::network::{Options, cilium, generate};
use serde_json::{Value, json};

use crate::{
    addresses::neighbors,
    pitfalls::{neighborhood, port, workload, world},
};

/// Of Cilium's definition, what a structural schema checks; patterns are not.
fn refused(schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut why = Vec::new();
    for (keyword, rule) in schema.as_object().unwrap() {
        let is_required =
            |alternative: &Value| alternative["required"].as_array().unwrap().iter().all(|key| value.get(key.as_str().unwrap()).is_some());
        let holds = match keyword.as_str() {
            "type" => match rule.as_str().unwrap() {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "integer" => value.is_i64(),
                "boolean" => value.is_boolean(),
                other => panic!("a type that is not checked: {other}"),
            },
            "enum" => rule.as_array().unwrap().contains(value),
            "required" => rule.as_array().unwrap().iter().all(|key| value.get(key.as_str().unwrap()).is_some()),
            "anyOf" => rule.as_array().unwrap().iter().any(is_required),
            "oneOf" => rule.as_array().unwrap().iter().filter(|one| is_required(one)).count() == 1,
            "maxItems" => value.as_array().unwrap().len() <= usize::try_from(rule.as_u64().unwrap()).unwrap(),
            "maxLength" => value.as_str().unwrap().len() <= usize::try_from(rule.as_u64().unwrap()).unwrap(),
            "minimum" => value.as_i64() >= rule.as_i64(),
            "maximum" => value.as_i64() <= rule.as_i64(),
            "items" => {
                for (place, item) in value.as_array().into_iter().flatten().enumerate() {
                    why.extend(refused(rule, item, &format!("{at}[{place}]")));
                }
                true
            }
            "properties" => {
                for (key, inner) in value.as_object().into_iter().flatten() {
                    match rule.get(key) {
                        Some(property) => why.extend(refused(property, inner, &format!("{at}.{key}"))),
                        None => why.push(format!("{at}.{key}: unknown field")),
                    }
                }
                true
            }
            "additionalProperties" => {
                for (key, inner) in value.as_object().into_iter().flatten() {
                    why.extend(refused(rule, inner, &format!("{at}.{key}")));
                }
                true
            }
            "$comment" | "pattern" | "format" | "x-kubernetes-list-type" | "x-kubernetes-map-type" => true,
            other => panic!("a keyword that is not checked: {other}"),
        };
        if !holds {
            why.push(format!("{at}: {keyword} does not hold"));
        }
    }
    why
}

fn check(policy: &Value) -> Vec<String> {
    let schema = serde_json::from_str(include_str!("cilium.schema.json")).unwrap();
    refused(&schema, &policy["spec"], "spec")
}

fn spec(ingress: Vec<Neighbor>, egress: Vec<Neighbor>) -> (Value, Vec<String>) {
    let generated = generate(&neighborhood(ingress, egress), &Options::default());
    let dialect = cilium(&generated.policy, &generated.status.rules);
    assert_eq!(check(&dialect.policy), Vec::<String>::new());
    (dialect.policy["spec"].clone(), dialect.notes)
}

fn class(class: PeerClass, address: &str, ports: Vec<runtimemap_crds::NeighborPort>) -> Neighbor {
    Neighbor { peer: Peer { class, ..Peer::default() }, ..world(address, ports) }
}

#[test]
fn n5_what_has_a_name_is_allowed_by_its_name_and_dns_goes_through_the_proxy() {
    let named = Neighbor { dns_names: vec!["api.example.com.".into()], ..world("203.0.113.7", vec![port(Protocol::TCP, 443)]) };
    let dns = Neighbor { ip_addresses: Vec::new(), ..class(PeerClass::ClusterDNS, "10.96.0.10", vec![port(Protocol::UDP, 53)]) };
    let (spec, notes) = spec(Vec::new(), vec![named.clone(), dns]);
    assert_eq!(spec["egress"][1]["toFQDNs"], json!([{"matchName": "api.example.com"}]));
    assert_eq!(spec["egress"][1]["toPorts"], json!([{"ports": [{"port": "443", "protocol": "TCP"}]}]));
    assert_eq!(spec["egress"][0]["toPorts"][0]["rules"], json!({"dns": [{"matchPattern": "*"}]}));
    let labels = json!({"k8s:k8s-app": "kube-dns", "k8s:io.kubernetes.pod.namespace": "kube-system"});
    assert_eq!(spec["egress"][0]["toEndpoints"], json!([{"matchLabels": labels}]));
    assert!(notes.iter().any(|note| note.starts_with("api.example.com by name")) && notes.len() == 1);
    let (_, notes) = self::spec(Vec::new(), vec![named]);
    assert!(notes.iter().any(|note| note.starts_with("no rule allows DNS")));
}

#[test]
fn n5_what_is_no_name_for_cilium_stays_an_address() {
    let named = |name: &str| Neighbor { dns_names: vec![name.to_owned()], ..world("203.0.113.7", vec![port(Protocol::TCP, 443)]) };
    for name in ["api example.com.", ".", &format!("{}.com", "x".repeat(260))] {
        let (spec, _) = spec(Vec::new(), vec![named(name)]);
        assert_eq!(spec["egress"][0]["toCIDRSet"], json!([{"cidr": "203.0.113.7/32"}]), "{name}");
    }
}

#[test]
fn expressions_keep_their_values() {
    let expression = |key: &str, operator: &str, values: &[&str]| LabelSelectorRequirement {
        key: key.to_owned(),
        operator: operator.to_owned(),
        values: (!values.is_empty()).then(|| values.iter().map(|value| (*value).to_owned()).collect()),
    };
    let expressions = vec![expression("app", "In", &["db", "cache"]), expression("tier", "Exists", &[])];
    let pod_selector = Some(LabelSelector { match_expressions: Some(expressions), match_labels: None });
    let (spec, _) = spec(Vec::new(), vec![Neighbor { pod_selector, ..workload("db", "shop", vec![port(Protocol::TCP, 5432)]) }]);
    let written = json!([
        {"key": "k8s:app", "operator": "In", "values": ["db", "cache"]},
        {"key": "k8s:tier", "operator": "Exists"},
    ]);
    assert_eq!(spec["egress"][0]["toEndpoints"][0]["matchExpressions"], written);
}

#[test]
fn n5_nothing_but_dns_goes_through_the_proxy() {
    let named = Neighbor { dns_names: vec!["api.example.com.".into()], ..world("203.0.113.7", vec![port(Protocol::TCP, 443)]) };
    let (database, resolver) =
        (workload("db", "shop", vec![port(Protocol::TCP, 5432)]), workload("mdns", "shop", vec![port(Protocol::UDP, 5353)]));
    let (spec, _) = spec(Vec::new(), vec![named, database, resolver]);
    let rules = |number: &str| {
        let lists = spec["egress"].as_array().unwrap().iter().flat_map(|rule| rule["toPorts"].as_array().unwrap());
        lists.filter(|list| list["ports"][0]["port"] == number).map(|list| list.get("rules").cloned()).collect::<Vec<_>>()
    };
    assert_eq!(rules("5432"), [None]);
    assert_eq!(rules("5353"), [Some(json!({"dns": [{"matchPattern": "*"}]}))]);
}

#[test]
fn n8_the_api_server_is_an_entity() {
    let (spec, _) = spec(Vec::new(), vec![class(PeerClass::KubeAPI, "192.0.2.10", vec![port(Protocol::TCP, 6443)])]);
    assert_eq!(spec["egress"][0], json!({"toEntities": ["kube-apiserver"], "toPorts": [{"ports": [{"port": "6443", "protocol": "TCP"}]}]}));
}

#[test]
fn n9_kubelets_are_an_entity() {
    let mut object = neighborhood(Vec::new(), Vec::new());
    object.spec.containers[0].listens = vec![port(Protocol::TCP, 8080)];
    let generated = generate(&object, &Options { kubelets: vec!["192.0.2.1".parse().unwrap()], ..Options::default() });
    let dialect = cilium(&generated.policy, &generated.status.rules);
    assert_eq!(check(&dialect.policy), Vec::<String>::new());
    let ports = json!([{"ports": [{"port": "8080", "protocol": "TCP"}]}]);
    assert_eq!(dialect.policy["spec"]["ingress"], json!([{"fromEntities": ["host", "remote-node"], "toPorts": ports}]));
}

#[test]
fn addresses_are_sets_and_a_direction_that_is_cut_has_an_empty_rule() {
    let mut generated = generate(&neighborhood(vec![world("2001:db8::7", vec![port(Protocol::SCTP, 9)])], Vec::new()), &Options::default());
    generated.policy.spec.as_mut().unwrap().policy_types.as_mut().unwrap().push("Egress".to_owned());
    let dialect = cilium(&generated.policy, &generated.status.rules);
    assert_eq!(check(&dialect.policy), Vec::<String>::new());
    let spec = &dialect.policy["spec"];
    assert_eq!(spec["ingress"][0]["fromCIDRSet"], json!([{"cidr": "2001:db8::7/128"}]));
    assert_eq!(spec["egress"], json!([{}]));
    assert_eq!(dialect.policy["metadata"]["name"], "runtimemap-deployment-web");
}

#[test]
fn without_evidence_for_every_rule_addresses_stay_addresses() {
    let api = class(PeerClass::KubeAPI, "192.0.2.10", vec![port(Protocol::TCP, 6443)]);
    let generated = generate(&neighborhood(Vec::new(), vec![api]), &Options::default());
    let dialect = cilium(&generated.policy, &[]);
    assert_eq!(dialect.policy["spec"]["egress"][0]["toCIDRSet"], json!([{"cidr": "192.0.2.10/32"}]));
}

#[test]
fn the_check_refuses_what_cilium_would() {
    let wrong = json!({"spec": {"endpointSelector": {}, "egress": [{"toPort": []}, {"toPorts": [{"ports": [{"port": 80}]}]}]}});
    assert_eq!(check(&wrong), ["spec.egress[0].toPort: unknown field", "spec.egress[1].toPorts[0].ports[0].port: type does not hold"]);
    assert_eq!(check(&json!({"spec": {"endpointSelector": {}}})), ["spec: anyOf does not hold"]);
}

proptest! {
    #[test]
    fn whatever_was_seen_ciliums_definition_takes_the_policy(egress in neighbors(), ingress in neighbors()) {
        let (spec, _) = spec(ingress, egress);
        prop_assert!(spec.get("endpointSelector").is_some());
    }
}
