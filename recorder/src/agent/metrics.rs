//! Figures about the agent, and whether it is well.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use k8s_openapi::jiff::Timestamp;
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use runtimemap_crds::LossCause;

use crate::web::{Page, Pages};

/// One that has not looked around for so long hangs.
const STUCK: Duration = Duration::from_secs(60);

type Labels = Vec<(&'static str, String)>;

/// All figures. Shared between whoever counts and whoever shows them.
pub(super) struct Metrics {
    registry: Registry,
    /// Facts that came out of the kernel.
    pub(super) facts: Counter,
    /// Batches that were made.
    pub(super) batches: Counter,
    losses: Family<Labels, Counter>,
    containers: Family<Labels, Gauge>,
    hooks: Gauge,
    hot: Gauge,
    store_bytes: Gauge,
    store_sound: Gauge,
    outstanding: Gauge,
    /// When the agent last looked around, in seconds since 1970.
    ticked: AtomicU64,
    /// Whether the API server has answered once.
    reached: AtomicBool,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix("runtimemap_agent");
        let (facts, batches) = (Counter::default(), Counter::default());
        let (losses, containers) = (Family::default(), Family::default());
        let (hooks, hot, store_sound, outstanding) = (Gauge::default(), Gauge::default(), Gauge::default(), Gauge::default());
        let store_bytes = Gauge::default();
        registry.register("facts", "Facts that came out of the kernel", facts.clone());
        registry.register("lost_facts", "Facts that were lost, at most, by cause", losses.clone());
        registry.register("batches", "Batches that were made for the controller", batches.clone());
        registry.register("batch_outstanding", "1 while a batch waits for the controller", outstanding.clone());
        registry.register("containers", "Containers of this node that the agent knows, by state", containers.clone());
        registry.register("hooks_attached", "Programs that are attached in the kernel", hooks.clone());
        registry.register("hooks_hot", "1 while those that run often are", hot.clone());
        registry.register("store_bytes", "Size of the ledger on disk", store_bytes.clone());
        registry.register("store_sound", "1 while the ledger can be written", store_sound.clone());
        let (ticked, reached) = (AtomicU64::new(seconds()), AtomicBool::new(false));
        Self { registry, facts, batches, losses, containers, hooks, hot, store_bytes, store_sound, outstanding, ticked, reached }
    }

    pub(super) fn lost(&self, cause: LossCause, count: u64) {
        self.losses.get_or_create(&vec![("cause", format!("{cause:?}"))]).inc_by(count);
    }

    pub(super) fn containers(&self, state: &str, count: usize) {
        self.containers.get_or_create(&vec![("state", state.to_owned())]).set(whole(count));
    }

    pub(super) fn hooks(&self, attached: usize, hot: bool) {
        self.hooks.set(whole(attached));
        self.hot.set(i64::from(hot));
    }

    pub(super) fn store(&self, bytes: u64, sound: bool) {
        self.store_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        self.store_sound.set(i64::from(sound));
    }

    pub(super) fn outstanding(&self, is: bool) {
        self.outstanding.set(i64::from(is));
    }

    /// The agent has looked around.
    pub(super) fn tick(&self) {
        self.ticked.store(seconds(), Ordering::Relaxed);
    }

    /// The API server has answered.
    pub(super) fn reach(&self) {
        self.reached.store(true, Ordering::Relaxed);
    }

    /// What is shown of all that, and where.
    pub(super) fn pages(metrics: Arc<Self>) -> Pages {
        Arc::new(move |path| match path {
            "/healthz" => Some(metrics.health()),
            "/readyz" => Some(metrics.readiness()),
            "/metrics" => {
                let mut text = String::new();
                let well = encode(&mut text, &metrics.registry).is_ok();
                Some(Page { well, text })
            }
            _ => None,
        })
    }

    /// Whether it goes on looking around.
    fn health(&self) -> Page {
        let silent = seconds().saturating_sub(self.ticked.load(Ordering::Relaxed));
        let well = silent < STUCK.as_secs();
        Page { well, text: if well { "ok\n".to_owned() } else { format!("has done nothing for {silent} s\n") } }
    }

    /// Whether it records and has reached the API server.
    fn readiness(&self) -> Page {
        let health = self.health();
        if health.well && !self.reached.load(Ordering::Relaxed) {
            return Page { well: false, text: "the API server was not reached yet\n".to_owned() };
        }
        health
    }
}

fn seconds() -> u64 {
    u64::try_from(Timestamp::now().as_second()).unwrap_or(0)
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_page_says_what_it_should() {
        let metrics = Arc::new(Metrics::new());
        let pages = Metrics::pages(metrics.clone());
        let well = |path: &str| pages(path).map(|page| page.well);
        assert_eq!((well("/healthz"), well("/readyz"), well("/metrics"), well("/")), (Some(true), Some(false), Some(true), None));
        metrics.reach();
        assert_eq!(well("/readyz"), Some(true));
        metrics.ticked.store(seconds() - STUCK.as_secs(), Ordering::Relaxed);
        assert_eq!((well("/healthz"), well("/readyz")), (Some(false), Some(false)));
        metrics.facts.inc_by(3);
        metrics.lost(LossCause::Throttled, 2);
        metrics.containers("learning", 1);
        let text = pages("/metrics").unwrap().text;
        for line in [
            "runtimemap_agent_facts_total 3",
            "runtimemap_agent_lost_facts_total{cause=\"Throttled\"} 2",
            "runtimemap_agent_containers{state=\"learning\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
    }
}
