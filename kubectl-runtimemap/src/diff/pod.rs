//! What a pod's spec declares, against what its containers were seen to do.
//!
//! Both sides get the lines on which they agree; what is on one side only differs. Nothing is said of what a spec leaves to its
//! defaults, but for the token that every pod gets unasked.

use std::collections::BTreeSet;

use k8s_openapi::{
    api::core::v1::{Container, PodSpec, Probe},
    apimachinery::pkg::util::intstr::IntOrString,
};
use runtimemap_crds::{ContainerNeighborhood, ContainerProfile, Origin, Outcome, PeerClass};
use runtimemap_policy::{
    seccomp::REFUSED,
    security_context::{used_capabilities, uses_token, written},
};

use super::surface::Surface;
use crate::{cli::Part, map::Map, workload::mounts};

/// What container runtimes give to a container that asks for nothing.
const DEFAULT: [&str; 14] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// Adds both sides.
pub(super) fn compare(map: &Map, pod: &PodSpec, wanted: &dyn Fn(Part) -> bool, first: &mut Surface, second: &mut Surface) {
    let all = pod.init_containers.iter().flatten().map(|container| ("initContainers", container));
    for (kind, container) in all.chain(pod.containers.iter().map(|container| ("containers", container))) {
        let at = format!("{kind}/{}", container.name);
        let mut sides = Sides { at: &at, first, second };
        if let Some(profile) = profile(map, &container.name) {
            if wanted(Part::Caps) {
                capabilities(container, profile, &mut sides);
            }
            if wanted(Part::Syscalls) {
                seccomp(pod, container, profile, &mut sides);
            }
            if wanted(Part::Files) {
                root(container, profile, &mut sides);
            }
            if wanted(Part::Execs) {
                exec_probes(container, profile, &mut sides);
            }
        }
        if let Some(neighborhood) = neighborhood(map, &container.name).filter(|_| wanted(Part::Network)) {
            ports(container, neighborhood, &mut sides);
        }
    }
    let talks = map.neighborhood.iter().flat_map(|neighborhood| &neighborhood.spec.containers).flat_map(|container| &container.egress);
    let asks_api = talks.into_iter().any(|neighbor| neighbor.peer.class == PeerClass::KubeAPI);
    let uses_token = asks_api || map.profile.as_ref().is_none_or(|profile| uses_token(profile));
    if wanted(Part::Files) && pod.automount_service_account_token != Some(false) && !uses_token {
        first.add("automountServiceAccountToken", "true (the token is mounted, and nothing opened it)");
    }
}

/// Where lines go.
struct Sides<'a> {
    at: &'a str,
    first: &'a mut Surface,
    second: &'a mut Surface,
}

impl Sides<'_> {
    fn declared(&mut self, what: &str, line: impl Into<String>) {
        self.first.add(&format!("{}/{what}", self.at), line);
    }

    fn learned(&mut self, what: &str, line: impl Into<String>) {
        self.second.add(&format!("{}/{what}", self.at), line);
    }
}

fn profile<'a>(map: &'a Map, name: &str) -> Option<&'a ContainerProfile> {
    let spec = &map.profile.as_ref()?.spec;
    spec.init_containers.iter().chain(&spec.containers).find(|container| container.name == name)
}

fn neighborhood<'a>(map: &'a Map, name: &str) -> Option<&'a ContainerNeighborhood> {
    let spec = &map.neighborhood.as_ref()?.spec;
    spec.init_containers.iter().chain(&spec.containers).find(|container| container.name == name)
}

fn capabilities(container: &Container, profile: &ContainerProfile, sides: &mut Sides<'_>) {
    let context = container.security_context.clone().unwrap_or_default();
    let declared = context.capabilities.unwrap_or_default();
    let plain = |name: &String| name.strip_prefix("CAP_").unwrap_or(name).to_uppercase();
    let added: BTreeSet<String> = declared.add.iter().flatten().map(plain).collect();
    let dropped: BTreeSet<String> = declared.drop.iter().flatten().map(plain).collect();
    let privileged = context.privileged == Some(true);
    let has = |name: &str| {
        privileged
            || added.contains(name)
            || added.contains("ALL")
            || (DEFAULT.contains(&name) && !dropped.contains("ALL") && !dropped.contains(name))
    };
    if privileged {
        sides.declared("privileged", "true");
        let used = used_capabilities(profile);
        if used.iter().any(|name| !DEFAULT.contains(name)) {
            // It does things for which it could have asked by name; still not all of them.
            sides.learned("privileged", format!("used {}", used.into_iter().collect::<Vec<_>>().join(", ")));
        }
    }
    for name in &added {
        sides.declared("capabilities", name);
    }
    for name in used_capabilities(profile) {
        if has(name) {
            sides.declared("capabilities", name);
        }
        sides.learned("capabilities", name);
    }
}

fn seccomp(pod: &PodSpec, container: &Container, profile: &ContainerProfile, sides: &mut Sides<'_>) {
    let own = container.security_context.as_ref().and_then(|context| context.seccomp_profile.as_ref());
    let declared = own.or(pod.security_context.as_ref().and_then(|context| context.seccomp_profile.as_ref()));
    let Some(declared) = declared else { return };
    if declared.type_ == "Unconfined" {
        let special: Vec<&str> = profile.syscalls.iter().map(String::as_str).filter(|call| REFUSED.contains(call)).collect();
        if special.is_empty() {
            sides.declared("seccompProfile", "Unconfined");
            sides.learned("seccompProfile", "RuntimeDefault (no call that it refuses was made)");
        }
    }
    for call in &profile.syscalls_denied {
        sides.learned("seccompProfile", format!("{call} (refused while it was recorded)"));
    }
}

fn root(container: &Container, profile: &ContainerProfile, sides: &mut Sides<'_>) {
    let declared = container.security_context.as_ref().and_then(|context| context.read_only_root_filesystem);
    let written = written(profile, &mounts(container));
    match declared {
        Some(true) => {
            for directory in written {
                sides.learned("readOnlyRootFilesystem", format!("writes in {directory}, where no volume is"));
            }
        }
        Some(false) if written.is_empty() => {
            sides.declared("readOnlyRootFilesystem", "false");
            sides.learned("readOnlyRootFilesystem", "true (nothing was written outside of volumes)");
        }
        Some(false) | None => {}
    }
}

fn probes(container: &Container) -> impl Iterator<Item = (&'static str, &Probe)> {
    let Container { liveness_probe, readiness_probe, startup_probe, .. } = container;
    let all = [("livenessProbe", liveness_probe), ("readinessProbe", readiness_probe), ("startupProbe", startup_probe)];
    all.into_iter().filter_map(|(name, probe)| Some((name, probe.as_ref()?)))
}

fn exec_probes(container: &Container, profile: &ContainerProfile, sides: &mut Sides<'_>) {
    for (name, probe) in probes(container) {
        let Some(command) = probe.exec.as_ref().and_then(|exec| exec.command.as_ref()) else { continue };
        let line = command.join(" ");
        sides.declared(name, line.clone());
        let program = command.first().map(|program| program.rsplit('/').next().unwrap_or_default()).unwrap_or_default();
        let ran = profile.execs.iter().any(|exec| {
            let first = exec.args.first().map(String::as_str).unwrap_or_default();
            exec.origin == Origin::Probe
                && (exec.args == *command || [first, &exec.path].iter().any(|path| path.rsplit('/').next() == Some(program)))
        });
        if ran {
            sides.learned(name, line);
        }
    }
}

fn ports(container: &Container, neighborhood: &ContainerNeighborhood, sides: &mut Sides<'_>) {
    let loopback = |address: &String| address.starts_with("127.") || address == "::1";
    let heard = neighborhood.listens.iter().filter(|port| port.addresses.is_empty() || !port.addresses.iter().all(loopback));
    // Whoever was not answered found no port.
    let answered = neighborhood.ingress.iter().filter(|neighbor| neighbor.outcome != Outcome::Attempted);
    let served = answered.flat_map(|neighbor| &neighbor.ports);
    let listens: BTreeSet<(String, i32)> = heard.chain(served).map(|port| (format!("{:?}", port.protocol), i32::from(port.port))).collect();
    let declared: BTreeSet<(String, i32)> = container
        .ports
        .iter()
        .flatten()
        .map(|port| (port.protocol.clone().unwrap_or_else(|| "TCP".to_owned()), port.container_port))
        .collect();
    // A container that declares none leaves them all to be found: that is no difference.
    if !declared.is_empty() {
        for (protocol, port) in &declared {
            sides.declared("ports", format!("{protocol} {port}"));
        }
        for (protocol, port) in &listens {
            sides.learned("ports", format!("{protocol} {port}"));
        }
    }
    for (name, probe) in probes(container) {
        let asked = probe
            .http_get
            .as_ref()
            .map(|get| &get.port)
            .or(probe.tcp_socket.as_ref().map(|socket| &socket.port))
            .and_then(|port| number(port, container))
            .or(probe.grpc.as_ref().map(|grpc| grpc.port));
        if let Some(port) = asked {
            sides.declared(name, format!("TCP {port}"));
            if listens.contains(&("TCP".to_owned(), port)) {
                sides.learned(name, format!("TCP {port}"));
            }
        }
    }
}

/// The number of a port that may be given by its name.
fn number(port: &IntOrString, container: &Container) -> Option<i32> {
    match port {
        IntOrString::Int(number) => Some(*number),
        IntOrString::String(name) => {
            let named = container.ports.iter().flatten().find(|port| port.name.as_ref() == Some(name));
            named.map(|port| port.container_port)
        }
    }
}
