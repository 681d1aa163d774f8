//! The policies that were made from the rest.

use runtimemap_crds::{Delivery, SeccompProfile, Verdict};

use super::{View, wording::count};
use crate::{
    map::Map,
    page::{Page, Style},
};

pub(super) fn write(page: &mut Page, map: &Map, view: &View) {
    if let Some(policy) = &map.policy {
        let spec = policy.spec.spec.as_ref();
        let rules = |length: Option<usize>| length.unwrap_or_default();
        let ingress = rules(spec.and_then(|spec| spec.ingress.as_ref()).map(Vec::len));
        let egress = rules(spec.and_then(|spec| spec.egress.as_ref()).map(Vec::len));
        let notes = policy.status.as_ref().map_or(&[][..], |status| &status.notes);
        page.heading(&format!("Network policy with {ingress} ingress and {egress} egress {}", if egress == 1 { "rule" } else { "rules" }));
        self::notes(page, notes, view, "policy export");
    }
    if let Some(profile) = &map.seccomp {
        page.heading(&format!("Seccomp {}", described(profile)));
        if let Some(text) = approval(profile) {
            page.item(Style::Plain, &text);
        }
        let notes = profile.status.as_ref().map_or(&[][..], |status| &status.notes);
        self::notes(page, notes, view, "seccomp export");
    }
}

/// Who wants the filters on nodes, and on how many they are.
fn approval(profile: &SeccompProfile) -> Option<String> {
    let delivery = profile.status.as_ref().and_then(|status| status.delivery.as_ref());
    let approved = profile.decision().filter(|decision| decision.decision == Verdict::Approved);
    let mut text = match (approved, delivery) {
        (Some(decision), _) => format!("approved by {}", decision.by),
        (None, Some(_)) => "not approved as they are".to_owned(),
        (None, None) => return None,
    };
    if let Some(Delivery { nodes_wanted, nodes_ready, message, .. }) = delivery {
        text.push_str(&format!("; on {nodes_ready} of {}", count(*nodes_wanted as usize, "node", "nodes")));
        if !message.is_empty() {
            text.push_str(&format!(": {message}"));
        }
    }
    Some(text)
}

/// The filters in one line.
pub(crate) fn described(profile: &SeccompProfile) -> String {
    let containers = &profile.spec.containers;
    let pod = profile.spec.pod.as_ref().map(|filter| ("the pod", filter));
    let filters = pod.into_iter().chain(containers.iter().map(|(name, filter)| (name.as_str(), filter)));
    let described: Vec<String> = filters
        .map(|(name, filter)| {
            let allowed = filter.syscalls.iter().filter(|entry| entry.action == "SCMP_ACT_ALLOW").flat_map(|entry| &entry.names).count();
            format!("{name}: {} allowed, else {}", count(allowed, "call", "calls"), filter.default_action)
        })
        .collect();
    if described.is_empty() { "filter for no container".to_owned() } else { format!("filter for {}", described.join("; for ")) }
}

fn notes(page: &mut Page, notes: &[String], view: &View, verb: &str) {
    if view.wide {
        for note in notes {
            page.item(Style::Plain, note);
        }
        return;
    }
    let notes = if notes.is_empty() { String::new() } else { format!(", with {}", count(notes.len(), "note", "notes")) };
    page.item(Style::Plain, &format!("kubectl runtimemap {verb} -f FILE prints it{notes}"));
}
