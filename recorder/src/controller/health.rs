//! How the controller is, for the kubelet and for Prometheus.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::web::{Page, Pages};

/// How long a leader may be busy with one thing before it is taken for stuck.
const STUCK: Duration = Duration::from_secs(300);

/// Labels of a counter by what became of something.
type ByCause = Family<[(String, String); 1], Counter>;

/// Counters, and signs of life.
#[derive(Clone, Default)]
pub(super) struct Health {
    /// 1 while this one leads.
    pub(super) leading: Gauge,
    /// Batches that were acknowledged.
    pub(super) batches: Counter,
    /// Containers of those by what became of their facts.
    verdicts: ByCause,
    /// Writes by object.
    writes: ByCause,
    /// Workloads that are known.
    pub(super) workloads: Gauge,
    /// Pods that are known.
    pub(super) pods: Gauge,
    /// Mailboxes that wait.
    pub(super) waiting: Gauge,
    /// Settings that were refused.
    pub(super) refused_settings: Counter,
    reached: Arc<AtomicBool>,
    beat: Arc<AtomicU64>,
}

impl Health {
    /// The API server was reached.
    pub(super) fn reached(&self) {
        self.reached.store(true, Ordering::Relaxed);
    }

    /// The loop went round.
    pub(super) fn beat(&self, start: Instant) {
        self.beat.store(start.elapsed().as_secs(), Ordering::Relaxed);
    }

    /// Counts what became of a container's facts.
    pub(super) fn count_verdict(&self, verdict: &str) {
        self.verdicts.get_or_create(&[("verdict".to_owned(), verdict.to_owned())]).inc();
    }

    /// Counts a write.
    pub(super) fn count_write(&self, object: &str) {
        self.writes.get_or_create(&[("object".to_owned(), object.to_owned())]).inc();
    }

    /// The pages, of a process that began then.
    pub(super) fn pages(&self, start: Instant) -> Pages {
        let mut registry = Registry::with_prefix("runtimemap_controller");
        registry.register("leading", "1 while this controller leads", self.leading.clone());
        registry.register("batches", "Batches that were acknowledged", self.batches.clone());
        registry.register("containers", "Containers in those batches, by what became of their facts", self.verdicts.clone());
        registry.register("writes", "Writes to the API server, by object; Leases are not counted", self.writes.clone());
        registry.register("workloads", "Workloads that are known", self.workloads.clone());
        registry.register("pods", "Pods that are known", self.pods.clone());
        registry.register("mailboxes_waiting", "Mailboxes with a batch that is not acknowledged", self.waiting.clone());
        registry.register("settings_refused", "Times that settings were refused", self.refused_settings.clone());
        let health = self.clone();
        Arc::new(move |path| match path {
            "/healthz" => Some(health.alive(start.elapsed())),
            "/readyz" => Some(health.ready()),
            "/metrics" => {
                let mut text = String::new();
                let well = encode(&mut text, &registry).is_ok();
                Some(Page { well, text })
            }
            _ => None,
        })
    }

    fn alive(&self, elapsed: Duration) -> Page {
        let silent = elapsed.saturating_sub(Duration::from_secs(self.beat.load(Ordering::Relaxed)));
        let stuck = self.leading.get() == 1 && silent > STUCK;
        let text = if stuck { format!("leads, and has done nothing for {} s\n", silent.as_secs()) } else { "ok\n".to_owned() };
        Page { well: !stuck, text }
    }

    fn ready(&self) -> Page {
        let well = self.reached.load(Ordering::Relaxed);
        let text = match (well, self.leading.get()) {
            (false, _) => "the API server was not reached yet\n",
            (true, 1) => "leads\n",
            (true, _) => "waits to lead\n",
        };
        Page { well, text: text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leader_that_does_nothing_is_not_well_and_one_that_waits_is() {
        let health = Health::default();
        assert!(!health.ready().well);
        health.reached();
        assert!(health.ready().well && health.alive(STUCK * 2).well);
        health.leading.set(1);
        assert!(!health.alive(STUCK * 2).well && health.alive(STUCK).well);
    }

    #[test]
    fn metrics_have_names_that_prometheus_reads() {
        let health = Health::default();
        health.batches.inc();
        health.count_verdict("taken");
        let page = health.pages(Instant::now())("/metrics").unwrap();
        assert!(page.text.contains("runtimemap_controller_batches_total 1"), "{}", page.text);
        assert!(page.text.contains("runtimemap_controller_containers_total{verdict=\"taken\"} 1"), "{}", page.text);
    }
}
