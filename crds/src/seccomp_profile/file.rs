//! Filters as files below a kubelet's seccomp folder.

use serde::{Deserialize, Serialize};

use super::{OciSeccomp, SeccompProfile, SeccompProfileSpec};
use crate::review::digest;

/// Folder of our filters below the kubelet's: the first part of every `localhostProfile`.
const FOLDER: &str = "runtimemap";
/// Longest file name that Linux file systems take, in bytes.
const LONGEST: usize = 255;

/// A filter as a file. It has two names: that which manifests usually have, whose content changes when other filters are approved; and
/// one that holds its hash, whose content never does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FilterFile {
    /// Namespace of its workload: the folder.
    pub namespace: String,
    /// Its name without `.json`.
    pub name: String,
    /// The filter as JSON.
    pub content: String,
}

impl FilterFile {
    /// Whether both names can be those of files in a folder: nothing in them leads elsewhere, and they are short enough.
    pub fn is_possible(&self) -> bool {
        let plain = |text: &str| {
            let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
            !text.is_empty() && !text.starts_with('.') && text.bytes().all(known)
        };
        plain(&self.namespace) && plain(&self.name) && self.namespace.len() <= LONGEST && self.hashed().len() + ".json".len() <= LONGEST
    }

    /// The name that holds its hash, without `.json`.
    pub fn hashed(&self) -> String {
        let mut hash = digest(self.content.as_bytes());
        hash.truncate(8);
        format!("{}-{hash}", self.name)
    }

    /// Namespace and the name that holds its hash: what stands for it between controller and agents.
    pub fn id(&self) -> String {
        format!("{}/{}", self.namespace, self.hashed())
    }

    /// Both names as a pod's `localhostProfile` has them.
    pub fn profiles(&self) -> [String; 2] {
        Self::profiles_of(&self.id())
    }

    /// Both names of the filter with this id, as a pod's `localhostProfile` has them.
    pub fn profiles_of(id: &str) -> [String; 2] {
        [Self::name_of(id), id].map(|path| format!("{FOLDER}/{path}.json"))
    }

    /// An id or a name without its hash.
    pub fn name_of(hashed: &str) -> &str {
        hashed.rsplit_once('-').map_or(hashed, |(name, _)| name)
    }

    /// Whether a pod's `localhostProfile` is one of ours.
    pub fn is_ours(profile: &str) -> bool {
        profile.strip_prefix(FOLDER).is_some_and(|rest| rest.starts_with('/'))
    }
}

/// Name of a container's filter without `.json`. `alone` is the only filter of its workload.
pub fn filter_name(object: &str, container: &str, alone: bool) -> String {
    if alone { object.to_owned() } else { format!("{object}-{container}") }
}

impl SeccompProfileSpec {
    /// The filters with their names in a kubelet's folder, that of the pod (None) first. It has the object's name, as that of the only
    /// container has; others have the container's, too.
    pub fn named<'a>(&'a self, object: &str) -> Vec<(Option<&'a str>, String, &'a OciSeccomp)> {
        let alone = self.pod.is_none() && self.containers.len() == 1;
        let pod = self.pod.iter().map(|filter| (None, object.to_owned(), filter));
        let containers =
            self.containers.iter().map(|(container, filter)| (Some(container.as_str()), filter_name(object, container, alone), filter));
        pod.chain(containers).collect()
    }
}

impl SeccompProfile {
    /// The filters as files.
    ///
    /// # Errors
    /// If a filter cannot be written as JSON, which each of ours can.
    pub fn files(&self) -> Result<Vec<FilterFile>, serde_json::Error> {
        let namespace = self.metadata.namespace.clone().unwrap_or_default();
        let object = self.metadata.name.as_deref().unwrap_or_default();
        let file = |(_, name, filter): (_, String, &OciSeccomp)| {
            Ok(FilterFile { namespace: namespace.clone(), name, content: serde_json::to_string(filter)? + "\n" })
        };
        self.spec.named(object).into_iter().map(file).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(containers: &[&str], pod: bool) -> SeccompProfile {
        let containers = containers.iter().map(|&name| (name.to_owned(), OciSeccomp::default())).collect();
        let spec = SeccompProfileSpec { pod: pod.then(OciSeccomp::default), containers, ..SeccompProfileSpec::default() };
        let mut profile = SeccompProfile::new("deployment-web", spec);
        profile.metadata.namespace = Some("shop".to_owned());
        profile
    }

    fn names(profile: &SeccompProfile) -> Vec<String> {
        profile.files().unwrap().into_iter().map(|file| file.profiles()[0].clone()).collect()
    }

    #[test]
    fn the_only_filter_has_the_workloads_name_and_others_the_containers_too() {
        assert_eq!(names(&profile(&["a"], false)), ["runtimemap/shop/deployment-web.json"]);
        assert_eq!(names(&profile(&["a", "b"], false)), ["runtimemap/shop/deployment-web-a.json", "runtimemap/shop/deployment-web-b.json"]);
        assert_eq!(names(&profile(&["a"], true)), ["runtimemap/shop/deployment-web.json", "runtimemap/shop/deployment-web-a.json"]);
    }

    #[test]
    fn the_other_name_changes_with_the_content_and_only_then() {
        let [old, new] = ["SCMP_ACT_ERRNO", "SCMP_ACT_LOG"].map(|action| {
            let mut profile = profile(&["a"], false);
            profile.spec.containers.get_mut("a").unwrap().default_action = action.to_owned();
            profile.files().unwrap().remove(0)
        });
        assert_eq!(old.profiles()[0], new.profiles()[0]);
        assert_ne!(old.profiles()[1], new.profiles()[1]);
        let hash = old.hashed().strip_prefix("deployment-web-").unwrap().to_owned();
        assert!(hash.len() == 8 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{hash}");
        assert_eq!(old.profiles()[1], format!("runtimemap/shop/deployment-web-{hash}.json"));
        assert_eq!(old.id(), format!("shop/deployment-web-{hash}"));
    }

    #[test]
    fn a_name_that_leads_elsewhere_or_is_too_long_is_no_file() {
        let file = |namespace: &str, name: &str| FilterFile { namespace: namespace.into(), name: name.into(), content: String::new() };
        assert!(file("shop", "deployment.apps-web").is_possible() && file("shop", &"a".repeat(241)).is_possible());
        for (namespace, name) in [("", "a"), ("..", "a"), ("a/b", "a"), ("a", "../a"), ("a", ".a"), ("a", ""), ("a", "A"), ("a", "b\0")] {
            assert!(!file(namespace, name).is_possible(), "{namespace:?} {name:?}");
        }
        assert!(!file("shop", &"a".repeat(242)).is_possible());
    }
}
