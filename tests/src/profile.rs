//! Whether a profile, collapsed, stands for every fact that it was made from, and for nothing else.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use runtimemap_crds::{
    ContainerNeighborhood, ContainerProfile, Neighbor, NeighborPort, Object,
    collapse::{matches, matches_args},
    yaml,
};
use serde_json::Value;

/// The largest stream of objects that a recording may give, in bytes.
const LIMIT: usize = 50_000;

/// A recording's own account of a run, in its collapsed form.
#[derive(Debug)]
pub struct Profile {
    application: ContainerProfile,
    neighborhood: ContainerNeighborhood,
    /// What was lost, each with its cause.
    pub losses: Vec<String>,
    size: usize,
}

impl Profile {
    /// Reads the stream of objects.
    ///
    /// # Errors
    /// If it is not one, or lacks the two kinds that facts go to.
    pub fn read(text: &str) -> Result<Self> {
        let (mut application, mut neighborhood, mut losses) = (None, None, Vec::new());
        for object in yaml::from_stream(text).context("failed to read the profile")? {
            match object {
                Object::ApplicationProfile(object) => {
                    let status = object.status.unwrap_or_default();
                    losses = status.losses.iter().map(|loss| format!("{} × {:?}", loss.count, loss.cause)).collect();
                    application = object.spec.containers.into_iter().next();
                }
                Object::NetworkNeighborhood(object) => neighborhood = object.spec.containers.into_iter().next(),
                Object::GeneratedNetworkPolicy(_) | Object::SeccompProfile(_) => {}
            }
        }
        Ok(Self {
            application: application.context("no ApplicationProfile in the profile")?,
            neighborhood: neighborhood.context("no NetworkNeighborhood in the profile")?,
            losses,
            size: text.len(),
        })
    }

    /// What is wrong with it, given the facts that it was made from.
    ///
    /// # Errors
    /// If the facts are not JSON.
    pub fn problems(&self, facts: &str) -> Result<Vec<String>> {
        let mut problems = Vec::new();
        if self.size >= LIMIT {
            problems.push(format!("the profile has {} bytes, and {LIMIT} are too many", self.size));
        }
        let mut used = BTreeSet::new();
        for line in facts.lines() {
            let fact: Value = serde_json::from_str(line)?;
            if fact["origin"] == "runtime" {
                continue;
            }
            let lines = self.lines_of(&fact);
            if lines.is_empty() {
                problems.push(format!("no line of the profile stands for {line}"));
            }
            used.extend(lines);
        }
        for (list, length) in [("execs", self.application.execs.len()), ("opens", self.application.opens.len())] {
            problems.extend(
                (0..length)
                    .filter(|index| !used.contains(&(list, *index)))
                    .map(|index| format!("{list}[{index}] of the profile stands for nothing")),
            );
        }
        Ok(problems)
    }

    /// The lines that stand for a fact: list and index.
    fn lines_of(&self, fact: &Value) -> Vec<(&'static str, usize)> {
        let text = |name: &str| fact[name].as_str().unwrap_or_default();
        let texts = |name: &str| -> Vec<String> {
            fact[name].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let application = &self.application;
        match text("kind") {
            "exec" => indexes("execs", &application.execs, |exec| {
                matches(&exec.path, text("path"))
                    && matches(&exec.interpreter, text("interpreter"))
                    && matches_args(&exec.args, &texts("args"))
            }),
            "open" => indexes("opens", &application.opens, |open| {
                matches(&open.path, text("path")) && texts("flags").iter().all(|flag| open.flags.contains(flag))
            }),
            "capability" => {
                indexes("capabilities", &application.capabilities, |use_| use_.name == text("name") && fact["granted"] == use_.granted)
            }
            "syscall" if text("abi") == "compat" => {
                let names: Vec<&String> = application.syscall_architectures.values().flatten().collect();
                indexes("syscallArchitectures", &names, |name| *name == text("name"))
            }
            "syscall" => indexes("syscalls", &application.syscalls, |name| name == text("name")),
            "syscallDenied" => indexes("syscallsDenied", &application.syscalls_denied, |name| name == text("name")),
            "flow" if text("direction") == "egress" => neighbors("egress", &self.neighborhood.egress, text("remote"), text("remote"), fact),
            "flow" => neighbors("ingress", &self.neighborhood.ingress, text("remote"), text("local"), fact),
            "listen" => indexes("listens", &self.neighborhood.listens, |port| {
                let (address, number) = end(text("address"));
                fits(port, fact, number) && (port.addresses.is_empty() || port.addresses.contains(&address))
            }),
            // Names stand beside addresses; that is the neighborhood's own test.
            _ => vec![("dns", 0)],
        }
    }
}

fn indexes<T>(list: &'static str, items: &[T], fits: impl Fn(&T) -> bool) -> Vec<(&'static str, usize)> {
    items.iter().enumerate().filter(|(_, item)| fits(item)).map(|(index, _)| (list, index)).collect()
}

/// Peers with the fact's address, and the port at that end of it which tells something.
fn neighbors(list: &'static str, items: &[Neighbor], remote: &str, port_end: &str, fact: &Value) -> Vec<(&'static str, usize)> {
    let ((address, _), (_, number)) = (end(remote), end(port_end));
    // A peer that was reached at last is established, whatever went before.
    indexes(list, items, |neighbor| neighbor.ip_addresses.contains(&address) && neighbor.ports.iter().any(|port| fits(port, fact, number)))
}

fn fits(port: &NeighborPort, fact: &Value, number: u16) -> bool {
    port.port == number && fact["protocol"] == format!("{:?}", port.protocol)
}

/// Address and port, an IPv4 address in IPv6 clothes as IPv4.
fn end(text: &str) -> (String, u16) {
    text.parse::<std::net::SocketAddr>().map(|end| (end.ip().to_canonical().to_string(), end.port())).unwrap_or_default()
}
