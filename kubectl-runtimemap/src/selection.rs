//! Which objects are meant.

mod labels;

use anyhow::{Context, bail};
use runtimemap_crds::GROUP;

use crate::map::Map;

/// Whether a text is a label selector, or what is wrong with it.
pub(crate) fn check_labels(text: &str) -> anyhow::Result<()> {
    labels::parse(text).map(|_| ()).with_context(|| format!("unable to parse the selector {text:?}"))
}

/// Namespace and names that were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    /// None means all namespaces.
    pub(crate) namespace: Option<String>,
    /// Empty means everything.
    pub(crate) names: Vec<Name>,
    /// Label selector as it was given; empty for any.
    pub(crate) labels: String,
}

/// `NAME` or `KIND/NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    kind: Kind,
    name: String,
    /// As it was given.
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Any,
    /// One of our own.
    Object(&'static str),
    /// Kind of a workload, in lower case.
    Workload(String),
}

/// Words for our kinds, without the group.
const KINDS: [(&str, &str, &str); 4] = [
    ("applicationprofile", "applicationprofiles", "ApplicationProfile"),
    ("networkneighborhood", "networkneighborhoods", "NetworkNeighborhood"),
    ("generatednetworkpolicy", "generatednetworkpolicies", "GeneratedNetworkPolicy"),
    ("seccompprofile", "seccompprofiles", "SeccompProfile"),
];

impl Name {
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let (kind, name) = text.rsplit_once('/').map_or((None, text), |(kind, name)| (Some(kind), name));
        if name.is_empty() || kind.is_some_and(|kind| kind.is_empty() || kind.contains('/')) {
            bail!("{text:?} is not a name; give NAME or KIND/NAME, such as web or deployment/web");
        }
        let kind = match kind.map(str::to_lowercase) {
            None => Kind::Any,
            Some(kind) => {
                let word = kind.strip_suffix(GROUP).and_then(|kind| kind.strip_suffix('.')).unwrap_or(&kind);
                let ours = KINDS.iter().find(|(singular, plural, _)| [singular, plural].contains(&&word));
                // deployments.apps/web is how kubectl may be asked, too.
                let theirs = || kind.split('.').next().unwrap_or_default().to_owned();
                ours.map_or_else(|| Kind::Workload(theirs()), |(_, _, ours)| Kind::Object(ours))
            }
        };
        Ok(Self { kind, name: name.to_owned(), text: text.to_owned() })
    }

    /// The name alone, without a kind.
    pub(crate) fn bare(&self) -> &str {
        &self.name
    }

    /// The kind of workload that is meant, in lower case, without a group.
    pub(crate) fn workload_kind(&self) -> Option<&str> {
        match &self.kind {
            Kind::Workload(kind) => Some(kind),
            Kind::Any | Kind::Object(_) => None,
        }
    }

    /// As it was given.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The part of the map that is meant, if any is.
    fn of(&self, map: &Map) -> Option<Map> {
        let workload = map.workload();
        let named = map.name == self.name || workload.is_some_and(|workload| workload.name == self.name);
        let chosen = match &self.kind {
            Kind::Any => named.then(|| map.clone()),
            Kind::Object(kind) => named.then(|| map.clone().only(kind)),
            Kind::Workload(kind) => {
                let is_kind = |theirs: &str| theirs == kind || kind.strip_suffix('s') == Some(theirs);
                workload.is_some_and(|workload| is_kind(&workload.kind.to_lowercase()) && workload.name == self.name).then(|| map.clone())
            }
        };
        chosen.filter(|map| !map.is_empty())
    }
}

impl Selection {
    /// The maps that are meant, in the order of the names given. A name that means nothing is an error.
    pub(crate) fn of(&self, maps: Vec<Map>) -> anyhow::Result<Vec<Map>> {
        let all = maps.len();
        let maps: Vec<Map> = match &self.namespace {
            Some(namespace) => maps.into_iter().filter(|map| map.namespace == *namespace).collect(),
            None => maps,
        };
        if let (true, Some(namespace)) = (maps.is_empty() && all > 0, &self.namespace) {
            bail!("nothing in namespace {namespace:?}, and {all} in others; give another one with -n, or -A for all of them");
        }
        let maps = labels::matching(maps, &self.labels)?;
        if self.names.is_empty() {
            return Ok(maps);
        }
        let mut chosen: Vec<Map> = Vec::new();
        for name in &self.names {
            let found: Vec<Map> = maps.iter().filter_map(|map| name.of(map)).collect();
            if found.is_empty() {
                let there: Vec<&str> = maps.iter().map(|map| map.name.as_str()).collect();
                bail!("{:?} is not there; there is {}", name.text, there.join(", "));
            }
            chosen.extend(found);
        }
        Ok(chosen)
    }
}

#[cfg(test)]
mod tests {
    use runtimemap_crds::{ApplicationProfile, ApplicationProfileSpec, GeneratedNetworkPolicy, WorkloadReference};

    use super::*;
    use crate::map::assemble;

    fn maps() -> Vec<Map> {
        let profile = |kind: &str, name: &str, namespace: &str| {
            let workload = WorkloadReference { kind: kind.into(), name: name.into(), ..WorkloadReference::default() };
            let spec = ApplicationProfileSpec { workload, ..ApplicationProfileSpec::default() };
            let mut profile = ApplicationProfile::new(&format!("{}-{name}", kind.to_lowercase()), spec);
            profile.metadata.namespace = Some(namespace.into());
            profile
        };
        let mut policy = GeneratedNetworkPolicy::new("deployment-web", Default::default());
        policy.metadata.namespace = Some("shop".into());
        assemble([
            profile("Deployment", "web", "shop").into(),
            policy.into(),
            profile("StatefulSet", "web", "shop").into(),
            profile("Pod", "shell", "lab").into(),
        ])
    }

    fn chosen(namespace: Option<&str>, names: &[&str]) -> Result<Vec<(String, usize)>, String> {
        let names = names.iter().map(|name| Name::parse(name)).collect::<anyhow::Result<_>>().map_err(|error| error.to_string())?;
        let selection = Selection { namespace: namespace.map(str::to_owned), names, labels: String::new() };
        let maps = selection.of(maps()).map_err(|error| error.to_string())?;
        Ok(maps.into_iter().map(|map| (map.name.clone(), map.objects().count())).collect())
    }

    #[test]
    fn a_name_is_that_of_the_object_or_of_the_workload() {
        let deployment = ("deployment-web".to_owned(), 2);
        let set = ("statefulset-web".to_owned(), 1);
        assert_eq!(chosen(None, &["web"]).unwrap(), [deployment.clone(), set.clone()]);
        for (name, expected) in [("deployment-web", &deployment), ("deployments.apps/web", &deployment), ("StatefulSet/web", &set)] {
            assert_eq!(&chosen(None, &[name]).unwrap()[0], expected, "{name}");
        }
        assert_eq!(chosen(Some("shop"), &[]).unwrap(), [deployment, set]);
    }

    #[test]
    fn what_o_name_prints_is_taken_back() {
        for name in ["generatednetworkpolicy.runtimemap.io/deployment-web", "generatednetworkpolicies/web"] {
            assert_eq!(chosen(None, &[name]).unwrap(), [("deployment-web".to_owned(), 1)], "{name}");
        }
    }

    #[test]
    fn what_is_not_there_is_an_error_that_says_what_is() {
        assert_eq!(chosen(Some("lab"), &["db"]).unwrap_err(), "\"db\" is not there; there is pod-shell");
        assert!(chosen(None, &["seccompprofile/web"]).is_err());
        assert!(chosen(Some("x"), &[]).unwrap_err().starts_with("nothing in namespace \"x\", and 3 in others"));
        for text in ["", "/", "a/", "/a", "a/b/c"] {
            assert!(chosen(None, &[text]).is_err(), "{text}");
        }
    }
}
