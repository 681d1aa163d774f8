//! Addresses of the world: exactly those seen, whatever the order.

use std::net::IpAddr;

use proptest::prelude::*;
use runtimemap_crds::{Neighbor, Outcome, Protocol};
use runtimemap_policy::network::{Options, generate};

use crate::pitfalls::{allowed, neighborhood, port, world};

pub(crate) fn neighbors() -> impl Strategy<Value = Vec<Neighbor>> {
    let address = prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::from(bits.to_be_bytes())),
        any::<u128>().prop_map(|bits| IpAddr::from(bits.to_be_bytes()))
    ];
    let protocol = prop_oneof![Just(Protocol::TCP), Just(Protocol::UDP), Just(Protocol::SCTP)];
    let ports = prop::collection::vec((protocol, 1..200_u16).prop_map(|(protocol, number)| port(protocol, number)), 1..4);
    let outcome = prop_oneof![Just(Outcome::Established), Just(Outcome::Attempted)];
    let one = (address, ports, outcome).prop_map(|(address, ports, outcome)| Neighbor { outcome, ..world(&address.to_string(), ports) });
    prop::collection::vec(one, 0..12)
}

proptest! {
    #[test]
    fn n12_what_is_allowed_is_what_was_seen_in_any_order(egress in neighbors(), ingress in neighbors()) {
        let object = neighborhood(ingress.clone(), egress.clone());
        let (out, into) = allowed(&object);
        for (seen, allowed, outward) in [(&egress, out, true), (&ingress, into, false)] {
            let mut wanted = Vec::new();
            for neighbor in seen.iter().filter(|neighbor| neighbor.outcome == Outcome::Established) {
                let address = neighbor.ip_addresses[0].parse::<IpAddr>().unwrap().to_canonical();
                let cidr = format!("{address}/{}", if address.is_ipv4() { 32 } else { 128 });
                for port in &neighbor.ports {
                    wanted.push((cidr.clone(), format!("{:?}", port.protocol), i32::from(port.port)));
                    if outward && (port.protocol, port.port) == (Protocol::UDP, 53) {
                        wanted.push((cidr.clone(), "TCP".to_owned(), 53));
                    }
                }
            }
            for flow in &wanted {
                prop_assert!(allowed.contains(flow), "{flow:?} was seen and is not allowed");
            }
            for flow in &allowed {
                prop_assert!(wanted.contains(flow), "{flow:?} is allowed and was not seen");
            }
        }
        let reversed = neighborhood(ingress.into_iter().rev().collect(), egress.into_iter().rev().collect());
        prop_assert_eq!(generate(&reversed, &Options::default()).policy, generate(&object, &Options::default()).policy);
    }
}
