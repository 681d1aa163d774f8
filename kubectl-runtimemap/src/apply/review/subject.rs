//! A policy under review.

use runtimemap_crds::{Decision, GeneratedNetworkPolicy, Review, Verdict};

use super::decision;
use crate::{
    apply::review_of,
    map::Map,
    rules::{self, Content, Rule},
};

/// A generated policy and what is decided about its rules.
pub(crate) struct Subject<'a> {
    pub(crate) map: &'a Map,
    pub(crate) policy: GeneratedNetworkPolicy,
    pub(crate) items: Vec<Item>,
    /// What a reviewer must know of the policy as a whole.
    pub(crate) risks: Vec<String>,
}

/// A rule under review.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// As it was generated.
    pub(crate) rule: Rule,
    /// As it is now: several where it was split.
    pub(crate) contents: Vec<Content>,
    pub(crate) decision: Option<Decision>,
}

impl Item {
    /// Whether it is other than it was generated.
    pub(crate) fn changed(&self) -> bool {
        self.contents.as_slice() != std::slice::from_ref(&self.rule.content)
    }
}

impl<'a> Subject<'a> {
    pub(crate) fn new(map: &'a Map, policy: GeneratedNetworkPolicy) -> Self {
        let items = rules::of_generated(&policy);
        let items = items.into_iter().map(|rule| Item { contents: vec![rule.content.clone()], rule, decision: None }).collect();
        Self { map, policy, items, risks: Vec::new() }
    }

    /// `shop/Deployment/web`.
    pub(crate) fn title(&self) -> String {
        if self.map.namespace.is_empty() { self.map.title() } else { format!("{}/{}", self.map.namespace, self.map.title()) }
    }

    /// Takes over what was decided before, and says what was rejected and is still there.
    pub(crate) fn take_over(&mut self, remarks: &mut Vec<String>) {
        let title = self.title();
        for item in &mut self.items {
            let Some(decision) = rules::decision(review_of(&self.policy), &item.rule) else { continue };
            if decision.decision == Verdict::Rejected {
                let seen = item.rule.evidence.as_ref().and_then(|evidence| evidence.first_seen.as_ref());
                let again = match (seen, &decision.at) {
                    (Some(seen), Some(at)) if seen.0 > at.0 => format!("seen again {}", seen.0),
                    _ => "still in what was learned".to_owned(),
                };
                let what = item.rule.evidence.as_ref().map_or_else(|| rules::words(&item.rule.content), |evidence| evidence.reason.clone());
                remarks.push(format!("Note: {title}: rejected by {}, {again}: {what}", decision.by));
            }
            item.contents = match rules::after(decision, &item.rule) {
                changed if changed.is_empty() => vec![item.rule.content.clone()],
                changed => changed.into_iter().map(|rule| rule.content).collect(),
            };
            item.decision = Some(decision.clone());
        }
    }

    pub(super) fn decide(&mut self, place: usize, verdict: Verdict, by: &str) {
        let decision = decision(&self.items[place], verdict, by);
        self.items[place].decision = Some(decision);
    }

    /// Approves all that is not decided.
    pub(crate) fn approve_rest(&mut self, by: &str) {
        for place in 0..self.items.len() {
            if self.items[place].decision.is_none() {
                self.decide(place, Verdict::Approved, by);
            }
        }
    }

    /// The rules to apply: those that were approved.
    pub(crate) fn rules(&self) -> Vec<Rule> {
        let approved =
            self.items.iter().filter(|item| item.decision.as_ref().is_some_and(|decision| decision.decision == Verdict::Approved));
        approved.flat_map(|item| item.contents.iter().map(|content| Rule { content: content.clone(), ..item.rule.clone() })).collect()
    }

    /// Rules by what was decided: approved, rejected, neither.
    pub(crate) fn counts(&self) -> [usize; 3] {
        let count =
            |verdict: Option<Verdict>| self.items.iter().filter(|item| item.decision.as_ref().map(|one| one.decision) == verdict).count();
        [count(Some(Verdict::Approved)), count(Some(Verdict::Rejected)), count(None)]
    }

    /// The review to keep: what was decided, and what is still remembered of rules that are not there now.
    pub(crate) fn review(&self) -> Review {
        let mut decisions: Vec<Decision> = self.items.iter().filter_map(|item| item.decision.clone()).collect();
        let known = review_of(&self.policy).map(|review| review.decisions.as_slice()).unwrap_or_default();
        decisions.extend(known.iter().filter(|known| !self.items.iter().any(|item| item.rule.id == known.rule)).cloned());
        // The schema's bound; what is there now comes first.
        decisions.truncate(500);
        Review { decisions }
    }
}
