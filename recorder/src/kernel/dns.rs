//! What a name server answered.

use std::net::{IpAddr, SocketAddr};

use simple_dns::{Packet, PacketFlag, rdata::RData};

use crate::fact::Act;

/// The name asked for and the addresses it stands for, CNAMEs followed; None unless it is a well-formed answer.
pub(super) fn answer(payload: &[u8], server: SocketAddr) -> Option<Act> {
    let packet = Packet::parse(payload).ok()?;
    if !packet.has_flags(PacketFlag::RESPONSE) {
        return None;
    }
    let name = packet.questions.first()?.qname.to_string().to_ascii_lowercase();
    let mut addresses: Vec<IpAddr> = packet
        .answers
        .iter()
        .filter_map(|record| match &record.rdata {
            RData::A(address) => Some(IpAddr::from(address.address.to_be_bytes())),
            RData::AAAA(address) => Some(IpAddr::from(address.address.to_be_bytes())),
            _ => None,
        })
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    Some(Act::DnsAnswer { name: name.trim_end_matches('.').to_owned(), addresses, server })
}
