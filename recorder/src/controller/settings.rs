//! What the administrator decides: one ConfigMap, read whenever it changes.

use std::{collections::BTreeMap, net::IpAddr};

use k8s_openapi::jiff::SignedDuration;
use serde::Deserialize;

/// Name of the ConfigMap, in the controller's own namespace.
pub(super) const CONFIG_MAP: &str = "runtimemap-settings";
/// Its key.
pub(super) const KEY: &str = "settings.yaml";

/// Settings that hold together.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Settings {
    /// Whether anything is learned.
    pub(super) enabled: bool,
    /// How long a workload is learned where nothing else is said.
    pub(super) period: SignedDuration,
    /// Shortest and longest period that an annotation may ask for.
    pub(super) bounds: (SignedDuration, SignedDuration),
    /// Labels of the nodes that are watched; empty for all.
    pub(super) node_selector: BTreeMap<String, String>,
    /// Whether a GeneratedNetworkPolicy is made of each complete workload.
    pub(super) network_policy: bool,
    /// Whether a SeccompProfile is made of each complete workload.
    pub(super) seccomp: bool,
    /// Whether approved seccomp filters are carried to nodes.
    pub(super) deliver_seccomp: bool,
    /// Whether arguments that look like secrets are masked.
    pub(super) mask_secrets: bool,
    /// Namespaces of which nothing is learned.
    pub(super) exclude_namespaces: Vec<String>,
    /// Kinds that run pods, beside those of Kubernetes.
    pub(super) workload_kinds: Vec<WorkloadKind>,
    /// Addresses of the cluster, beside those that can be seen.
    pub(super) cluster_addresses: Vec<Prefix>,
}

impl Settings {
    /// Whether anything is made of complete profiles.
    pub(super) fn generates(&self) -> bool {
        self.network_policy || self.seccomp
    }

    /// Those that hold where no ConfigMap says anything else.
    pub(super) fn new(period: SignedDuration) -> Self {
        Self {
            enabled: true,
            period,
            bounds: (SignedDuration::from_secs(1), SignedDuration::from_hours(24 * 365)),
            node_selector: BTreeMap::new(),
            network_policy: false,
            seccomp: false,
            deliver_seccomp: false,
            mask_secrets: true,
            exclude_namespaces: Vec::new(),
            workload_kinds: Vec::new(),
            cluster_addresses: Vec::new(),
        }
    }

    /// Reads them. What is not said is as in `default`.
    ///
    /// # Errors
    /// If anything is not understood: half of the settings would be worse than the old ones.
    pub(super) fn parse(text: &str, default: &Self) -> Result<Self, Error> {
        let Raw { node_agent, exclude_namespaces } =
            serde_saphyr::from_str(text).map_err(|error| Error::Yaml(one_line(&error.to_string())))?;
        let RawAgent {
            enabled,
            learning_period,
            learning_period_bounds: RawBounds { min, max },
            node_selector,
            generate_policies,
            deliver_seccomp,
            mask_secrets,
            workload_kinds,
            cluster_addresses,
        } = node_agent;
        let or = |name, text: Option<String>, default| text.map_or(Ok(default), |text| duration(name, &text));
        let bounds = (
            or("nodeAgent.learningPeriodBounds.min", min, default.bounds.0)?,
            or("nodeAgent.learningPeriodBounds.max", max, default.bounds.1)?,
        );
        let period = or("nodeAgent.learningPeriod", learning_period, default.period)?;
        if period < bounds.0 || period > bounds.1 {
            return Err(Error::OutOfBounds(period, bounds.0, bounds.1));
        }
        Ok(Self {
            enabled,
            period,
            bounds,
            node_selector,
            network_policy: generate_policies.network_policy,
            seccomp: generate_policies.seccomp,
            deliver_seccomp,
            mask_secrets,
            exclude_namespaces,
            workload_kinds,
            cluster_addresses: cluster_addresses.iter().map(|text| Prefix::parse(text)).collect::<Result<_, _>>()?,
        })
    }

    /// The period that an annotation asks for, as far as the bounds let it. None if it is no period.
    pub(super) fn bounded(&self, text: &str) -> Option<SignedDuration> {
        duration("", text).ok().map(|period| period.clamp(self.bounds.0, self.bounds.1))
    }

    /// Whether a node with these labels is watched.
    pub(super) fn covers(&self, labels: &BTreeMap<String, String>) -> bool {
        self.enabled && self.node_selector.iter().all(|(label, value)| labels.get(label) == Some(value))
    }

    /// Whether a namespace is learned.
    pub(super) fn includes(&self, namespace: &str) -> bool {
        self.enabled && !self.exclude_namespaces.iter().any(|excluded| excluded == namespace)
    }
}

/// A kind that runs pods.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct WorkloadKind {
    /// API group, for example argoproj.io.
    pub(super) group: String,
    /// Kind, for example Rollout.
    pub(super) kind: String,
    /// Its name in paths, for example rollouts.
    pub(super) plural: String,
}

/// Addresses that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prefix(IpAddr, u32);

impl Prefix {
    /// From `10.0.0.0/8`.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let wrong = || Error::Prefix(one_line(text));
        let (address, length) = text.split_once('/').ok_or_else(wrong)?;
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let length: u32 = length.parse().map_err(|_| wrong())?;
        if length > if address.is_ipv4() { 32 } else { 128 } { Err(wrong()) } else { Ok(Self(address, length)) }
    }

    /// Whether an address is one of them.
    pub(super) fn holds(self, address: IpAddr) -> bool {
        let Self(own, length) = self;
        match (own, address) {
            (IpAddr::V4(own), IpAddr::V4(address)) => (u32::from(own) ^ u32::from(address)).leading_zeros() >= length,
            (IpAddr::V6(own), IpAddr::V6(address)) => (u128::from(own) ^ u128::from(address)).leading_zeros() >= length,
            _ => false,
        }
    }
}

/// Settings that do not hold together.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum Error {
    #[error("failed to read {KEY}: {0}")]
    Yaml(String),
    #[error("{name}: {text} is not a time such as 30s, 5m or 1h")]
    Duration { name: &'static str, text: String },
    #[error("nodeAgent.learningPeriod: {0:#} is not between the bounds {1:#} and {2:#}")]
    OutOfBounds(SignedDuration, SignedDuration, SignedDuration),
    #[error("nodeAgent.clusterAddresses: {0} is not a prefix such as 10.0.0.0/8")]
    Prefix(String),
}

fn duration(name: &'static str, text: &str) -> Result<SignedDuration, Error> {
    let parsed = text.parse::<SignedDuration>().ok().filter(|duration| *duration >= SignedDuration::from_secs(1));
    parsed.ok_or_else(|| Error::Duration { name, text: one_line(text) })
}

fn one_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().filter(|character| !character.is_control()).take(300).collect()
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    node_agent: RawAgent,
    #[serde(default)]
    exclude_namespaces: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawAgent {
    #[serde(default = "yes")]
    enabled: bool,
    #[serde(default)]
    learning_period: Option<String>,
    #[serde(default)]
    learning_period_bounds: RawBounds,
    #[serde(default)]
    node_selector: BTreeMap<String, String>,
    #[serde(default)]
    generate_policies: RawPolicies,
    #[serde(default)]
    deliver_seccomp: bool,
    #[serde(default = "yes")]
    mask_secrets: bool,
    #[serde(default)]
    workload_kinds: Vec<WorkloadKind>,
    #[serde(default)]
    cluster_addresses: Vec<String>,
}

impl Default for RawAgent {
    fn default() -> Self {
        Self {
            enabled: true,
            learning_period: None,
            learning_period_bounds: RawBounds::default(),
            node_selector: BTreeMap::new(),
            generate_policies: RawPolicies::default(),
            deliver_seccomp: false,
            mask_secrets: true,
            workload_kinds: Vec::new(),
            cluster_addresses: Vec::new(),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBounds {
    #[serde(default)]
    min: Option<String>,
    #[serde(default)]
    max: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawPolicies {
    #[serde(default)]
    network_policy: bool,
    #[serde(default)]
    seccomp: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    fn parse(text: &str) -> Result<Settings, Error> {
        Settings::parse(text, &Settings::new(HOUR))
    }

    #[test]
    fn what_is_not_said_stays_as_it_is() {
        assert_eq!(parse("{}"), Ok(Settings::new(HOUR)));
        let said = parse("nodeAgent: {learningPeriod: 24h, generatePolicies: {seccomp: true}}\nexcludeNamespaces: [kube-system]").unwrap();
        assert_eq!((said.period, said.seccomp, said.network_policy), (HOUR * 24, true, false));
        assert!(!said.includes("kube-system") && said.includes("shop"));
        assert!(!said.deliver_seccomp && parse("nodeAgent: {deliverSeccomp: true}").unwrap().deliver_seccomp);
    }

    #[test]
    fn what_is_not_understood_is_refused_whole() {
        for (text, expected) in [
            ("nodeAgent: {learningPeriod: soon}", "nodeAgent.learningPeriod: soon is not a time such as 30s, 5m or 1h"),
            ("nodeAgent: {learningPeriod: 0s}", "nodeAgent.learningPeriod: 0s is not a time"),
            ("nodeAgent: {learningPeriods: 1h}", "learningPeriods"),
            ("nodeAgent: {enabled: perhaps}", "settings.yaml"),
            ("nodeAgent: {clusterAddresses: [10.0.0.0/33]}", "10.0.0.0/33 is not a prefix"),
            ("nodeAgent: {learningPeriod: 1h, learningPeriodBounds: {max: 30m}}", "is not between the bounds"),
            ("nodeAgent: [", "settings.yaml"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }

    #[test]
    fn an_annotation_stays_within_the_administrators_bounds() {
        let settings = parse("nodeAgent: {learningPeriodBounds: {min: 5m, max: 24h}}").unwrap();
        let minutes = |text| settings.bounded(text).map(|period| period.as_mins());
        assert_eq!([minutes("1s"), minutes("2h"), minutes("900h"), minutes("soon")], [Some(5), Some(120), Some(1440), None]);
    }

    #[test]
    fn a_prefix_holds_what_begins_like_it() {
        let holds = |prefix, address: &str| Prefix::parse(prefix).unwrap().holds(address.parse().unwrap());
        assert!(holds("10.0.0.0/8", "10.9.9.9") && !holds("10.0.0.0/8", "11.0.0.1") && holds("0.0.0.0/0", "1.2.3.4"));
        assert!(holds("fd00::/8", "fd12::1") && !holds("fd00::/8", "10.0.0.1") && !holds("10.0.0.1/32", "10.0.0.2"));
    }
}
