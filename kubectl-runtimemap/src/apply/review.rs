//! One decision for each rule: keys as in `git add -p`.

mod change;
mod subject;

use anyhow::Context as _;
use runtimemap_crds::{Decision, Verdict};

use super::{
    dialogue::{Dialogue, say_all},
    risk,
};
use crate::{rules, show};

pub(super) use subject::{Item, Subject};

/// How a review ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Everything was decided, or the rest left for another time.
    Done,
    /// Forget it.
    Quit,
}

/// Keys and what they do, in the order in which they are offered.
const HELP: [(&str, &str); 12] = [
    ("y", "allow this"),
    ("n", "reject this: it is left out, now and in later reviews"),
    ("a", "allow this and all later rules of this workload"),
    ("d", "done: leave this and all later rules undecided; undecided rules are left out"),
    ("q", "quit: change nothing, keep no decision"),
    ("s", "split into one rule for each peer and port"),
    ("e", "edit the rule by hand"),
    ("w", "widen or narrow it"),
    ("/", "search for a rule that holds a text"),
    ("j", "leave this undecided, see the next"),
    ("k", "leave this undecided, see the one before"),
    ("?", "help"),
];

/// Asks about every rule that is not decided.
pub(super) fn review(subjects: &mut [Subject<'_>], by: &str, dialogue: &mut dyn Dialogue) -> anyhow::Result<Outcome> {
    for subject in subjects {
        let title = subject.title();
        if subject.items.iter().all(|item| item.decision.is_some()) {
            dialogue.say(&format!("{title}: every rule is decided"))?;
            continue;
        }
        for risk in &subject.risks {
            dialogue.say(&format!("! {title}: {risk}"))?;
        }
        match of_subject(subject, by, dialogue)? {
            Next::Subject => {}
            Next::Done => return Ok(Outcome::Done),
            Next::Quit => return Ok(Outcome::Quit),
        }
    }
    Ok(Outcome::Done)
}

/// Where to go on.
enum Next {
    Subject,
    Done,
    Quit,
}

fn of_subject(subject: &mut Subject<'_>, by: &str, dialogue: &mut dyn Dialogue) -> anyhow::Result<Next> {
    let Some(mut place) = subject.items.iter().position(|item| item.decision.is_none()) else { return Ok(Next::Subject) };
    loop {
        say_all(dialogue, &describe(subject, place))?;
        let keys = keys(subject, place);
        let question = format!("Allow this? [{}] ", keys.join(","));
        let Some(answer) = dialogue.ask(&question)? else {
            dialogue.say("")?;
            return Ok(Next::Quit);
        };
        let answer = answer.trim();
        let key = answer.chars().next().map(String::from).unwrap_or_default();
        if !keys.contains(&key.as_str()) || (key != "/" && answer.len() > 1) {
            say_all(dialogue, &help(&keys))?;
            continue;
        }
        let mut onward = true;
        match key.as_str() {
            "y" => subject.decide(place, Verdict::Approved, by),
            "n" => subject.decide(place, Verdict::Rejected, by),
            "a" => {
                for later in place..subject.items.len() {
                    if subject.items[later].decision.is_none() {
                        subject.decide(later, Verdict::Approved, by);
                    }
                }
            }
            "d" => return Ok(Next::Done),
            "q" => return Ok(Next::Quit),
            "s" => {
                change::split(&mut subject.items[place]);
                onward = false;
            }
            "e" => {
                change::edit(&mut subject.items[place], dialogue)?;
                onward = false;
            }
            "w" => {
                change::widen(&mut subject.items[place], dialogue)?;
                onward = false;
            }
            "/" => {
                let wanted = match answer.strip_prefix('/').filter(|text| !text.is_empty()) {
                    Some(text) => text.to_owned(),
                    None => dialogue.ask("Search for: ")?.unwrap_or_default(),
                };
                onward = false;
                match find(subject, place, &wanted) {
                    Some(found) => place = found,
                    None => dialogue.say(&format!("no other undecided rule holds {wanted:?}"))?,
                }
            }
            "j" => {
                place = undecided_after(subject, place).context("there is no later rule")?;
                onward = false;
            }
            "k" => {
                place = undecided_before(subject, place).context("there is no earlier rule")?;
                onward = false;
            }
            _ => {
                say_all(dialogue, &help(&keys))?;
                onward = false;
            }
        }
        if onward {
            match undecided_after(subject, place).or_else(|| subject.items.iter().position(|item| item.decision.is_none())) {
                Some(next) => place = next,
                None => return Ok(Next::Subject),
            }
        }
    }
}

fn undecided_after(subject: &Subject<'_>, place: usize) -> Option<usize> {
    (place + 1..subject.items.len()).find(|next| subject.items[*next].decision.is_none())
}

fn undecided_before(subject: &Subject<'_>, place: usize) -> Option<usize> {
    (0..place).rev().find(|next| subject.items[*next].decision.is_none())
}

fn find(subject: &Subject<'_>, place: usize, wanted: &str) -> Option<usize> {
    let order = (place + 1..subject.items.len()).chain(0..place);
    let wanted = wanted.to_lowercase();
    order
        .filter(|next| subject.items[*next].decision.is_none())
        .find(|next| describe(subject, *next).iter().any(|line| line.to_lowercase().contains(&wanted)))
}

/// Keys that mean something here.
fn keys(subject: &Subject<'_>, place: usize) -> Vec<&'static str> {
    let item = &subject.items[place];
    let valid = |key: &str| match key {
        "s" => change::can_split(item),
        "/" => subject.items.iter().filter(|item| item.decision.is_none()).count() > 1,
        "j" => undecided_after(subject, place).is_some(),
        "k" => undecided_before(subject, place).is_some(),
        _ => true,
    };
    HELP.into_iter().map(|(key, _)| key).filter(|key| valid(key)).collect()
}

fn help(keys: &[&str]) -> Vec<String> {
    let lines = HELP.into_iter().filter(|(key, _)| keys.contains(key)).map(|(key, what)| format!("{key} - {what}"));
    lines.collect()
}

/// A rule with its evidence.
fn describe(subject: &Subject<'_>, place: usize) -> Vec<String> {
    let item = &subject.items[place];
    let mut lines = vec![String::new(), format!("{} [{}/{}]", subject.title(), place + 1, subject.items.len())];
    let way = if item.rule.direction == runtimemap_crds::RuleDirection::Ingress { "from" } else { "to" };
    let changed = if item.changed() { " (changed)" } else { "" };
    for content in &item.contents {
        lines.push(format!("  allow {way} {}{changed}", rules::words(content)));
    }
    if let Some(evidence) = &item.rule.evidence {
        lines.push(format!("  since {}", evidence.reason));
        let mut seen = Vec::new();
        if let Some(first) = &evidence.first_seen {
            seen.push(format!("first seen {}", first.0));
        }
        if !evidence.containers.is_empty() {
            seen.push(format!("by container {}", evidence.containers.join(", ")));
        }
        if evidence.origin != runtimemap_crds::Origin::Entrypoint {
            seen.push(format!("done by {}", show::origin(evidence.origin)));
        }
        if !seen.is_empty() {
            lines.push(format!("  {}", seen.join(", ")));
        }
    }
    lines.extend(risk::of_rule(item).into_iter().map(|risk| format!("  ! {risk}")));
    lines
}

/// A decision as it is kept.
fn decision(item: &Item, verdict: Verdict, by: &str) -> Decision {
    let replacement = (verdict == Verdict::Approved && item.changed()).then(|| serde_json::to_value(&item.contents).unwrap_or_default());
    Decision {
        rule: item.rule.id.clone(),
        hash: item.rule.hash(),
        decision: verdict,
        replacement,
        by: by.to_owned(),
        at: Some(super::keep::now()),
    }
}

#[cfg(test)]
mod tests;
