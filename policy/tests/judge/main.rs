//! The evaluator against an independent judge, network-config-analyzer: random clusters and policies, every flow between any two ends.
//!
//! Needs Python with network-config-analyzer (`make setup` installs it); `RUNTIMEMAP_TEST_WITHOUT=judge` leaves it out.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod answer;
mod case;
mod reading;

use std::{collections::BTreeMap, env, thread};

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use runtimemap_policy::evaluator::{Cluster, Evaluator, PodId};

use answer::Answer;
use case::Case;
use reading::Reading;

/// Pairs of a cluster and its policies.
const CASES: usize = 2200;
/// The same ones in every run.
const SEED: [u8; 32] = *b"2200 clusters and their policies";
/// How many judges work at once.
const JUDGES: usize = 2;

#[test]
fn evaluator_and_judge_agree_on_every_flow_of_every_cluster() {
    if env::var("RUNTIMEMAP_TEST_WITHOUT").unwrap_or_default().split([',', ' ']).any(|name| name == "judge") {
        eprintln!("switched off by RUNTIMEMAP_TEST_WITHOUT=judge");
        return;
    }
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &SEED));
    let cases: Vec<Case> = (0..CASES).map(|_| case::cases().new_tree(&mut runner).unwrap().current()).collect();
    let answers: Vec<Answer> = thread::scope(|scope| {
        let parts: Vec<_> = cases.chunks(CASES.div_ceil(JUDGES)).map(|part| scope.spawn(move || answer::ask(part))).collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    });
    assert_eq!(answers.len(), CASES);
    let (mut flows, mut allowed, mut explained) = (0_usize, 0_usize, BTreeMap::<Reading, usize>::new());
    for (case, answer) in cases.iter().zip(&answers) {
        // As the API server reads it, then with one more of the judge's readings each time.
        let steps: Vec<Case> = (0..=Reading::ALL.len()).map(|count| reading::read(case, &Reading::ALL[..count])).collect();
        let steps: Vec<Evaluator<'_>> = steps.iter().map(|step| Evaluator::new(&step.policies, &step.cluster).unwrap()).collect();
        for flow in case.flows() {
            let verdicts: Vec<bool> = steps.iter().map(|evaluator| evaluator.judge(&flow).is_allowed()).collect();
            let judges = answer.allows(&case.cluster, &flow);
            assert_eq!(
                verdicts.last(),
                Some(&judges),
                "{flow:?}: read as the judge reads it, and then what the judge says\n{}",
                case.json()
            );
            flows += 1;
            allowed += usize::from(verdicts[0]);
            if let Some(step) = (1..steps.len()).rev().find(|step| verdicts[step - 1] != judges) {
                *explained.entry(Reading::ALL[step - 1]).or_default() += 1;
            }
        }
    }
    eprintln!("judge: {CASES} clusters with policies, {flows} flows, {allowed} of them allowed; differences by reading: {explained:?}");
    // A comparison in which all is one way, or nothing differs where it should, compares nothing.
    assert!(allowed * 10 > flows && allowed * 10 < flows * 9, "too one-sided to show anything");
    assert_eq!(explained.len(), Reading::ALL.len(), "a reading that makes no difference is none");
}

/// A pod as the judge names it.
fn name(cluster: &Cluster, pod: PodId) -> String {
    let pod = &cluster.pods[pod.0];
    format!("{}/{}", pod.namespace, pod.name)
}
