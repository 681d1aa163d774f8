//! Words that several parts use.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use runtimemap_crds::{LossCause, Origin, condition};

use crate::map::Map;

/// What a reader must know before trusting a map, worst first, each in one line.
pub(crate) fn warnings(map: &Map) -> Vec<String> {
    let mut warnings: Vec<(u8, String)> = Vec::new();
    let mut add = |severity, text| {
        // Profile and neighborhood often say the same.
        if !warnings.iter().any(|(_, known)| *known == text) {
            warnings.push((severity, text));
        }
    };
    for (what, conditions) in generated(map) {
        for condition in conditions.iter().filter(|condition| condition::severity(condition) > 0) {
            add(condition::severity(condition), format!("{what} is not current: {}", condition.message));
        }
    }
    for container in &map.privileged {
        add(3, format!("container {container} is privileged: what it did says little of what it can do"));
    }
    let has_losses = map.statuses().any(|status| !status.losses.is_empty());
    for status in map.statuses() {
        for condition in &status.conditions {
            let severity = condition::severity(condition);
            // The losses themselves say more.
            let told = condition.type_ == condition::EVENTS_LOST && has_losses;
            if severity > 0 && !told {
                let text = if condition.message.is_empty() { &condition.reason } else { &condition.message };
                let unknown = if severity == 1 { " is not known" } else { "" };
                add(severity, format!("{}{unknown}: {text}", condition.type_));
            }
        }
        for loss in &status.losses {
            let container = if loss.container.is_empty() { String::new() } else { format!(" of container {}", loss.container) };
            let node = if loss.node.is_empty() { String::new() } else { format!(" on node {}", loss.node) };
            add(2, format!("at most {} facts{container} were lost{node}: {}", loss.count, cause(loss.cause)));
        }
    }
    let observed = map.profile.is_some() || map.neighborhood.is_some();
    if observed && map.statuses().next().is_none() {
        add(2, "there is no status: nothing says how complete this is".to_owned());
    }
    warnings.sort_by_key(|(severity, _)| u8::MAX - severity);
    warnings.into_iter().map(|(_, text)| text).collect()
}

/// What was generated, with what is said of it.
fn generated(map: &Map) -> impl Iterator<Item = (&'static str, &[Condition])> {
    let policy = map.policy.as_ref().and_then(|object| object.status.as_ref()).map(|status| ("the network policy", &status.conditions[..]));
    let filters =
        map.seccomp.as_ref().and_then(|object| object.status.as_ref()).map(|status| ("the seccomp profile", &status.conditions[..]));
    policy.into_iter().chain(filters)
}

fn cause(cause: LossCause) -> &'static str {
    match cause {
        LossCause::RingFull => "the buffer between kernel and recorder was full",
        LossCause::MapFull => "a table in the kernel was full",
        LossCause::TooLong => "a path or an argument list was too long",
        LossCause::Unresolved => "a path, an address or a container could not be read",
        LossCause::Throttled => "more that was new, per second, than the container's share",
        LossCause::Missed => "the kernel skipped a program: it was running there already, or too many calls were under way",
        LossCause::Undecodable => "a record could not be understood",
        LossCause::LedgerFull => "the recorder's own table of the container was full",
        LossCause::Upgrade => "records of an older recorder were dropped at an upgrade",
        LossCause::Unwatched => "nobody recorded for a while, or what was recorded is gone",
    }
}

/// Who did something, where it was not the container's own command.
pub(crate) fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Entrypoint => "entrypoint",
        Origin::Probe => "probe",
        Origin::Exec => "exec",
        Origin::Runtime => "runtime",
        Origin::Snapshot => "snapshot",
    }
}

/// As [`origin`], empty for the container's own command.
pub(super) fn foreign_origin(of: Origin) -> &'static str {
    if of == Origin::Entrypoint { "" } else { origin(of) }
}

/// A time as Kubernetes writes it; empty where there is none.
pub(super) fn time(time: Option<&Time>) -> String {
    time.map(|time| time.0.to_string()).unwrap_or_default()
}

/// `1 file`, `2 files`.
pub(crate) fn count(number: usize, singular: &str, plural: &str) -> String {
    format!("{number} {}", if number == 1 { singular } else { plural })
}

/// At most `limit` characters; what is cut out of the middle is `…`.
pub(super) fn shorten(text: &str, limit: usize) -> String {
    let length = text.chars().count();
    if length <= limit {
        return text.to_owned();
    }
    let head = limit / 2;
    let tail = limit.saturating_sub(head + 1);
    text.chars().take(head).chain(['…']).chain(text.chars().skip(length - tail)).collect()
}

/// Names in one cell; past `limit` characters only how many more there are.
pub(super) fn list<'a>(names: impl IntoIterator<Item = &'a str>, limit: Option<usize>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let Some(limit) = limit else { return names.join(", ") };
    let mut text = String::new();
    for (index, name) in names.iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        if index > 0 && text.chars().count() + separator.len() + name.chars().count() > limit {
            return format!("{text}, +{}", names.len() - index);
        }
        text.push_str(separator);
        text.push_str(&shorten(name, limit));
    }
    text
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;
    use runtimemap_crds::{
        GeneratedNetworkPolicy, GeneratedNetworkPolicyStatus,
        condition::{CURRENT, condition, reason},
    };

    use super::*;

    #[test]
    fn long_text_keeps_both_ends() {
        assert_eq!(shorten("abcdefghij", 10), "abcdefghij");
        assert_eq!(shorten("abcdefghijk", 6), "abc…jk");
        assert_eq!(shorten("ääääää", 4), "ää…ä");
    }

    #[test]
    fn a_list_says_how_many_it_leaves_out() {
        let names = ["alpha", "beta", "gamma", "delta"];
        assert_eq!(list(names, None), "alpha, beta, gamma, delta");
        assert_eq!(list(names, Some(12)), "alpha, beta, +2");
        assert_eq!(list(["a-name-much-longer-than-the-cell", "b"], Some(8)), "a-na…ell, +1");
    }

    #[test]
    fn a_generated_object_that_is_older_than_what_was_learned_since_is_warned_of() {
        let warned = |current: bool| {
            let told = condition(CURRENT, current, reason::LEARNED_SINCE, "more was learned", Time(Timestamp::UNIX_EPOCH));
            let mut policy = GeneratedNetworkPolicy::new("deployment-web", Default::default());
            policy.status = Some(GeneratedNetworkPolicyStatus { conditions: vec![told], ..GeneratedNetworkPolicyStatus::default() });
            warnings(&Map { policy: Some(Box::new(policy)), ..Map::default() })
        };
        assert_eq!(warned(false), ["the network policy is not current: more was learned"]);
        assert!(warned(true).is_empty());
    }
}
