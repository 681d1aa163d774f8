//! Languages with a runtime of their own, each with a server, a client and files.

use std::{fs, path::Path, process::Command};

use anyhow::Result;

use crate::{
    build,
    program::{Prepared, Run, where_installed},
};

use super::Entry;

pub(super) const PROGRAMS: &[Entry] = &[("node", node), ("java", java), ("go, static", go)];

fn node(folder: &Path) -> Result<Prepared> {
    let node = where_installed!("node");
    fs::write(folder.join("server.js"), include_str!("sources/server.js"))?;
    Run::new([node.into_os_string(), "server.js".into()]).prepared()
}

fn java(folder: &Path) -> Result<Prepared> {
    let (java, javac) = (where_installed!("java"), where_installed!("javac"));
    fs::write(folder.join("Server.java"), include_str!("sources/Server.java"))?;
    build::run(Command::new(javac).arg("Server.java").current_dir(folder))?;
    Run::new([java.into_os_string(), "-cp".into(), ".".into(), "Server".into()]).prepared()
}

fn go(folder: &Path) -> Result<Prepared> {
    let go = where_installed!("go");
    fs::write(folder.join("server.go"), include_str!("sources/server.go"))?;
    build::run(
        Command::new(go).args(["build", "-o", "server", "server.go"]).env("CGO_ENABLED", "0").env("GO111MODULE", "off").current_dir(folder),
    )?;
    Run::new([folder.join("server")]).prepared()
}
