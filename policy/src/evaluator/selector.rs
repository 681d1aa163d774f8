//! Label selectors.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

type Labels = BTreeMap<String, String>;

/// A label selector, read. Every requirement has to hold; one without any selects all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selector(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    Is(String, String),
    In(String, Vec<String>),
    /// Also when the label is not there.
    NotIn(String, Vec<String>),
    Exists(String),
    DoesNotExist(String),
}

impl Selector {
    /// Reads a selector; else which field is wrong, and how.
    pub(crate) fn parse(selector: &LabelSelector) -> Result<Self, (String, String)> {
        let equal = selector.match_labels.iter().flatten().map(|(key, value)| Requirement::Is(key.clone(), value.clone()));
        let mut requirements: Vec<Requirement> = equal.collect();
        for (place, expression) in selector.match_expressions.iter().flatten().enumerate() {
            requirements.push(Requirement::parse(expression).map_err(|why| (format!("matchExpressions[{place}]"), why))?);
        }
        Ok(Self(requirements))
    }

    /// Whether it selects what has these labels.
    pub(crate) fn matches(&self, labels: &Labels) -> bool {
        self.0.iter().all(|requirement| requirement.holds(labels))
    }
}

impl Requirement {
    fn parse(expression: &LabelSelectorRequirement) -> Result<Self, String> {
        let LabelSelectorRequirement { key, operator, values } = expression;
        let values = values.clone().unwrap_or_default();
        match (operator.as_str(), values.is_empty()) {
            ("In", false) => Ok(Self::In(key.clone(), values)),
            ("NotIn", false) => Ok(Self::NotIn(key.clone(), values)),
            ("Exists", true) => Ok(Self::Exists(key.clone())),
            ("DoesNotExist", true) => Ok(Self::DoesNotExist(key.clone())),
            ("In" | "NotIn", true) => Err(format!("{operator} needs values")),
            ("Exists" | "DoesNotExist", false) => Err(format!("{operator} takes no values")),
            _ => Err(format!("{operator:?} is none of In, NotIn, Exists and DoesNotExist")),
        }
    }

    fn holds(&self, labels: &Labels) -> bool {
        match self {
            Self::Is(key, value) => labels.get(key) == Some(value),
            Self::In(key, values) => labels.get(key).is_some_and(|value| values.contains(value)),
            Self::NotIn(key, values) => labels.get(key).is_none_or(|value| !values.contains(value)),
            Self::Exists(key) => labels.contains_key(key),
            Self::DoesNotExist(key) => !labels.contains_key(key),
        }
    }
}
