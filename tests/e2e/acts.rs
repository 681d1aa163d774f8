//! What the known workload, acts.c, leaves in a profile.

use std::collections::BTreeSet;

use serde_json::Value;

fn numbers(last: u16) -> impl Iterator<Item = String> {
    (1..=last).map(|number| format!("{number:02}"))
}

/// Every one of its numbered acts is in the first container of both objects, and nothing else.
pub(crate) fn assert_complete(profile: &Value, neighborhood: &Value, command: &[&str]) {
    let container = &profile["spec"]["containers"][0];
    let opened: BTreeSet<&str> = list(&container["opens"]).iter().filter_map(|open| open["path"].as_str()).collect();
    let files: Vec<String> = numbers(40).map(|number| format!("/act/{number}")).collect();
    assert_eq!(opened, files.iter().map(String::as_str).collect());
    let ran: BTreeSet<String> = list(&container["execs"]).iter().map(|exec| exec["args"].to_string()).collect();
    let did = numbers(20).map(|number| format!("[\"did\",\"{number}\"]"));
    assert_eq!(ran, did.chain([serde_json::to_string(command).unwrap()]).collect());
    let peers = list(&neighborhood["spec"]["containers"][0]["egress"]);
    let ports: BTreeSet<u64> = peers.iter().flat_map(|peer| list(&peer["ports"])).filter_map(|port| port["port"].as_u64()).collect();
    assert_eq!(ports, (40001..=40040).collect());
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
