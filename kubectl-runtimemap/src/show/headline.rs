//! Which workload, how complete, and what is missing: before anything else.

use runtimemap_crds::Phase;

use super::wording;
use crate::{
    map::Map,
    page::{Page, Style},
};

pub(super) fn write(page: &mut Page, map: &Map) {
    page.line(Style::Heading, &headline(map));
    for warning in wording::warnings(map) {
        page.line(Style::Warning, &format!("Warning: {warning}"));
    }
}

fn headline(map: &Map) -> String {
    let mut parts = Vec::new();
    if !map.namespace.is_empty() {
        parts.push(format!("namespace {}", map.namespace));
    }
    if let Some(status) = map.statuses().next() {
        let learning = status.learning.as_ref();
        let started = learning.and_then(|learning| learning.started_at.as_ref());
        let ends = learning.and_then(|learning| learning.completes_at.as_ref());
        parts.push(match (status.phase, started, ends) {
            (Phase::Complete, Some(started), Some(ends)) => format!("complete, recorded for {:#}", ends.0.duration_since(started.0)),
            (Phase::Complete, ..) => "complete".to_owned(),
            (Phase::Learning, _, Some(ends)) => format!("still learning until {}", ends.0),
            (Phase::Learning, Some(started), None) => format!("still learning since {}", started.0),
            (Phase::Learning, None, None) => "still learning".to_owned(),
        });
    }
    if let Some(profile) = map.profile.as_ref().filter(|profile| !profile.spec.architectures.is_empty()) {
        parts.push(profile.spec.architectures.join(" and "));
    }
    let parts = if parts.is_empty() { String::new() } else { format!(" ({})", parts.join("; ")) };
    format!("{}{parts}", map.title())
}
