//! runtimemap as observer: an agent with an empty ledger, which finds the container running.

use std::time::Duration;

use runtimemap_crds::{ContainerDirective, WatchState};

use crate::{
    agent::rest,
    bundles::container,
    condition::Condition,
    pod::Container,
    rig::{Agent, Rig, wait_for_metric, wait_until},
    stage::Stage,
};

/// An agent that does nothing for so long does nothing until there is something new.
const QUIET: Duration = Duration::from_millis(300);

/// An agent, until dropped.
pub(crate) struct Learner {
    agent: Option<Agent>,
    rig: Rig,
    /// One that is learned while the load's container is not.
    other: Option<Container>,
}

impl Learner {
    /// Waits until the agent is in the state that the condition is about.
    pub(crate) fn begin(condition: Condition, stage: &Stage) -> Self {
        let mut rig = stage.another_rig();
        rig.flags.extend(["--idle".to_owned(), "1s".to_owned()]);
        let address = rig.listen();
        let other = (condition == Condition::Beside).then(|| container(&stage.rig.pod()));
        let agent = rig.agent();
        let own = &stage.container;
        for one in [Some(own), other.as_ref()].into_iter().flatten() {
            wait_until("the first of a container", || rig.cluster.observed(&one.id).is_some());
        }
        if matches!(condition, Condition::Settled | Condition::Beside) {
            rig.cluster.order(ContainerDirective {
                pod_uid: own.pod_uid.clone(),
                id: own.id.clone(),
                watch: WatchState::Ignore,
                ..ContainerDirective::default()
            });
            wait_for_metric(&address, "runtimemap_agent_containers{state=\"ignored\"} 1");
        }
        if condition == Condition::Settled {
            agent.wait_for_log("the hooks that run often are detached");
        } else {
            wait_for_metric(&address, "runtimemap_agent_hooks_hot 1");
        }
        Self { agent: Some(agent), rig, other }
    }

    /// Waits until the agent has nothing to do.
    pub(crate) fn rest(&self) {
        self.agent.iter().for_each(|agent| rest(agent.pid(), QUIET));
    }
}

impl Drop for Learner {
    fn drop(&mut self) {
        if let Some(agent) = self.agent.take() {
            agent.end();
        }
        let output = self.rig.detach();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        if let Some(other) = &mut self.other {
            other.end();
        }
    }
}
