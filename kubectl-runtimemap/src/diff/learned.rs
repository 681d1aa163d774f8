//! All that is known of a workload, to compare with another recording of it.

use std::collections::BTreeMap;

use runtimemap_crds::{ContainerNeighborhood, ContainerProfile, Outcome};

use super::surface::Surface;
use crate::{cli::Part, map::Map, show};

/// What was learned, without when and by which pod.
pub(super) fn surface(map: &Map, only: &[Part]) -> Surface {
    let wanted = |part| only.is_empty() || only.contains(&part);
    let mut surface = Surface::default();
    if let Some(profile) = &map.profile {
        let spec = &profile.spec;
        for (kind, list) in [
            ("initContainers", &spec.init_containers),
            ("containers", &spec.containers),
            ("ephemeralContainers", &spec.ephemeral_containers),
        ] {
            for container in list {
                of_profile(&format!("{kind}/{}", container.name), container, &wanted, &mut surface);
            }
        }
    }
    if let Some(neighborhood) = map.neighborhood.as_ref().filter(|_| wanted(Part::Network)) {
        let spec = &neighborhood.spec;
        for (kind, list) in [
            ("initContainers", &spec.init_containers),
            ("containers", &spec.containers),
            ("ephemeralContainers", &spec.ephemeral_containers),
        ] {
            for container in list {
                of_neighborhood(&format!("{kind}/{}", container.name), container, &mut surface);
            }
        }
    }
    surface
}

fn of_profile(at: &str, container: &ContainerProfile, wanted: &dyn Fn(Part) -> bool, surface: &mut Surface) {
    let ContainerProfile {
        name: _,
        images: _,
        execs,
        opens,
        capabilities,
        syscalls,
        syscall_origins,
        syscalls_denied,
        syscall_architectures,
    } = container;
    if wanted(Part::Execs) {
        for exec in execs {
            surface.add(&format!("{at}/execs"), format!("{} {}", exec.path, show::quoted(exec)));
        }
    }
    if wanted(Part::Files) {
        for open in opens {
            surface.add(&format!("{at}/files"), format!("{} {}", open.path, open.flags.join("|")));
        }
    }
    if wanted(Part::Caps) {
        for capability in capabilities {
            let refused = if capability.granted { "" } else { " (refused)" };
            surface.add(&format!("{at}/capabilities"), format!("{}{refused}", capability.name));
        }
    }
    if wanted(Part::Syscalls) {
        let lists: BTreeMap<String, &Vec<String>> = [("syscalls".to_owned(), syscalls), ("syscallsDenied".to_owned(), syscalls_denied)]
            .into_iter()
            .chain(syscall_origins.iter().map(|(origin, list)| (format!("syscalls by {}", show::origin(*origin)), list)))
            .chain(syscall_architectures.iter().map(|(architecture, list)| (format!("syscalls of {architecture}"), list)))
            .collect();
        for (name, list) in lists {
            for call in list {
                surface.add(&format!("{at}/{name}"), call);
            }
        }
    }
}

fn of_neighborhood(at: &str, container: &ContainerNeighborhood, surface: &mut Surface) {
    let ContainerNeighborhood { name: _, listens, ingress, egress } = container;
    for listen in listens {
        surface.add(&format!("{at}/listens"), format!("{:?} {}", listen.protocol, listen.port));
    }
    for (direction, list) in [("ingress", ingress), ("egress", egress)] {
        for neighbor in list {
            let attempted = if neighbor.outcome == Outcome::Attempted { " (never connected)" } else { "" };
            for port in &neighbor.ports {
                let line = format!("{} {:?} {}{attempted}", show::peer(neighbor), port.protocol, port.port);
                surface.add(&format!("{at}/{direction}"), line);
            }
        }
    }
}
