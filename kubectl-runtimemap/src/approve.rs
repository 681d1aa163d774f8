//! `seccomp approve`: a person wants a workload's filters on the nodes, or no longer.

use std::io::{self, IsTerminal};

use anyhow::bail;
use runtimemap_crds::{Decision, Review, SeccompProfile, Verdict, review};
use serde_json::json;

use crate::{
    apply::{Dialogue, Terminal, now, say_all, user},
    cli::Report,
    cluster::{FILTERS, Kinds},
    escape,
    export::lacks,
    input::{Input, Learned},
    map::{Map, refuse_learning},
    page::Screen,
    show::{count, described},
};

/// Of which workloads, and whether to ask.
#[derive(Debug, PartialEq)]
pub(crate) struct Approve {
    pub(crate) input: Input,
    /// Ask nothing.
    pub(crate) yes: bool,
    pub(crate) dry_run: bool,
    pub(crate) allow_incomplete: bool,
    /// Take approvals back.
    pub(crate) withdraw: bool,
}

/// Whose filters, and what the reviewer sees of them.
struct Subject<'a> {
    map: &'a Map,
    profile: &'a SeccompProfile,
}

/// Reviews the filters and keeps what was decided.
pub(crate) fn approve(plan: &Approve) -> anyhow::Result<Report> {
    let ask = !plan.yes && !plan.withdraw;
    if ask && !io::stdin().is_terminal() {
        bail!("a review needs a terminal, and standard input is none: see the filters with `seccomp export`, then give --yes");
    }
    let Learned { maps, remarks, cluster } = plan.input.read(Kinds::SECCOMP)?;
    let Some(cluster) = cluster else { bail!("filters are carried to the nodes of a cluster: leave -f out") };
    let subjects: Vec<Subject<'_>> = maps.iter().filter_map(|map| Some(Subject { map, profile: map.seccomp.as_deref()? })).collect();
    if subjects.is_empty() {
        bail!("there is no SeccompProfile; the setting nodeAgent.generatePolicies.seccomp asks for them");
    }
    let (open, done): (Vec<_>, Vec<_>) = subjects.into_iter().partition(|subject| subject.is_approved() == plan.withdraw);
    let mut terminal = Terminal::new(Screen::of_stderr());
    say_all(&mut terminal, &remarks)?;
    for subject in done {
        terminal.say(&format!("{} {}", subject.title(), if plan.withdraw { "is not approved" } else { "is approved as it is" }))?;
    }
    if !plan.withdraw {
        refuse_learning(open.iter().map(|subject| subject.map), plan.allow_incomplete)?;
    }
    let chosen = if ask { reviewed(open, &mut terminal)? } else { Some(open) };
    let Some(chosen) = chosen else {
        return Ok(Report { remarks: vec!["Nothing was changed.".to_owned()], ..Report::default() });
    };
    let by = user(Some(&cluster));
    let verdict = if plan.withdraw { Verdict::Rejected } else { Verdict::Approved };
    let mut report = Report::default();
    for subject in chosen {
        if !plan.dry_run {
            let review = subject.decided(verdict, &by);
            cluster.merge(&FILTERS.object(&subject.map.namespace, &subject.map.name), &json!({"review": review}))?;
        }
        let what = if plan.withdraw { "no longer approved" } else { "approved" };
        let marker = if plan.dry_run { " (dry run)" } else { "" };
        report.text.push_str(&format!("{} {what}{marker}\n", escape::line(&FILTERS.named(&subject.map.name))));
    }
    Ok(report)
}

/// Asks about each. None if the reviewer wants nothing done.
fn reviewed<'a>(subjects: Vec<Subject<'a>>, dialogue: &mut dyn Dialogue) -> anyhow::Result<Option<Vec<Subject<'a>>>> {
    let total = subjects.len();
    let mut chosen = Vec::new();
    for (place, subject) in subjects.into_iter().enumerate() {
        dialogue.say(&format!("{} [{}/{total}]", subject.title(), place + 1))?;
        say_all(dialogue, &subject.summary())?;
        loop {
            match dialogue.ask("Approve these filters for the nodes? [y,n,p,q,?] ")?.as_deref().map(str::trim) {
                Some("y") => {
                    chosen.push(subject);
                    break;
                }
                Some("n") => break,
                Some("q") | None => return Ok(None),
                Some("p") => {
                    let text = serde_json::to_string_pretty(&subject.profile.spec)?;
                    text.lines().try_for_each(|line| dialogue.say(line))?;
                }
                Some(_) => {
                    let help = ["y - approve", "n - leave it as it is", "p - print the filters", "q - change nothing", "? - this"];
                    help.iter().try_for_each(|line| dialogue.say(line))?;
                }
            }
        }
    }
    Ok(Some(chosen))
}

impl Subject<'_> {
    fn title(&self) -> String {
        format!("{}/{}", self.map.namespace, self.map.title())
    }

    fn is_approved(&self) -> bool {
        self.profile.decision().is_some_and(|decision| decision.decision == Verdict::Approved)
    }

    /// What the filters are, and what a reviewer should know.
    fn summary(&self) -> Vec<String> {
        let Self { map, profile } = self;
        let mut lines: Vec<String> = lacks(map).collect();
        lines.push(format!("  {}", described(profile)));
        let notes = profile.status.iter().flat_map(|status| &status.notes);
        lines.extend(notes.map(|note| format!("  note: {note}")));
        let nodes = profile.status.iter().find_map(|status| status.delivery.as_ref()).map(|delivery| delivery.nodes_wanted);
        lines.extend(nodes.map(|nodes| format!("  pods of it are on {}", count(nodes as usize, "node", "nodes"))));
        lines
    }

    /// The review with this decision in the place of an older one.
    fn decided(&self, verdict: Verdict, by: &str) -> Review {
        let hash = review::hash(&self.profile.spec);
        let decision = Decision {
            rule: SeccompProfile::DECIDED.to_owned(),
            hash,
            decision: verdict,
            by: by.to_owned(),
            at: Some(now()),
            ..Decision::default()
        };
        Review { decisions: vec![decision] }
    }
}
