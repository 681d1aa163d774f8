//! What is known of one workload: its objects, whichever of them there are.

use std::collections::HashMap;

use runtimemap_crds::{
    ApplicationProfile, GeneratedNetworkPolicy, NetworkNeighborhood, Object, Phase, ProfileStatus, SeccompProfile, WorkloadReference,
};

/// The objects of one workload. They share namespace and name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Map {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) profile: Option<Box<ApplicationProfile>>,
    pub(crate) neighborhood: Option<Box<NetworkNeighborhood>>,
    pub(crate) policy: Option<Box<GeneratedNetworkPolicy>>,
    pub(crate) seccomp: Option<Box<SeccompProfile>>,
    /// Containers that the live workload declares privileged, where it was asked.
    pub(crate) privileged: Vec<String>,
}

/// Puts objects of one namespace and name together, in the order of their first appearance. A second object of the same
/// kind and name begins another map: which of the two is right is not ours to say.
pub(crate) fn assemble(objects: impl IntoIterator<Item = Object>) -> Vec<Map> {
    let mut maps: Vec<Map> = Vec::new();
    // Where the maps of a namespace and name are.
    let mut places: HashMap<(String, String), Vec<usize>> = HashMap::new();
    for object in objects {
        let namespace = object.metadata().namespace.clone().unwrap_or_default();
        let name = object.name().to_owned();
        let known = places.entry((namespace.clone(), name.clone())).or_default();
        match known.iter().copied().find(|&place| !maps[place].holds(object.kind())) {
            Some(place) => maps[place].put(object),
            None => {
                known.push(maps.len());
                let mut map = Map { namespace, name, ..Map::default() };
                map.put(object);
                maps.push(map);
            }
        }
    }
    maps
}

impl Map {
    fn put(&mut self, object: Object) {
        match object {
            Object::ApplicationProfile(object) => self.profile = Some(object),
            Object::NetworkNeighborhood(object) => self.neighborhood = Some(object),
            Object::GeneratedNetworkPolicy(object) => self.policy = Some(object),
            Object::SeccompProfile(object) => self.seccomp = Some(object),
        }
    }

    fn holds(&self, kind: &str) -> bool {
        let Self { namespace: _, name: _, profile, neighborhood, policy, seccomp, privileged: _ } = self;
        match kind {
            "ApplicationProfile" => profile.is_some(),
            "NetworkNeighborhood" => neighborhood.is_some(),
            GeneratedNetworkPolicy::KIND => policy.is_some(),
            _ => seccomp.is_some(),
        }
    }

    /// Leaves only the object of this kind.
    pub(crate) fn only(mut self, kind: &str) -> Self {
        let Self { namespace: _, name: _, profile, neighborhood, policy, seccomp, privileged: _ } = &mut self;
        profile.take_if(|_| kind != "ApplicationProfile");
        neighborhood.take_if(|_| kind != "NetworkNeighborhood");
        policy.take_if(|_| kind != GeneratedNetworkPolicy::KIND);
        seccomp.take_if(|_| kind != "SeccompProfile");
        self
    }

    /// Whether it has no object.
    pub(crate) fn is_empty(&self) -> bool {
        let Self { namespace: _, name: _, profile, neighborhood, policy, seccomp, privileged: _ } = self;
        profile.is_none() && neighborhood.is_none() && policy.is_none() && seccomp.is_none()
    }

    /// Its objects.
    pub(crate) fn objects(&self) -> impl Iterator<Item = Object> {
        let Self { namespace: _, name: _, profile, neighborhood, policy, seccomp, privileged: _ } = self;
        [
            profile.clone().map(Object::ApplicationProfile),
            neighborhood.clone().map(Object::NetworkNeighborhood),
            policy.clone().map(Object::GeneratedNetworkPolicy),
            seccomp.clone().map(Object::SeccompProfile),
        ]
        .into_iter()
        .flatten()
    }

    /// The workload, where an object names it. A GeneratedNetworkPolicy does not.
    pub(crate) fn workload(&self) -> Option<&WorkloadReference> {
        let profile = self.profile.as_ref().map(|object| &object.spec.workload);
        let neighborhood = self.neighborhood.as_ref().map(|object| &object.spec.workload);
        let seccomp = self.seccomp.as_ref().map(|object| &object.spec.workload);
        profile.or(neighborhood).or(seccomp)
    }

    /// What profile and neighborhood say of themselves.
    pub(crate) fn statuses(&self) -> impl Iterator<Item = &ProfileStatus> {
        let profile = self.profile.as_ref().and_then(|object| object.status.as_ref());
        let neighborhood = self.neighborhood.as_ref().and_then(|object| object.status.as_ref());
        profile.into_iter().chain(neighborhood)
    }

    /// Whether something was learned, and all that was to be.
    fn is_complete(&self) -> bool {
        let kinds = usize::from(self.profile.is_some()) + usize::from(self.neighborhood.is_some());
        self.statuses().filter(|status| status.phase == Phase::Complete).count() == kinds
    }

    /// What a person calls it: `Deployment/web`, or the objects' name.
    pub(crate) fn title(&self) -> String {
        match self.workload() {
            Some(workload) => format!("{}/{}", workload.kind, workload.name),
            None => self.name.clone(),
        }
    }
}

/// Refuses to restrict what is still being learned.
pub(crate) fn refuse_learning<'a>(maps: impl IntoIterator<Item = &'a Map>, allowed: bool) -> anyhow::Result<()> {
    let names: Vec<String> = maps.into_iter().filter(|map| !map.is_complete()).map(Map::title).collect();
    if allowed || names.is_empty() {
        return Ok(());
    }
    anyhow::bail!(
        "{} is not completely learned, and what was not seen yet would be refused: wait until `kubectl runtimemap show` says Complete, \
         or give --allow-incomplete",
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(name: &str) -> Object {
        ApplicationProfile::new(name, Default::default()).into()
    }

    fn neighborhood(name: &str) -> Object {
        NetworkNeighborhood::new(name, Default::default()).into()
    }

    #[test]
    fn objects_of_one_name_make_one_map() {
        let maps = assemble([profile("a"), profile("b"), neighborhood("a")]);
        let shape: Vec<_> = maps.iter().map(|map| (map.name.as_str(), map.objects().count())).collect();
        assert_eq!(shape, [("a", 2), ("b", 1)]);
    }

    #[test]
    fn a_second_object_of_the_same_name_hides_neither() {
        let maps = assemble([profile("a"), profile("a"), neighborhood("a")]);
        let shape: Vec<_> = maps.iter().map(|map| map.objects().count()).collect();
        assert_eq!(shape, [2, 1]);
    }

    #[test]
    fn only_one_kind_can_be_left() {
        let map = assemble([profile("a"), neighborhood("a")]).remove(0);
        let kinds = |map: &Map| map.objects().map(|object| object.kind()).collect::<Vec<_>>();
        assert_eq!(kinds(&map.clone().only("NetworkNeighborhood")), ["NetworkNeighborhood"]);
        assert!(map.only("SeccompProfile").is_empty());
    }
}
