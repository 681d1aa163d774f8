//! `policy simulate`: what policies do to each recorded flow.

use std::path::PathBuf;

use runtimemap_crds::RuleDirection;
use runtimemap_policy::{
    evaluator::{Evaluator, Verdict},
    recorded::{self as flows, Recorded, RecordedFlow},
};
use serde_json::json;

use crate::{
    cli::Report,
    cluster::Kinds,
    escape, in_force,
    input::{Input, Learned, Scope},
    manifests,
    page::{Page, Screen, Style, Table},
    recorded,
    show::{self, count},
};

/// What to try.
#[derive(Debug, PartialEq)]
pub(crate) struct Simulate {
    pub(crate) input: Input,
    /// Policies of files, in the place of those generated.
    pub(crate) policies: Vec<PathBuf>,
    /// Only what would be cut.
    pub(crate) denied: bool,
    pub(crate) json: bool,
}

/// Tries the policies on what was recorded. Found is: something recorded would be cut.
pub(crate) fn simulate(plan: &Simulate, screen: Screen) -> anyhow::Result<Report> {
    let Simulate { input, policies: paths, denied, json } = plan;
    let Learned { maps, mut remarks, cluster } = input.read(Kinds::NETWORK)?;
    let neighborhoods = recorded::neighborhoods(&maps);
    if neighborhoods.is_empty() {
        anyhow::bail!("there is no NetworkNeighborhood, and so no flow to try policies on");
    }
    let newer = if paths.is_empty() {
        in_force::generated(&maps)
    } else {
        let namespace = match &input.scope {
            Scope::Named(namespace) => namespace.clone(),
            Scope::Default | Scope::All => cluster.as_ref().map_or_else(|| "default".to_owned(), |cluster| cluster.namespace().to_owned()),
        };
        let policies = manifests::network_policies(&manifests::read(paths)?, &namespace)?;
        if policies.is_empty() {
            remarks.push("Warning: the files hold no NetworkPolicy".to_owned());
        }
        policies
    };
    let (in_force, live) = match &cluster {
        Some(cluster) => (in_force::of_cluster(cluster)?, recorded::live(cluster)?),
        None => Default::default(),
    };
    let policies = in_force::replaced(in_force, newer);
    let recorded = flows::flows(&neighborhoods, live);
    // Not `judge`, which puts every verdict into words: of many flows few are shown.
    let evaluator = Evaluator::new(&policies, &recorded.cluster)?;
    let judged = |flow| Line { flow, verdict: evaluator.judge(&flow.flow), evaluator: &evaluator };
    let lines: Vec<Line<'_>> = recorded.flows.iter().map(judged).collect();
    let cut = lines.iter().filter(|line| line.is_cut()).count();
    let shown: Vec<&Line<'_>> = lines.iter().filter(|line| !denied || line.is_cut()).collect();
    let text = if *json {
        let flows: Vec<_> = shown.iter().map(|line| line.json()).collect();
        escape::json(&serde_json::to_string_pretty(&json!({"flows": flows, "cut": cut, "recorded": lines.len()}))?).into_owned() + "\n"
    } else {
        page(&shown, cut, lines.len(), screen)
    };
    remarks.extend(unjudged(&recorded));
    Ok(Report { text, remarks, found: cut > 0 })
}

/// A flow and what becomes of it.
struct Line<'a> {
    flow: &'a RecordedFlow<'a>,
    verdict: Verdict,
    evaluator: &'a Evaluator<'a>,
}

impl Line<'_> {
    /// Whether something is cut that is meant to pass.
    fn is_cut(&self) -> bool {
        recorded::aside(&self.flow.seen).is_none() && !self.verdict.is_allowed()
    }

    fn reason(&self) -> String {
        self.evaluator.reason(&self.flow.flow, &self.verdict)
    }

    fn word(&self) -> &'static str {
        match (self.verdict.is_allowed(), self.is_cut()) {
            (true, _) => "allowed",
            (false, true) => "CUT",
            (false, false) => "cut, not counted",
        }
    }

    fn row(&self) -> [String; 6] {
        let seen = &self.flow.seen;
        let way = if seen.direction == RuleDirection::Ingress { "from" } else { "to" };
        let why = match recorded::aside(seen) {
            Some(aside) => format!("{aside}; {}", self.reason()),
            None => self.reason(),
        };
        let port = format!("{:?} {}", self.flow.port.protocol, self.flow.port.port);
        [self.word().to_owned(), recorded::whose(seen.neighborhood), way.to_owned(), show::peer(seen.neighbor), port, why]
    }

    fn json(&self) -> serde_json::Value {
        let RecordedFlow { seen, port, .. } = self.flow;
        let workload = &seen.neighborhood.spec.workload;
        json!({
            "namespace": seen.neighborhood.metadata.namespace,
            "workload": format!("{}/{}", workload.kind, workload.name),
            "container": seen.container,
            "direction": seen.direction,
            "peer": show::peer(seen.neighbor),
            "protocol": port.protocol,
            "port": port.port,
            "allowed": self.verdict.is_allowed(),
            "counted": recorded::aside(seen).is_none(),
            "reason": self.reason(),
        })
    }
}

fn page(shown: &[&Line<'_>], cut: usize, all: usize, screen: Screen) -> String {
    let mut page = Page::new(screen);
    if !shown.is_empty() {
        let mut table = Table::new(&["VERDICT", "WORKLOAD", "", "PEER", "PORT", "WHY"]);
        for line in shown {
            table.row(line.row());
        }
        page.plain_table(&table);
        page.blank();
    }
    let summary = format!("{cut} of {} would be cut", count(all, "recorded flow", "recorded flows"));
    page.line(if cut > 0 { Style::Warning } else { Style::Plain }, &summary);
    page.into_text()
}

/// What no policy speaks of, each once.
fn unjudged(recorded: &Recorded<'_>) -> Vec<String> {
    let mut remarks: Vec<String> = Vec::new();
    for flows::Unjudged { seen, why } in &recorded.unjudged {
        let remark = format!("Note: {}: {} is not judged: {why}", recorded::whose(seen.neighborhood), show::peer(seen.neighbor));
        if !remarks.contains(&remark) {
            remarks.push(remark);
        }
    }
    remarks
}
