//! Parts of the product killed or cut off while a known workload runs: nothing of what it does is missing.

use std::time::Duration;

use futures_util::future::join_all;
use runtimemap_tests::space::{Space, try_kubectl, wait_until};
use serde_json::Value;

use super::witness::Witnessed;
use crate::{
    acts,
    bed::{Bed, OUTAGE, Part, parts, process, signal},
    normal::Names,
};

/// Of the agent and of each controller while all else runs.
const KILLS: u32 = 20;
/// How much longer each of them has run than the one before when it is killed: the agent attaches its hooks within a second.
const LATER: Duration = Duration::from_millis(50);
/// Of the agent while there is no API server.
const KILLS_ALONE: u32 = 10;
/// The signal for which `acts told` does one act.
const ACT: i32 = 34;

/// A Job that does its acts when it is told to.
async fn told(scenario: &str) -> (Space, u32) {
    let space = Space::new(scenario).await;
    // It is learned when it has succeeded, and not before, however long a busy machine takes over all this.
    space.learns_for("10m");
    space.apply(&include_str!("../manifests/short.yaml").replace("\"5\"", "told"));
    let pod = wait_until("the Job's pod", || {
        let name = space.kubectl(&["get", "pods", "-l", "app=blink", "-o", "jsonpath={.items[*].metadata.name}"], "");
        (!name.is_empty()).then_some(name)
    })
    .await;
    // Its signal waits for it from then on.
    let acts = wait_until("the Job's process", || process(&space.name, &pod).filter(|pid| waits(*pid))).await;
    (space, acts)
}

/// Whether a process is `acts` and far enough for its signals to wait for it.
fn waits(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim).unwrap_or_default();
    let catches = |signal: u32| u64::from_str_radix(field("SigCgt:"), 16).is_ok_and(|mask| mask >> (signal - 1) & 1 == 1);
    field("Name:") == "acts" && catches(15)
}

/// Of all writings to the API server, the one that an object is of.
fn version(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap()
}

/// Both objects once they are complete, the same whenever nothing is missing.
async fn complete(space: &Space) -> [Value; 2] {
    let objects = space.learned("job-blink").await;
    let [profile, neighborhood] = objects.each_ref().map(version);
    assert!(
        profile > neighborhood,
        "a controller that ends between the two never completes {neighborhood}: {profile} is written before it"
    );
    acts::assert_complete(&objects[0], &objects[1], &["/acts", "told", "192.0.2.1"]);
    let lost = objects[0]["status"]["losses"].as_array().cloned().unwrap_or_default();
    assert!(lost.is_empty(), "{lost:?}");
    let names = Names::of(space);
    objects.map(|object| {
        let text = names.normal(object).to_string();
        serde_json::from_str(&text.replace(&space.name, "<space>")).unwrap()
    })
}

#[tokio::test]
async fn r19_twenty_kills_of_agent_and_controllers_and_two_minutes_without_api_server_change_nothing() {
    let Some(bed) = Bed::own() else { return };
    let (space, acts) = told("undisturbed").await;
    (0..40).for_each(|_| signal(acts, ACT));
    let undisturbed = complete(&space).await;

    let pods = |component: &str| -> Vec<Part> { parts(component).iter().map(|pod| Part::named(pod)).collect() };
    let (agents, controllers) = (pods("agent"), pods("controller"));
    assert_eq!((agents.len(), controllers.len()), (1, 2));
    let (space, acts) = told("kills").await;
    let witnessed = Witnessed::start().await;
    // All at the same time, and each at another moment of its start every time.
    let killed = async |part: &Part, acts: Option<u32>| {
        for number in 0..KILLS {
            if let Some(acts) = acts {
                (0..2).for_each(|_| signal(acts, ACT));
            }
            part.kill(LATER * number).await;
        }
    };
    let (of_agents, of_controllers) =
        (agents.iter().map(|part| killed(part, Some(acts))), controllers.iter().map(|part| killed(part, None)));
    tokio::join!(join_all(of_agents), join_all(of_controllers));
    assert_eq!(complete(&space).await, undisturbed);
    eprintln!("FIGURE {KILLS} kills of the agent and of each controller: 40 acts of 40, nothing lost");
    eprintln!("FIGURE of a real program meanwhile, strace saw {}: all in the profile", witnessed.end().await);

    let (space, acts) = told("outage").await;
    bed.stop("apiserver");
    let stopped = std::time::Instant::now();
    for number in 1..=KILLS_ALONE {
        (0..2).for_each(|_| signal(acts, ACT));
        join_all(agents.iter().map(|part| part.kill(Duration::ZERO))).await;
        (0..2).for_each(|_| signal(acts, ACT));
        wait_until("the next kill's time", || (stopped.elapsed() >= OUTAGE * number / KILLS_ALONE).then_some(())).await;
    }
    bed.start("apiserver");
    wait_until("the API server", || try_kubectl(&["get", "--raw", "/readyz"], "").0.then_some(())).await;
    assert_eq!(complete(&space).await, undisturbed);
    eprintln!(
        "FIGURE {} s without an API server, and {KILLS_ALONE} more kills of the agent: 40 acts of 40, nothing lost",
        OUTAGE.as_secs()
    );
}
