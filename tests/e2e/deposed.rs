//! A leader that another has taken the place of.

use k8s_openapi::jiff::Timestamp;
use runtimemap_tests::space::{kubectl, wait_until};

use crate::bed::{SYSTEM, process, signal};

/// A controller that led, and stands still.
pub(crate) struct Deposed {
    pod: String,
    pid: u32,
}

impl Deposed {
    /// Freezes the leader, and waits until another leads.
    pub(crate) async fn leader() -> Self {
        let pod = wait_until("a leader", || Some(holder()).filter(|name| !name.is_empty())).await;
        let pid = process(SYSTEM, &pod).unwrap();
        signal(pid, 19);
        wait_until("another leader", || (holder() != pod).then_some(())).await;
        Self { pod, pid }
    }

    /// Lets it go on, and waits until it has seen that it leads no more.
    pub(crate) async fn goes_on(self) {
        let since = format!("--since-time={}", Timestamp::now());
        signal(self.pid, 18);
        let log = || kubectl(&["-n", SYSTEM, "logs", &self.pod, &since], "");
        // Or, if the kubelet has taken it for dead, the next one in its place.
        let deposed = |log: &String| log.contains(" leads") || log.contains("failed to renew the lease");
        wait_until("the old one to see that it was deposed", || Some(log()).filter(deposed)).await;
        assert_ne!(holder(), self.pod);
    }
}

fn holder() -> String {
    kubectl(&["-n", SYSTEM, "get", "lease", "runtimemap-controller", "-o", "jsonpath={.spec.holderIdentity}"], "")
}
