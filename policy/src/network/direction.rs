//! Which directions a policy restricts.

use runtimemap_crds::{Neighbor, PeerClass, RuleDirection};

use super::{Options, rule::Finished};
use crate::notes::Notes;

/// What there was of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum One {
    /// No traffic that a policy could speak of.
    #[default]
    Unseen,
    /// Not to be spoken of, whatever there was.
    Forgotten,
    /// Traffic, none of which made a rule.
    Unruled,
    /// Rules.
    Ruled,
}

/// What there was of both.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    ingress: One,
    egress: One,
}

impl Seen {
    /// Counts a neighbor that is not left out.
    pub(super) fn add(&mut self, direction: RuleDirection, neighbor: &Neighbor) {
        // No policy applies to these.
        if !matches!(neighbor.peer.class, PeerClass::SelfPeer | PeerClass::Multicast) {
            match direction {
                RuleDirection::Ingress => self.ingress = One::Unruled,
                RuleDirection::Egress => self.egress = One::Unruled,
            }
        }
    }

    /// Leaves one direction out.
    pub(super) fn forget(&mut self, direction: RuleDirection) {
        match direction {
            RuleDirection::Ingress => self.ingress = One::Forgotten,
            RuleDirection::Egress => self.egress = One::Forgotten,
        }
    }

    /// Counts the rules.
    pub(super) fn count(&mut self, rules: &Finished) {
        if !rules.ingress.is_empty() {
            self.ingress = One::Ruled;
        }
        if !rules.egress.is_empty() {
            self.egress = One::Ruled;
        }
    }

    /// The types of the policy, of which there has to be one: without any, the API server takes Ingress.
    ///
    /// A type without rules cuts the whole direction. So one is there for a direction with rules; for one in which nothing was seen
    /// only on request, or where else there were none; and for one whose traffic made no rule at last, since that cuts what was seen.
    pub(super) fn policy_types(self, options: &Options, notes: &mut Notes) -> Vec<String> {
        let Self { ingress, egress } = self;
        let either = |what: One| ingress == what || egress == what;
        let is_listed = |one: One| match one {
            One::Ruled => true,
            One::Forgotten => false,
            One::Unseen => options.cut_unseen || !either(One::Ruled) && !either(One::Forgotten),
            One::Unruled => !either(One::Ruled) && !either(One::Unseen),
        };
        let mut types = Vec::new();
        for (type_, word, one) in [("Ingress", "ingress", ingress), ("Egress", "egress", egress)] {
            let listed = is_listed(one);
            match (one, listed) {
                (One::Ruled | One::Forgotten, _) => {}
                (One::Unseen, true) => notes.add(format!("no {word} was seen, and this policy cuts all of it")),
                (One::Unseen, false) => {
                    notes.add(format!("no {word} was seen, and none is restricted: add {type_} to policyTypes to cut all of it"));
                }
                (One::Unruled, true) => {
                    notes.add(format!("the {word} seen could not be made into rules: applied as it is, this policy cuts all of it"));
                }
                (One::Unruled, false) => notes.add(format!(
                    "the {word} seen could not be made into rules, so none is restricted: decide on it, then add {type_} to policyTypes"
                )),
            }
            if listed {
                types.push(type_.to_owned());
            }
        }
        types
    }
}
