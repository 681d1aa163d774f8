//! The token by which a pod speaks to the API server.

use runtimemap_crds::{ApplicationProfile, Open, collapse::matches};

/// Where it is mounted. `/var/run` is a link to `/run` in most images.
const PLACES: [&str; 2] = ["/var/run/secrets/kubernetes.io/serviceaccount", "/run/secrets/kubernetes.io/serviceaccount"];

/// Whether any container opened it, or something of which a collapsed list does not tell that it was another.
pub fn uses_token(profile: &ApplicationProfile) -> bool {
    let spec = &profile.spec;
    let containers = spec.init_containers.iter().chain(&spec.containers).chain(&spec.ephemeral_containers);
    containers.flat_map(|container| &container.opens).any(may_be_token)
}

fn may_be_token(open: &Open) -> bool {
    PLACES.iter().any(|place| open.path.starts_with(place) || matches(&open.path, &format!("{place}/token")))
}
