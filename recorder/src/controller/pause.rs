//! When something that the API server refused is tried again: later each time, so that many of them do not keep it busy.

use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// Time in which it is not tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pause {
    until: Instant,
    length: Duration,
}

impl Pause {
    /// From now on, twice as long as the one before.
    pub(super) fn after(before: Option<Self>, now: Instant) -> Self {
        let length = before.map_or(FIRST, |before| (before.length * 2).min(LONGEST));
        Self { until: now + length, length }
    }

    /// Whether it is over.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        now >= self.until
    }
}

/// Whether the API server has answered, and said no: without an answer it is asked again at once.
pub(super) fn is_refusal(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_minute() {
        let now = Instant::now();
        let mut pause = Pause::after(None, now);
        assert!(!pause.is_over(now) && pause.is_over(now + FIRST));
        let lengths: Vec<u64> = (0..7)
            .map(|_| {
                pause = Pause::after(Some(pause), now);
                pause.length.as_secs()
            })
            .collect();
        assert_eq!(lengths, [2, 4, 8, 16, 32, 60, 60]);
    }
}
