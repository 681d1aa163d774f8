//! What a name server answered.

use std::net::{IpAddr, SocketAddr};

use simple_dns::{Name, Packet, PacketFlag, rdata::RData};

use crate::fact::Act;

/// The name asked for and the addresses it stands for, CNAMEs followed; None unless it is a well-formed answer.
pub(super) fn answer(payload: &[u8], server: SocketAddr) -> Option<Act> {
    let packet = Packet::parse(payload).ok()?;
    if !packet.has_flags(PacketFlag::RESPONSE) {
        return None;
    }
    let asked = text(&packet.questions.first()?.qname);
    // The name asked for and what it is an alias of, in whatever order the answer has them. Other names in it were not asked for.
    let mut names = vec![asked.clone()];
    let mut known = 0;
    while known < names.len() {
        known = names.len();
        for record in &packet.answers {
            if let RData::CNAME(target) = &record.rdata
                && names.contains(&text(&record.name))
                && !names.contains(&text(&target.0))
            {
                names.push(text(&target.0));
            }
        }
    }
    let mut addresses: Vec<IpAddr> = packet
        .answers
        .iter()
        .filter(|record| names.contains(&text(&record.name)))
        .filter_map(|record| match &record.rdata {
            RData::A(address) => Some(IpAddr::from(address.address.to_be_bytes())),
            RData::AAAA(address) => Some(IpAddr::from(address.address.to_be_bytes())),
            _ => None,
        })
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    Some(Act::DnsAnswer { name: asked, addresses, server })
}

/// A name as people write it: lower case, without the final dot.
fn text(name: &Name<'_>) -> String {
    name.to_string().trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use simple_dns::{
        CLASS, Packet, QCLASS, QTYPE, Question, ResourceRecord, TYPE,
        rdata::{A, CNAME},
    };

    use super::*;

    fn record<'a>(name: &'static str, rdata: RData<'a>) -> ResourceRecord<'a> {
        ResourceRecord::new(Name::new_unchecked(name), CLASS::IN, 60, rdata)
    }

    #[test]
    fn n18_only_what_was_asked_for_and_its_aliases_have_addresses() {
        let mut packet = Packet::new_reply(1);
        packet.questions.push(Question::new(Name::new_unchecked("Alias.example"), QTYPE::TYPE(TYPE::A), QCLASS::CLASS(CLASS::IN), false));
        let address = |last| RData::A(A { address: Ipv4Addr::new(192, 0, 2, last).into() });
        packet.answers.push(record("target.example", address(9)));
        packet.answers.push(record("alias.example", RData::CNAME(CNAME(Name::new_unchecked("target.example")))));
        packet.answers.push(record("unasked.example", address(66)));
        let server = SocketAddr::from(([192, 0, 2, 53], 53));
        let found = answer(&packet.build_bytes_vec().unwrap(), server);
        let wanted = Act::DnsAnswer { name: "alias.example".to_owned(), addresses: vec![IpAddr::from([192, 0, 2, 9])], server };
        assert_eq!(found, Some(wanted));
    }
}
