//! Batches: what the node has to tell, in pieces that a mailbox holds.

use runtimemap_crds::{NodeObservationSpec, ObservedContainer, SeccompReport};

use super::container::Part;
use crate::{
    mailbox::{self, Letter},
    syscall,
};

/// Most containers of one batch.
const CONTAINERS: usize = 200;

/// A batch on its way.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    /// As the mailbox holds it.
    pub(super) spec: NodeObservationSpec,
    /// What it says of whom.
    pub(super) parts: Vec<Part>,
}

/// What a batch says of the node itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Head {
    pub(super) ledger: String,
    pub(super) sequence: u64,
    pub(super) clock: i64,
    pub(super) gaps: Vec<String>,
    pub(super) seccomp: Option<SeccompReport>,
}

/// Makes a batch of as much as fits. What does not fit is said to follow. None if there is nothing to say: of containers, or, where that
/// is new, of the node.
///
/// # Errors
/// If a letter cannot be written.
pub(super) fn fill(head: Head, mut parts: Vec<Part>, is_new: bool) -> Result<Option<Batch>, mailbox::Error> {
    parts.truncate(CONTAINERS);
    if parts.is_empty() && !is_new {
        return Ok(None);
    }
    let Head { ledger, sequence, clock, gaps, seccomp } = head;
    loop {
        let letters: Vec<Vec<Letter>> = parts.iter().map(|part| part.letters.clone()).collect();
        if let Some(payload) = mailbox::encode(&letters)? {
            let spec = NodeObservationSpec {
                ledger,
                sequence,
                architecture: syscall::ARCHITECTURE.to_owned(),
                addresses: super::addresses::of_node(),
                clock_ahead_seconds: clock,
                gaps,
                containers: parts.iter().map(|part| part.observed.clone()).collect(),
                payload,
                seccomp,
            };
            return Ok(Some(Batch { spec, parts }));
        }
        halve(&mut parts);
    }
}

/// A batch that was written down, as it was put into the mailbox. None if it cannot be read any more.
pub(super) fn again(spec: NodeObservationSpec, more: &[bool]) -> Option<Batch> {
    let letters = mailbox::decode(&spec.payload).ok()?;
    let part = |(place, observed): (usize, &ObservedContainer)| Part {
        key: (observed.pod_uid.clone(), observed.id.clone()),
        observed: observed.clone(),
        letters: letters.get(place).cloned().unwrap_or_default(),
        more: more.get(place).copied().unwrap_or(true),
    };
    let parts = spec.containers.iter().enumerate().map(part).collect();
    Some(Batch { spec, parts })
}

/// Halves what is said: containers first, then the letters of the only one left.
fn halve(parts: &mut Vec<Part>) {
    if parts.len() > 1 {
        parts.truncate(parts.len().div_ceil(2));
    } else if let Some(part) = parts.first_mut() {
        // A single letter always fits: its texts are bounded.
        part.letters.truncate(part.letters.len() / 2);
        part.more = true;
        // Both ends are told with the last of it.
        (part.observed.closed, part.observed.drained) = (false, false);
    }
}

#[cfg(test)]
mod tests {
    use runtimemap_crds::Open;

    use super::*;

    fn part(id: &str, letters: u64) -> Part {
        let letter = |number: u64| {
            let path = format!("/{:x}{:x}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15), number.wrapping_mul(0xC2B2_AE3D_27D4_EB4F));
            Letter::Open(Open { path, ..Open::default() })
        };
        let observed = ObservedContainer { id: id.to_owned(), closed: true, ..ObservedContainer::default() };
        Part { key: (String::new(), id.to_owned()), observed, letters: (0..letters).map(letter).collect(), more: false }
    }

    #[test]
    fn a_batch_fits_into_its_mailbox_and_says_what_follows() {
        let fill = |sequence, parts| fill(Head { ledger: "l".into(), sequence, ..Head::default() }, parts, false);
        assert!(fill(1, Vec::new()).unwrap().is_none());
        let small = fill(1, vec![part("a", 3), part("b", 0)]).unwrap().unwrap();
        assert_eq!((small.parts.len(), small.parts[0].more, small.spec.containers[0].closed), (2, false, true));
        let large = fill(2, vec![part("a", 20_000)]).unwrap().unwrap();
        assert!(large.parts[0].more && !large.spec.containers[0].closed);
        assert!(large.spec.payload.len() <= mailbox::ENCODED * 4 / 3 + 4, "{}", large.spec.payload.len());
        assert_eq!(mailbox::decode(&large.spec.payload).unwrap()[0], large.parts[0].letters);
        let read = again(large.spec.clone(), &[true]).unwrap();
        assert_eq!((read.parts[0].letters.as_slice(), read.parts[0].more), (large.parts[0].letters.as_slice(), true));
        let many = fill(3, vec![part("a", 1500), part("b", 1500)]).unwrap().unwrap();
        assert!(!many.parts.is_empty());
    }

    #[test]
    fn what_is_new_of_the_node_is_said_also_where_no_container_has_anything_to_say() {
        let seccomp = Some(SeccompReport { there: vec!["shop/deployment-web-01234567".into()], ..SeccompReport::default() });
        let head = Head { ledger: "l".into(), sequence: 1, seccomp, ..Head::default() };
        assert!(fill(head.clone(), Vec::new(), false).unwrap().is_none());
        let spec = fill(head.clone(), Vec::new(), true).unwrap().unwrap().spec;
        assert_eq!((spec.seccomp, spec.containers.len()), (head.seccomp, 0));
    }
}
