//! Blocks of addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use k8s_openapi::api::networking::v1::IPBlock;

/// Addresses of one family between two, both included. IPv4-mapped addresses are IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    v4: bool,
    low: u128,
    high: u128,
}

/// A range with holes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    range: Range,
    except: Vec<Range>,
}

/// An address as ranges compare it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Address {
    v4: bool,
    bits: u128,
}

impl From<IpAddr> for Address {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self { v4: true, bits: u128::from(u32::from(address)) },
            IpAddr::V6(address) => Self { v4: false, bits: u128::from(address) },
        }
    }
}

impl Range {
    /// Reads `ADDRESS/BITS`. Bits of the address below the prefix do not count, as the API server has it.
    pub(super) fn parse(cidr: &str) -> Option<Self> {
        let (address, bits) = cidr.split_once('/')?;
        // A sign or a leading zero is none of a prefix length.
        let plain = bits.bytes().all(|byte| byte.is_ascii_digit()) && (bits.len() == 1 || !bits.starts_with('0'));
        let (address, bits): (IpAddr, u32) = (address.parse().ok()?, bits.parse().ok()?);
        let (v4, value, width) = match address {
            IpAddr::V4(address) => (true, u128::from(u32::from(address)), 32),
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(mapped) if bits >= 96 => return Self::parse(&format!("{mapped}/{}", bits - 96)).filter(|_| plain && bits <= 128),
                _ => (false, u128::from(address), 128),
            },
        };
        if !plain || bits > width {
            return None;
        }
        let hosts = u128::MAX.checked_shr(128 - width + bits).unwrap_or(0);
        Some(Self { v4, low: value & !hosts, high: value | hosts })
    }

    /// The first address that a host can have: by convention the node's own end of the network of its pods.
    pub(super) fn first_host(&self) -> Option<IpAddr> {
        let first = self.low.checked_add(1).filter(|first| *first <= self.high)?;
        if self.v4 { u32::try_from(first).ok().map(|bits| Ipv4Addr::from(bits).into()) } else { Some(Ipv6Addr::from(first).into()) }
    }

    fn contains(&self, address: Address) -> bool {
        self.v4 == address.v4 && self.low <= address.bits && address.bits <= self.high
    }

    fn is_within(&self, outer: &Self) -> bool {
        self.v4 == outer.v4 && outer.low <= self.low && self.high <= outer.high
    }
}

impl Block {
    /// Reads a block; else which field is wrong, and how.
    pub(super) fn parse(block: &IPBlock) -> Result<Self, (String, String)> {
        let read = |field: &str, cidr: &str| {
            Range::parse(cidr).ok_or_else(|| (field.to_owned(), format!("{cidr:?} is no block of addresses, such as 192.0.2.0/24")))
        };
        let range = read("cidr", &block.cidr)?;
        let mut except = Vec::new();
        for (place, cidr) in block.except.iter().flatten().enumerate() {
            let field = format!("except[{place}]");
            let hole = read(&field, cidr)?;
            if !hole.is_within(&range) || hole == range {
                return Err((field, format!("{cidr} is no part of {}", block.cidr)));
            }
            except.push(hole);
        }
        Ok(Self { range, except })
    }

    /// Whether an address is in it.
    pub(super) fn contains(&self, address: Address) -> bool {
        self.range.contains(address) && !self.except.iter().any(|hole| hole.contains(address))
    }

    /// Its only address, if it has no more.
    pub(super) fn only(&self) -> Option<Address> {
        (self.range.low == self.range.high).then_some(Address { v4: self.range.v4, bits: self.range.low })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(cidr: &str, address: &str) -> bool {
        Range::parse(cidr).unwrap().contains(address.parse::<IpAddr>().unwrap().into())
    }

    #[test]
    fn a_prefix_holds_what_shares_it_and_nothing_beside() {
        for (cidr, first, last, beside) in [
            ("10.1.2.3/8", "10.0.0.0", "10.255.255.255", ["9.255.255.255", "11.0.0.0"]),
            ("192.0.2.7/32", "192.0.2.7", "192.0.2.7", ["192.0.2.6", "192.0.2.8"]),
            ("192.0.2.7/31", "192.0.2.6", "192.0.2.7", ["192.0.2.5", "192.0.2.8"]),
            ("2001:db8::/127", "2001:db8::", "2001:db8::1", ["2001:db8::2", "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff"]),
            ("::ffff:192.0.2.0/120", "192.0.2.0", "192.0.2.255", ["192.0.1.255", "::c000:200"]),
        ] {
            assert!(holds(cidr, first) && holds(cidr, last), "{cidr}");
            assert!(!beside.iter().any(|address| holds(cidr, address)), "{cidr}");
        }
    }

    #[test]
    fn n2_all_addresses_of_one_family_are_none_of_the_other() {
        assert!(holds("0.0.0.0/0", "255.255.255.255") && !holds("0.0.0.0/0", "::"));
        assert!(holds("::/0", "ffff::") && !holds("::/0", "0.0.0.0"));
        // A mapped address is the IPv4 address that it maps.
        assert!(holds("0.0.0.0/0", "::ffff:10.0.0.1") && !holds("::/0", "::ffff:10.0.0.1"));
    }

    #[test]
    fn a_block_that_is_wider_than_all_mapped_addresses_is_one_of_ipv6() {
        assert!(holds("::ffff:1.2.3.4/95", "::fffe:0:1") && !holds("::ffff:1.2.3.4/95", "1.2.3.4"));
        assert!(holds("::ffff:1.2.3.4/96", "9.9.9.9") && !holds("::ffff:1.2.3.4/96", "::fffe:0:1"));
    }

    #[test]
    fn what_is_no_block_is_refused() {
        for cidr in [
            "",
            "10.0.0.0",
            "10.0.0.0/33",
            "10.0.0/8",
            "::/129",
            "10.0.0.0/+8",
            "10.0.0.0/08",
            "10.0.0.0/",
            "/8",
            "::ffff:1.2.3.4/200",
            "::ffff:1.2.3.4/0128",
        ] {
            assert_eq!(Range::parse(cidr), None, "{cidr}");
        }
    }

    #[test]
    fn a_hole_is_a_part_of_its_block() {
        let block = |cidr: &str, except: &str| Block::parse(&IPBlock { cidr: cidr.into(), except: Some(vec![except.into()]) });
        let holed = block("10.0.0.0/8", "10.1.0.0/16").unwrap();
        let within = |address: &str| holed.contains(address.parse::<IpAddr>().unwrap().into());
        assert!(within("10.0.255.255") && !within("10.1.0.0") && !within("10.1.255.255") && within("10.2.0.0"));
        for (cidr, except) in
            [("10.0.0.0/8", "10.0.0.0/8"), ("10.0.0.0/8", "11.0.0.0/16"), ("10.0.0.0/8", "0.0.0.0/0"), ("::/0", "10.0.0.0/8")]
        {
            assert_eq!(block(cidr, except).unwrap_err().0, "except[0]", "{cidr} {except}");
        }
        assert_eq!(
            block("10.0.0.0/8", "x").unwrap_err(),
            ("except[0]".into(), "\"x\" is no block of addresses, such as 192.0.2.0/24".into())
        );
    }
}
