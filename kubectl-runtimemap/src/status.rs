//! `status`: whether runtimemap is installed and well, how far learning is, and what to do next.

mod nodes;
mod parts;

use serde_json::json;

use crate::{
    cli::Report,
    cluster::{Cluster, Connection, PROFILES, Query},
    escape,
    page::{Page, Screen, Style, Table},
    show::count,
};
use nodes::Node;

pub(crate) use parts::{Part, parts};

/// Of which cluster, and how.
#[derive(Debug, PartialEq)]
pub(crate) struct Status {
    pub(crate) connection: Connection,
    pub(crate) json: bool,
}

/// How far learning is.
#[derive(Debug, Default, PartialEq, Eq)]
struct Learning {
    learning: usize,
    complete: usize,
    /// Of both, those that lost something.
    lossy: usize,
    /// Of both, those whose start was not seen.
    started_late: usize,
}

impl Learning {
    fn of(cluster: &Cluster) -> anyhow::Result<Option<Self>> {
        let mut rows = cluster.rows(&PROFILES, Query::default());
        let mut learning = Self::default();
        loop {
            match rows.page() {
                Ok(Some(page)) => {
                    for cells in page {
                        *if cells.text("Phase") == "Complete" { &mut learning.complete } else { &mut learning.learning } += 1;
                        learning.lossy += usize::from(cells.text("Lost") == "True");
                        learning.started_late += usize::from(cells.text("Startup") == "False");
                    }
                }
                Ok(None) => return Ok(Some(learning)),
                Err(failure) if failure.is_not_found() || failure.is_forbidden() => return Ok(None),
                Err(failure) => return Err(failure.into()),
            }
        }
    }

    fn total(&self) -> usize {
        self.learning + self.complete
    }
}

/// Looks, and says. Found is: something is not well.
pub(crate) fn status(plan: &Status, screen: Screen) -> anyhow::Result<Report> {
    let cluster = Cluster::connect(&plan.connection)?;
    let parts = parts(&cluster)?;
    let installed = parts::kinds_are_installed(&cluster)?;
    let learning = if installed { Learning::of(&cluster)? } else { None };
    let nodes = nodes::nodes(&cluster)?;
    let next = next(installed, &parts, learning.as_ref(), nodes.as_deref());
    let found = !installed || parts.is_empty() || parts.iter().any(|part| part.ready < part.wanted);
    let text = if plan.json {
        let value = json!({
            "installed": installed,
            "parts": parts.iter().map(Part::json).collect::<Vec<_>>(),
            "profiles": learning.as_ref().map(|learning| json!({
                "learning": learning.learning, "complete": learning.complete,
                "lossy": learning.lossy, "startedLate": learning.started_late,
            })),
            "nodes": nodes.as_ref().map(|nodes| nodes.iter().map(Node::json).collect::<Vec<_>>()),
            "next": next,
        });
        escape::json(&serde_json::to_string_pretty(&value)?).into_owned() + "\n"
    } else {
        page(installed, &parts, learning.as_ref(), nodes.as_deref(), &next, screen)
    };
    Ok(Report { text, remarks: Vec::new(), found })
}

fn page(installed: bool, parts: &[Part], learning: Option<&Learning>, nodes: Option<&[Node]>, next: &[String], screen: Screen) -> String {
    let mut page = Page::new(screen);
    page.line(Style::Heading, if installed { "runtimemap is installed" } else { "runtimemap is not installed" });
    if !parts.is_empty() {
        let mut table = Table::new(&["PART", "NAMESPACE", "VERSION", "READY"]);
        for part in parts {
            table.row([part.name.clone(), part.namespace.clone(), part.version.clone(), format!("{}/{}", part.ready, part.wanted)]);
        }
        page.table(&table);
    }
    if let Some(learning) = learning {
        let Learning { learning: still, complete, lossy, started_late } = learning;
        page.heading(&format!("Profiles of {}", count(learning.total(), "workload", "workloads")));
        let mut table = Table::new(&["", ""]);
        for (number, what) in [
            (complete, "complete"),
            (still, "still learning"),
            (lossy, "lost something"),
            (started_late, "were running before they were watched"),
        ] {
            table.row([number.to_string(), what.to_owned()]);
        }
        page.table(&table);
    }
    if let Some(nodes) = nodes {
        page.heading(&count(nodes.len(), "node reports", "nodes report"));
        let mut table = Table::new(&["NODE", "ARCHITECTURE", "LOST", "WHAT ITS KERNEL CANNOT SHOW"]);
        for node in nodes {
            let gaps = if node.gaps.is_empty() { "-".to_owned() } else { node.gaps.join("; ") };
            table.row([node.name.clone(), node.architecture.clone(), node.lost.to_string(), gaps]);
        }
        page.table(&table);
    }
    page.heading("Next");
    for step in next {
        page.item(Style::Plain, step);
    }
    page.into_text()
}

/// What to do next: never nothing.
fn next(installed: bool, parts: &[Part], learning: Option<&Learning>, nodes: Option<&[Node]>) -> Vec<String> {
    let mut steps = Vec::new();
    if !installed {
        steps.push("helm install runtimemap deploy/chart -n runtimemap --create-namespace".to_owned());
        return steps;
    }
    if parts.is_empty() {
        steps.push("no controller and no agent was found, or you may not see them; `helm list -A` says where the chart is".to_owned());
    }
    for part in parts.iter().filter(|part| part.ready < part.wanted) {
        steps.push(format!("kubectl describe {} -n {} says why it is not ready", part.reference(), part.namespace));
    }
    for node in nodes.into_iter().flatten().filter(|node| node.lost > 0) {
        steps.push(format!("{} lost facts: `kubectl runtimemap show -A` marks the workloads that miss them", node.name));
    }
    match learning {
        None => {
            steps.push("you may not list profiles in all namespaces; `kubectl runtimemap show -n NAMESPACE` shows those of one".to_owned());
        }
        Some(learning) if learning.total() == 0 => {
            steps.push("wait a minute or two: a profile appears with the first container that starts on a watched node".to_owned());
        }
        Some(learning) if learning.complete == 0 => steps.push("kubectl runtimemap show -A says how long learning goes on".to_owned()),
        Some(_) => {
            steps.push("kubectl runtimemap show -A lists what was learned".to_owned());
            steps.push("kubectl runtimemap policy simulate -A shows what the generated policies would cut".to_owned());
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_always_something_to_do_next() {
        let some = Learning { complete: 1, ..Learning::default() };
        assert!(next(false, &[], None, None)[0].starts_with("helm install"));
        assert_eq!(next(true, &[], Some(&Learning::default()), None).len(), 2);
        assert!(next(true, &[], Some(&some), None).iter().any(|step| step.contains("simulate")));
        assert!(!next(true, &[], None, None).is_empty());
    }
}
