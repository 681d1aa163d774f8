//! What a securityContext could say, from what a container was seen to do.

use runtimemap_crds::{ContainerProfile, Open};

use crate::{map::Map, show};

/// Where a token of the service account is mounted.
pub(crate) const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// Paths that are no part of an image's root file system.
const NOT_ROOT: [&str; 3] = ["/dev/", "/proc/", "/sys/"];

/// Advice for the containers of a workload, one line each.
pub(super) fn advice(map: &Map) -> Vec<String> {
    let Some(profile) = &map.profile else { return Vec::new() };
    let containers = profile.spec.init_containers.iter().chain(&profile.spec.containers);
    let mut lines: Vec<String> = containers.flat_map(of_container).collect();
    if !uses_token(map) {
        lines.push("no container opened the service account's token: automountServiceAccountToken: false".to_owned());
    }
    lines
}

fn of_container(container: &ContainerProfile) -> Vec<String> {
    let name = &container.name;
    let used = used_capabilities(container);
    let add = if used.is_empty() { String::new() } else { format!(", add: [{}]", used.join(", ")) };
    let mut lines = vec![format!("{name}: capabilities: {{drop: [ALL]{add}}}")];
    let written = written(container);
    lines.push(if written.is_empty() {
        format!("{name}: nothing was written: readOnlyRootFilesystem: true")
    } else {
        format!("{name}: readOnlyRootFilesystem: true needs a volume for each of {}", written.join(", "))
    });
    lines
}

/// Capabilities that were asked for and granted, each once.
pub(crate) fn used_capabilities(container: &ContainerProfile) -> Vec<&str> {
    let mut used: Vec<&str> =
        container.capabilities.iter().filter(|capability| capability.granted).map(|capability| capability.name.as_str()).collect();
    used.sort_unstable();
    used.dedup();
    used
}

/// Directories of the root file system in which something was written.
pub(crate) fn written(container: &ContainerProfile) -> Vec<&str> {
    let inside = |open: &&Open| !NOT_ROOT.iter().any(|prefix| open.path.starts_with(prefix)) && open.path.starts_with('/');
    let mut directories: Vec<&str> = container
        .opens
        .iter()
        .filter(|open| show::is_written(open))
        .filter(inside)
        .map(|open| open.path.rsplit_once('/').map_or("/", |(directory, _)| if directory.is_empty() { "/" } else { directory }))
        .collect();
    directories.sort_unstable();
    directories.dedup();
    directories
}

/// Whether any container read the token of the service account.
pub(crate) fn uses_token(map: &Map) -> bool {
    let spec = map.profile.as_ref().map(|profile| &profile.spec);
    let containers =
        spec.into_iter().flat_map(|spec| spec.init_containers.iter().chain(&spec.containers).chain(&spec.ephemeral_containers));
    // The mount is below /run, to which /var/run is a link.
    let token = |path: &str| path.starts_with(TOKEN) || path.starts_with(TOKEN.trim_start_matches("/var"));
    containers.flat_map(|container| &container.opens).any(|open| token(&open.path))
}
