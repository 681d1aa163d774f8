//! `policy apply`: each rule is reviewed, what would be cut is shown, and only then anything is done. `policy undo`: and undone.

mod carry_out;
mod dialogue;
mod keep;
mod plan;
mod preview;
mod review;
mod risk;
mod undo;

use std::{
    io::{self, IsTerminal},
    path::PathBuf,
};

use anyhow::bail;
use runtimemap_crds::{GeneratedNetworkPolicy, Review, review::hash};

use crate::{
    cli::{DryRun, Report},
    cluster::{Cluster, Kinds},
    export::lacks,
    in_force,
    input::{Input, Learned},
    map::{Map, refuse_learning},
    page::Screen,
};
use plan::Planned;
use review::{Outcome, Subject};

pub(crate) use dialogue::{Dialogue, Terminal, say_all};
pub(crate) use keep::{now, user};
pub(crate) use undo::{Undo, undo};

/// What to review and apply.
#[derive(Debug, PartialEq)]
pub(crate) struct Apply {
    pub(crate) input: Input,
    /// Ask nothing.
    pub(crate) yes: bool,
    pub(crate) dry_run: DryRun,
    pub(crate) force_conflicts: bool,
    pub(crate) allow_incomplete: bool,
    /// Ask also what was decided.
    pub(crate) review_all: bool,
    pub(crate) plan_out: Option<PathBuf>,
    pub(crate) plan: Option<PathBuf>,
}

/// Reviews and applies.
pub(crate) fn apply(plan: &Apply) -> anyhow::Result<Report> {
    if let Some(file) = &plan.plan {
        return plan::apply(plan, file);
    }
    let ask = !plan.yes;
    if ask && !io::stdin().is_terminal() {
        bail!(
            "a review needs a terminal, and standard input is none: give --yes to take every rule that is not rejected, \
             or review at a terminal with --plan-out FILE and apply that with --plan FILE"
        );
    }
    let Learned { maps, mut remarks, cluster } = plan.input.read(Kinds::NETWORK)?;
    let mut subjects = subjects(&maps, cluster.as_ref(), &mut remarks)?;
    if subjects.is_empty() {
        bail!("there is no GeneratedNetworkPolicy and no NetworkNeighborhood to make one from");
    }
    refuse_learning(subjects.iter().map(|subject| subject.map), plan.allow_incomplete)?;
    for subject in &subjects {
        remarks.extend(lacks(subject.map));
    }
    // Whoever only prints needs no cluster.
    let cluster = match cluster {
        None if plan.dry_run != DryRun::Client && plan.plan_out.is_none() => Some(plan.input.connect()?),
        cluster => cluster,
    };
    let world = preview::World::of(&plan.input, &maps, cluster.as_ref())?;
    let by = user(cluster.as_ref());
    if !plan.review_all {
        for subject in &mut subjects {
            subject.take_over(&mut remarks);
        }
    }
    let mut terminal = Terminal::new(Screen::of_stderr());
    for remark in remarks.drain(..) {
        terminal.say(&remark)?;
    }
    if ask {
        for subject in &mut subjects {
            subject.risks = risk::of_policy(subject, &world);
        }
        if review::review(&mut subjects, &by, &mut terminal)? == Outcome::Quit {
            return Ok(Report { remarks: vec!["Nothing was changed.".to_owned()], ..Report::default() });
        }
    } else {
        subjects.iter_mut().for_each(|subject| subject.approve_rest(&by));
    }
    let planned: Vec<Planned> = subjects.iter().map(|subject| Planned::of(subject, &world)).collect();
    let cut = world.cut(planned.iter().map(|planned| planned.policy.clone()).collect())?;
    say_all(&mut terminal, &preview::summary(&subjects, &cut))?;
    if let Some(file) = &plan.plan_out {
        return plan::write(file, &planned);
    }
    let question = format!("Apply {}? [y,n,p,?] ", crate::show::count(planned.len(), "policy", "policies"));
    if ask && plan.dry_run == DryRun::None && !confirmed(&question, &planned, &mut terminal)? {
        return Ok(Report { remarks: vec!["Nothing was changed.".to_owned()], ..Report::default() });
    }
    let mut report = carry_out::carry_out(plan, cluster.as_ref(), &planned)?;
    // A review of a file is kept also where nothing is applied: without a person there was none.
    if plan.dry_run == DryRun::None || (ask && plan.input.is_files()) {
        keep::keep(plan, cluster.as_ref(), &subjects, &mut report)?;
    }
    Ok(report)
}

fn confirmed(question: &str, planned: &[Planned], dialogue: &mut dyn Dialogue) -> anyhow::Result<bool> {
    loop {
        match dialogue.ask(question)?.as_deref().map(str::trim) {
            Some("y") => return Ok(true),
            Some("n" | "q") | None => return Ok(false),
            Some("p") => {
                for planned in planned {
                    planned.yaml()?.lines().try_for_each(|line| dialogue.say(line))?;
                }
            }
            Some(_) => {
                ["y - apply", "n - change nothing", "p - print the policies", "? - this"].iter().try_for_each(|line| dialogue.say(line))?;
            }
        }
    }
}

/// The policies with their rules, and what was decided about them.
fn subjects<'a>(maps: &'a [Map], cluster: Option<&Cluster>, remarks: &mut Vec<String>) -> anyhow::Result<Vec<Subject<'a>>> {
    let mut subjects = Vec::new();
    for map in maps {
        let Some(mut policy) = in_force::of_map(map) else {
            remarks.push(format!("Warning: {} has no NetworkNeighborhood, so no policy", map.title()));
            continue;
        };
        if let (None, Some(cluster)) = (&map.policy, cluster) {
            policy.review = keep::kept_with_policy(cluster, &policy)?;
        }
        subjects.push(Subject::new(map, *policy));
    }
    Ok(subjects)
}

/// The review of a policy that holds it itself.
fn review_of(policy: &GeneratedNetworkPolicy) -> Option<&Review> {
    policy.review.as_ref()
}

/// The hash by which a plan knows what it was made from.
fn source_hash(policy: &GeneratedNetworkPolicy) -> String {
    hash(&policy.spec)
}
