//! What the recorder says that a run did: its facts, one JSON object on each line, before anything is collapsed.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::sets::{self, Column, Sets};

/// Reads the facts. Those of the recorder's own child, before it becomes the program, are not the program's.
///
/// # Errors
/// If a line is not such a fact.
pub fn read(lines: &str) -> Result<Sets> {
    let mut sets = Sets::default();
    for (index, line) in lines.lines().enumerate() {
        fact(line, &mut sets).with_context(|| format!("failed to read fact {}: {line}", index + 1))?;
    }
    Ok(sets)
}

fn fact(line: &str, sets: &mut Sets) -> Result<()> {
    let fact: Value = serde_json::from_str(line)?;
    let kind = text(&fact, "kind")?;
    if text(&fact, "origin")? == "runtime" {
        if !matches!(kind, "syscall" | "syscallDenied") {
            bail!("the recorder's own act is among the facts");
        }
        return Ok(());
    }
    match kind {
        "exec" => {
            let mark = if fact["truncated"] == true { " and more" } else { "" };
            let line = sets::exec(text(&fact, "path")?, text(&fact, "interpreter")?, &texts(&fact, "args")?);
            sets.insert(Column::Execs, format!("{line}{mark}"));
        }
        "open" => sets.insert(Column::Opens, sets::open(text(&fact, "path")?, &texts(&fact, "flags")?)),
        "syscall" => sets.insert(Column::Syscalls, syscall(&fact)?),
        "syscallDenied" => sets.insert(Column::Denied, syscall(&fact)?),
        "flow" => sets.insert(Column::Peers, flow(&fact)?),
        "listen" => sets.insert(Column::Listens, sets::listen(text(&fact, "protocol")?, address(&fact, "address")?)),
        "capability" => {
            let granted = fact["granted"].as_bool().context("granted is missing")?;
            sets.insert(Column::Capabilities, format!("{} {}", text(&fact, "name")?, if granted { "granted" } else { "denied" }));
        }
        "dns" => {
            let addresses = texts(&fact, "addresses")?;
            // A name that stands for nothing.
            if !addresses.is_empty() {
                sets.insert(
                    Column::Names,
                    format!("{} is {} says {}", text(&fact, "name")?, addresses.join(" and "), text(&fact, "server")?),
                );
            }
        }
        "left" => bail!("a process left the recording"),
        other => bail!("a fact of an unknown kind {other}"),
    }
    Ok(())
}

fn syscall(fact: &Value) -> Result<String> {
    Ok(sets::syscall(text(fact, "abi")? == "compat", text(fact, "name")?))
}

fn flow(fact: &Value) -> Result<String> {
    let (local, remote) = (address(fact, "local")?, address(fact, "remote")?);
    let (protocol, outcome) = (text(fact, "protocol")?, text(fact, "outcome")?);
    match text(fact, "direction")? {
        "egress" => Ok(sets::egress(protocol, remote, outcome)),
        "ingress" => Ok(sets::ingress(protocol, remote.ip(), local.port(), outcome)),
        other => bail!("an unknown direction {other}"),
    }
}

fn text<'a>(fact: &'a Value, name: &str) -> Result<&'a str> {
    fact[name].as_str().with_context(|| format!("{name} is missing"))
}

fn texts(fact: &Value, name: &str) -> Result<Vec<String>> {
    let list = fact[name].as_array().with_context(|| format!("{name} is missing"))?;
    list.iter().map(|item| Ok(item.as_str().context("not a text")?.to_owned())).collect()
}

fn address(fact: &Value, name: &str) -> Result<SocketAddr> {
    Ok(text(fact, name)?.parse()?)
}
