//! The revisions of a workload that are kept.

use runtimemap_crds::{Phase, RevisionStatus};

use super::wording::count;
use crate::{
    map::Map,
    page::{Page, Table},
};

/// Which there are: `diff --revisions` takes their ids.
pub(super) fn write(page: &mut Page, map: &Map) {
    // Profile and neighborhood have the same.
    let Some(revisions) = map.statuses().map(|status| &status.revisions).find(|revisions| !revisions.is_empty()) else { return };
    page.heading(&format!("Learned of {}", count(revisions.len(), "revision", "revisions")));
    let mut table = Table::new(&["ID", "PHASE", "FIRST SEEN", "IMAGES"]);
    for RevisionStatus { id, phase, started_at, images, .. } in revisions {
        let phase = if *phase == Phase::Complete { "complete" } else { "still learning" };
        let started = started_at.as_ref().map_or_else(|| "-".to_owned(), |time| time.0.to_string());
        table.row([id.clone(), phase.to_owned(), started, images.values().cloned().collect::<Vec<_>>().join(", ")]);
    }
    page.table(&table);
}
