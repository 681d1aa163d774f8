//! What the rules counted.

use std::{collections::BTreeMap, net::IpAddr};

use serde_json::Value;

use super::{on_node, ruleset::TABLE};

/// A connection that was refused, by its destination after any Service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Denied {
    pub(crate) from: IpAddr,
    pub(crate) to: IpAddr,
    /// In lower case.
    pub(crate) protocol: String,
    pub(crate) port: u64,
}

/// Counters of the rules since the enforcer started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Connections of pods that were let through.
    pub(crate) opened: u64,
    /// Connections of the node to pods.
    pub(crate) node: u64,
    /// Packets of pods that were not heard of yet.
    pub(crate) waiting: u64,
    /// Packets refused, by connection.
    pub(crate) denied: BTreeMap<Denied, u64>,
}

impl Counts {
    pub(super) fn read() -> Self {
        let output = on_node("nft").args(["-j", "list", "table", "inet", TABLE]).output().unwrap();
        assert!(output.status.success(), "nft: {}", String::from_utf8_lossy(&output.stderr));
        let table: Value = serde_json::from_slice(&output.stdout).unwrap();
        let items = table["nftables"].as_array().unwrap();
        let counter = |name| {
            let found = items.iter().find(|item| item["counter"]["name"] == name).unwrap();
            found["counter"]["packets"].as_u64().unwrap()
        };
        let sets = items.iter().filter_map(|item| item["set"]["elem"].as_array());
        let denied = sets.flatten().map(|element| element_of(&element["elem"])).collect();
        Self { opened: counter("opened"), node: counter("node"), waiting: counter("waiting"), denied }
    }

    /// Packets refused.
    pub(crate) fn denials(&self) -> u64 {
        self.denied.values().sum()
    }
}

fn element_of(element: &Value) -> (Denied, u64) {
    let parts = element["val"]["concat"].as_array().unwrap();
    let address = |part: &Value| part.as_str().unwrap().parse().unwrap();
    let denied = Denied {
        from: address(&parts[0]),
        to: address(&parts[1]),
        protocol: parts[2].as_str().unwrap().to_owned(),
        port: parts[3].as_u64().unwrap_or_default(),
    };
    (denied, element["counter"]["packets"].as_u64().unwrap())
}
