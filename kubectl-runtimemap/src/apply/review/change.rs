//! A rule changed by its reviewer: split, widened, narrowed, edited.

use std::net::IpAddr;

use k8s_openapi::{
    api::networking::v1::{IPBlock, NetworkPolicyPeer},
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};
use runtimemap_crds::yaml;

use super::Item;
use crate::{
    apply::dialogue::{Dialogue, say_all},
    escape, rules,
    rules::Content,
};

/// What no public address is in.
const PRIVATE: [&str; 5] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16"];
const PRIVATE_V6: [&str; 2] = ["fc00::/7", "fe80::/10"];

/// Whether there is more than one peer or port.
pub(super) fn can_split(item: &Item) -> bool {
    item.contents.iter().any(|content| content.peers.len() > 1 || content.ports.len() > 1)
}

/// One rule for each peer and port.
pub(super) fn split(item: &mut Item) {
    let mut contents = Vec::new();
    for Content { peers, ports } in std::mem::take(&mut item.contents) {
        let peers: Vec<Vec<NetworkPolicyPeer>> =
            if peers.is_empty() { vec![Vec::new()] } else { peers.into_iter().map(|peer| vec![peer]).collect() };
        for peers in peers {
            if ports.is_empty() {
                contents.push(Content { peers: peers.clone(), ports: Vec::new() });
            }
            contents.extend(ports.iter().map(|port| Content { peers: peers.clone(), ports: vec![port.clone()] }));
        }
    }
    item.contents = contents;
}

/// Something that a rule may be changed to.
struct Choice {
    label: String,
    contents: Vec<Content>,
}

/// Offers wider and narrower rules, and takes a block of addresses that is typed.
pub(super) fn widen(item: &mut Item, dialogue: &mut dyn Dialogue) -> anyhow::Result<()> {
    let choices = choices(item);
    let blocks = item.contents.iter().flat_map(|content| &content.peers).any(|peer| peer.ip_block.is_some());
    let mut lines: Vec<String> = choices.iter().enumerate().map(|(place, choice)| format!("  {}  {}", place + 1, choice.label)).collect();
    if blocks {
        lines.push("  or a block of addresses, such as 192.0.2.0/24".to_owned());
    }
    say_all(dialogue, &lines)?;
    let Some(answer) = dialogue.ask("Change to (empty: leave it): ")? else { return Ok(()) };
    let answer = answer.trim();
    if answer.is_empty() {
        return Ok(());
    }
    if let Some(choice) = answer.parse::<usize>().ok().and_then(|number| choices.into_iter().nth(number.checked_sub(1)?)) {
        item.contents = choice.contents;
        return Ok(());
    }
    match (blocks, is_block(answer)) {
        (true, true) => {
            item.contents = with_blocks(&item.contents, |_| block(answer, &[]));
            Ok(())
        }
        _ => dialogue.say(&format!("{answer:?} is neither one of these nor a block of addresses")),
    }
}

fn choices(item: &Item) -> Vec<Choice> {
    let mut choices = Vec::new();
    let peers: Vec<&NetworkPolicyPeer> = item.contents.iter().flat_map(|content| &content.peers).collect();
    let blocks = || peers.iter().filter_map(|peer| peer.ip_block.as_ref());
    if item.changed() {
        choices.push(Choice { label: "what it was before".to_owned(), contents: vec![item.rule.content.clone()] });
    }
    if blocks().any(|block| address(block).is_some()) {
        choices.push(Choice {
            label: "the /24 (IPv6: /64) around each address".to_owned(),
            contents: with_blocks(&item.contents, |old| prefix(old).map_or_else(|| old.clone(), |cidr| block(&cidr, &[]))),
        });
    }
    if blocks().any(|block| !block.cidr.ends_with("/0")) {
        choices.push(Choice {
            label: "any public address, no private one".to_owned(),
            contents: with_blocks(&item.contents, |old| {
                if old.cidr.contains(':') { block("::/0", &PRIVATE_V6) } else { block("0.0.0.0/0", &PRIVATE) }
            }),
        });
    }
    if peers.iter().any(|peer| peer.pod_selector.is_some()) {
        let contents = item.contents.iter().cloned().map(|mut content| {
            for peer in content.peers.iter_mut().filter(|peer| peer.pod_selector.is_some()) {
                peer.pod_selector = Some(LabelSelector::default());
            }
            content.peers.dedup();
            content
        });
        choices.push(Choice { label: "all pods of that namespace".to_owned(), contents: contents.collect() });
    }
    if can_split(item) {
        let mut parts = item.clone();
        split(&mut parts);
        choices.extend(
            parts.contents.into_iter().map(|content| Choice { label: format!("only {}", rules::words(&content)), contents: vec![content] }),
        );
    }
    choices
}

fn with_blocks(contents: &[Content], change: impl Fn(&IPBlock) -> IPBlock) -> Vec<Content> {
    let changed = contents.iter().cloned().map(|mut content| {
        for block in content.peers.iter_mut().filter_map(|peer| peer.ip_block.as_mut()) {
            *block = change(block);
        }
        let mut peers: Vec<NetworkPolicyPeer> = Vec::new();
        for peer in content.peers {
            if !peers.contains(&peer) {
                peers.push(peer);
            }
        }
        Content { peers, ports: content.ports }
    });
    changed.collect()
}

fn block(cidr: &str, except: &[&str]) -> IPBlock {
    let except = (!except.is_empty()).then(|| except.iter().map(|&cidr| cidr.to_owned()).collect());
    IPBlock { cidr: cidr.to_owned(), except }
}

/// The address of a block that holds no other.
fn address(block: &IPBlock) -> Option<IpAddr> {
    let (address, bits) = block.cidr.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    (bits == if address.is_ipv4() { "32" } else { "128" }).then_some(address)
}

fn prefix(block: &IPBlock) -> Option<String> {
    Some(match address(block)? {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{}/64", std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    })
}

fn is_block(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    bits.parse::<u8>().is_ok_and(|bits| bits <= if address.is_ipv4() { 32 } else { 128 })
}

/// kubectl's own loop: what cannot be read is given back with the error above it; what is saved unchanged ends it.
pub(super) fn edit(item: &mut Item, dialogue: &mut dyn Dialogue) -> anyhow::Result<()> {
    let before = yaml::to_string(&item.contents)?;
    let mut error = String::new();
    let mut text = escape::yaml(&before).into_owned();
    loop {
        let comment =
            "# A list of rules that stand for this one: peers and ports as a NetworkPolicy has them. An empty file changes nothing.\n";
        let problem = if error.is_empty() { String::new() } else { format!("# {}\n", escape::line(&error)) };
        let edited = dialogue.edit(&format!("{comment}{problem}{text}"))?;
        let content: String = edited.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect();
        if content.trim().is_empty() || content == text && error.is_empty() {
            return dialogue.say("Edit cancelled, no changes made.");
        }
        if content == text {
            return dialogue.say("Edit cancelled: it was saved again as it was, and cannot be read.");
        }
        match read(&content) {
            Ok(contents) => {
                item.contents = contents;
                return Ok(());
            }
            Err(why) => {
                error = why;
                text = content;
            }
        }
    }
}

/// Reads what was edited.
fn read(text: &str) -> Result<Vec<Content>, String> {
    let contents: Vec<Content> =
        serde_saphyr::from_str(text).map_err(|error| error.without_snippet().to_string().lines().next().unwrap_or_default().to_owned())?;
    if contents.is_empty() {
        return Err("no rule is left; answer n to reject it".to_owned());
    }
    for block in contents.iter().flat_map(|content| &content.peers).filter_map(|peer| peer.ip_block.as_ref()) {
        let all = std::iter::once(&block.cidr).chain(block.except.iter().flatten());
        if let Some(wrong) = all.into_iter().find(|cidr| !is_block(cidr)) {
            return Err(format!("{wrong:?} is no block of addresses"));
        }
    }
    Ok(contents)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    #[test]
    fn n2_a_prefix_is_of_the_addresses_own_family() {
        assert_eq!(prefix(&block("192.0.2.7/32", &[])).as_deref(), Some("192.0.2.0/24"));
        assert_eq!(prefix(&block("2001:db8::7/128", &[])).as_deref(), Some("2001:db8::/64"));
        assert_eq!(prefix(&block("10.0.0.0/8", &[])), None);
        assert!(is_block("::/0") && !is_block("10.0.0.0/33") && !is_block("10.0.0.0"));
    }

    #[test]
    fn any_text_is_rules_or_an_error() {
        const RULES: [&str; 2] = [
            "- peers:\n  - ipBlock: {cidr: 192.0.2.0/24, except: [192.0.2.7/32]}\n  ports:\n  - {port: 443, protocol: TCP, endPort: 444}\n",
            "- peers:\n  - podSelector: {matchLabels: {a: b}, matchExpressions: [{key: a, operator: In, values: [b]}]}\n    namespaceSelector: {}\n",
        ];
        const LANGUAGE: &[&str] = &["- ", "peers:", "ports:", "\n", "  ", "ipBlock", "cidr", ": ", "10.0.0.0/8", "[", "]", "{", "}"];
        let property = |text: String| {
            if let Ok(contents) = read(&text) {
                assert!(!contents.is_empty() && contents.iter().all(|content| !rules::words(content).is_empty()));
            }
        };
        fuzz::run(&fuzz::damaged(&RULES), property);
        fuzz::run(&fuzz::words(LANGUAGE), property);
    }
}
