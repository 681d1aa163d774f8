//! What the judge answers.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    net::IpAddr,
    path::Path,
    process::{Command, Stdio},
    thread,
};

use runtimemap_crds::Protocol;
use runtimemap_policy::evaluator::{Cluster, End, Flow};
use serde::Deserialize;

use crate::{case::Case, name};

/// Connections that the judge allows in one cluster.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer(Vec<Cube>);

#[derive(Debug, Deserialize)]
struct Cube {
    from: Vec<Ends>,
    to: Vec<Ends>,
    protocols: Vec<Protocol>,
    ports: Vec<(u16, u16)>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Ends {
    Pod(String),
    Range(IpAddr, IpAddr),
}

impl Answer {
    pub(crate) fn allows(&self, cluster: &Cluster, flow: &Flow) -> bool {
        self.0.iter().any(|cube| {
            let ports = cube.ports.iter().any(|(low, high)| *low <= flow.port && flow.port <= *high);
            ports && cube.protocols.contains(&flow.protocol) && holds(&cube.from, cluster, flow.from) && holds(&cube.to, cluster, flow.to)
        })
    }
}

fn holds(ends: &[Ends], cluster: &Cluster, end: End) -> bool {
    ends.iter().any(|one| match (one, end) {
        (Ends::Pod(known), End::Pod(pod)) => *known == name(cluster, pod),
        (Ends::Range(low, high), End::Address(address)) => low.is_ipv4() == address.is_ipv4() && *low <= address && address <= *high,
        _ => false,
    })
}

/// Asks one judge about all of these, one by one.
pub(crate) fn ask(cases: &[Case]) -> Vec<Answer> {
    let python = env::var("RUNTIMEMAP_JUDGE_PYTHON").unwrap_or_else(|_| {
        let cache = env::var("RUNTIMEMAP_CACHE").unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../.cache").to_owned());
        format!("{cache}/venv/bin/python")
    });
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judge/judge.py");
    let judge = Command::new(&python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut judge = judge.unwrap_or_else(|error| {
        panic!("failed to start {python}: {error}; `make setup` installs it, RUNTIMEMAP_TEST_WITHOUT=judge leaves this out")
    });
    let mut questions = judge.stdin.take().unwrap();
    let answers = thread::scope(|scope| {
        // Closes its end when all is asked.
        scope.spawn(move || cases.iter().for_each(|case| writeln!(questions, "{}", case.json()).unwrap()));
        let lines = BufReader::new(judge.stdout.take().unwrap()).lines();
        lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect()
    });
    assert!(judge.wait().unwrap().success(), "the judge failed; its words are above");
    answers
}
