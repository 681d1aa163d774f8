//! Blocks of addresses that stand for one.

use std::net::IpAddr;

use k8s_openapi::api::networking::v1::{IPBlock, NetworkPolicyPeer};

use super::options::World;

/// Ranges of IPv4 that are nobody's on the Internet.
const PRIVATE_V4: [&str; 6] = ["10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"];
/// The same of IPv6.
const PRIVATE_V6: [&str; 2] = ["fc00::/7", "fe80::/10"];

/// The block for an address of the world.
pub(super) fn block(address: IpAddr, world: World) -> NetworkPolicyPeer {
    match world {
        World::Addresses => exactly(address),
        World::Prefix { v4, v6 } => prefix(address, if address.is_ipv4() { v4 } else { v6 }),
        World::Public if is_private(address) => exactly(address),
        World::Public => public(address.is_ipv4()),
    }
}

/// One address and no other.
pub(super) fn exactly(address: IpAddr) -> NetworkPolicyPeer {
    prefix(address, u8::MAX)
}

/// Whether it is no address of the Internet.
pub(super) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let shared = u32::from(address) >> 22 == 0b01_1001_0001;
            shared || address.is_private() || address.is_loopback() || address.is_link_local()
        }
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local(),
    }
}

/// What shares so many bits with an address, or all of them; with no others set, as the API server wants it.
fn prefix(address: IpAddr, bits: u8) -> NetworkPolicyPeer {
    let cidr = match address {
        IpAddr::V4(address) => {
            let bits = bits.min(32);
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            format!("{}/{bits}", std::net::Ipv4Addr::from(u32::from(address) & mask))
        }
        IpAddr::V6(address) => {
            let bits = bits.min(128);
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            format!("{}/{bits}", std::net::Ipv6Addr::from(u128::from(address) & mask))
        }
    };
    of(&cidr, &[])
}

fn public(v4: bool) -> NetworkPolicyPeer {
    if v4 { of("0.0.0.0/0", &PRIVATE_V4) } else { of("::/0", &PRIVATE_V6) }
}

fn of(cidr: &str, except: &[&str]) -> NetworkPolicyPeer {
    let except = (!except.is_empty()).then(|| except.iter().map(|hole| (*hole).to_owned()).collect());
    NetworkPolicyPeer { ip_block: Some(IPBlock { cidr: cidr.to_owned(), except }), ..NetworkPolicyPeer::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(address: &str, world: World) -> String {
        block(address.parse().unwrap(), world).ip_block.unwrap().cidr
    }

    #[test]
    fn n2_prefixes_have_no_bits_beyond_their_length() {
        assert_eq!(cidr("192.0.2.7", World::Addresses), "192.0.2.7/32");
        assert_eq!(cidr("2001:db8::7", World::Addresses), "2001:db8::7/128");
        let prefix = World::Prefix { v4: 20, v6: 48 };
        assert_eq!((cidr("198.51.100.7", prefix), cidr("2001:db8:1:2::7", prefix)), ("198.51.96.0/20".into(), "2001:db8:1::/48".into()));
        let none = World::Prefix { v4: 0, v6: 0 };
        assert_eq!((cidr("198.51.100.7", none), cidr("2001:db8::7", none)), ("0.0.0.0/0".into(), "::/0".into()));
        assert_eq!(cidr("198.51.100.7", World::Prefix { v4: 64, v6: 64 }), "198.51.100.7/32");
    }

    #[test]
    fn n5_any_public_address_is_none_that_is_private() {
        for private in ["10.1.2.3", "100.64.0.1", "100.127.255.255", "172.31.0.1", "192.168.0.1", "169.254.20.10", "127.0.0.1"] {
            assert_eq!(cidr(private, World::Public), format!("{private}/32"));
        }
        assert_eq!(cidr("fd00::1", World::Public), "fd00::1/128");
        for public in ["8.8.8.8", "100.63.255.255", "100.128.0.0", "172.32.0.1"] {
            assert_eq!(cidr(public, World::Public), "0.0.0.0/0", "{public}");
        }
        assert_eq!(cidr("2001:db8::1", World::Public), "::/0");
    }
}
