//! A container made by runc alone: this machine's files, the server's network, one filter.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    call::run,
    deadline::{ended, until},
    place::Place,
    program::Program,
};

static NUMBER: AtomicUsize = AtomicUsize::new(0);

/// A running container. Gone when dropped.
pub(crate) struct Container {
    name: String,
    folder: TempDir,
    runc: Child,
}

impl Container {
    pub(crate) fn start(program: &Program, place: &Place, filter: &Value, no_new_privileges: bool) -> Result<Self> {
        program.forget()?;
        let folder = tempfile::tempdir()?;
        let name = format!("runtimemap-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        fs::create_dir(folder.path().join("rootfs"))?;
        fs::write(folder.path().join("config.json"), configuration(program, place, filter, no_new_privileges, &name)?.to_string())?;
        let rootfs = folder.path().join("rootfs");
        run(Command::new("mount").args(["--bind", "--make-private", "/"]).arg(&rootfs))?;
        let log = File::create(folder.path().join("said"))?;
        let runc = Command::new("runc")
            .arg("--root")
            .arg(folder.path().join("runc"))
            .args(["run", "--bundle"])
            .arg(folder.path())
            .arg(&name)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn();
        match runc {
            Ok(runc) => Ok(Self { name, folder, runc }),
            Err(error) => {
                let _ = run(Command::new("umount").arg(&rootfs));
                Err(error).context("failed to start runc")
            }
        }
    }

    fn runc(&self) -> Command {
        let mut command = Command::new("runc");
        command.arg("--root").arg(self.folder.path().join("runc"));
        command
    }

    /// Waits until it serves; fails when it ends before, or the time is over.
    pub(crate) fn serves(&mut self, probe: impl Fn() -> Result<()>, limit: Duration) -> Result<()> {
        let Self { runc, .. } = self;
        let ended = until("the container serve", limit, || match (runc.try_wait(), probe()) {
            (Ok(None), Ok(())) => Some(None),
            (Ok(None), Err(_)) => None,
            (status, _) => Some(Some(status)),
        })?;
        match ended {
            None => Ok(()),
            Some(status) => bail!("the container ended, {status:?}: {}", self.said()),
        }
    }

    /// Its processes, each with its seccomp mode.
    pub(crate) fn modes(&self) -> Result<Vec<(u32, String)>> {
        let processes: Vec<u32> = serde_json::from_str(&run(self.runc().args(["ps", "--format", "json", &self.name]))?)?;
        ensure!(!processes.is_empty(), "runc knows no process of the container");
        // One that has ended since has no status left.
        let status = |process: u32| Some((process, fs::read_to_string(format!("/proc/{process}/status")).ok()?));
        let mode = |(process, status): (u32, String)| {
            let mode = status.lines().find_map(|line| line.strip_prefix("Seccomp:")).unwrap_or("?").trim().to_owned();
            (process, mode)
        };
        Ok(processes.into_iter().filter_map(status).map(mode).collect())
    }

    /// Ends it in order.
    pub(crate) fn stop(&mut self, signal: &str) -> Result<()> {
        run(self.runc().args(["kill", &self.name, signal]))?;
        let status = ended("the container", &mut self.runc, Duration::from_secs(30))?;
        ensure!(status.success(), "the container ended with {status}: {}", self.said());
        Ok(())
    }

    /// The last of what it wrote.
    pub(crate) fn said(&self) -> String {
        let text = fs::read(self.folder.path().join("said")).unwrap_or_default();
        String::from_utf8_lossy(&text).lines().rev().take(5).collect::<Vec<_>>().join("; ")
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if let Ok(None) = self.runc.try_wait() {
            let _ = run(self.runc().args(["delete", "--force", &self.name]));
            if ended("runc", &mut self.runc, Duration::from_secs(5)).is_err() {
                let _ = self.runc.kill();
                let _ = self.runc.wait();
            }
        }
        // What runc left after a failure, so mostly nothing.
        let _ = run(self.runc().args(["delete", "--force", &self.name]));
        let _ = run(Command::new("umount").arg(self.folder.path().join("rootfs")));
    }
}

/// config.json in the OCI's format.
fn configuration(program: &Program, place: &Place, filter: &Value, no_new_privileges: bool, name: &str) -> Result<Value> {
    let words: Vec<&str> =
        program.command.iter().map(|word| word.to_str().context("the command is not plain text")).collect::<Result<_>>()?;
    let capabilities: &[&str] = if program.user == 0 {
        &["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_SETGID", "CAP_SETUID"]
    } else {
        &[]
    };
    let work: PathBuf = program.folder.path().canonicalize()?;
    Ok(json!({
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": program.user, "gid": program.user},
            "args": words,
            "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
            "cwd": "/",
            "capabilities": {"bounding": capabilities, "effective": capabilities, "permitted": capabilities},
            "noNewPrivileges": no_new_privileges,
        },
        "root": {"path": "rootfs", "readonly": true},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=64k"]},
            {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "nodev", "mode=1777"]},
            {"destination": work, "type": "bind", "source": work, "options": ["bind", "rw"]},
        ],
        "linux": {
            "cgroupsPath": format!("/{name}"),
            "namespaces": [
                {"type": "pid"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"},
                {"type": "network", "path": place.network()},
            ],
            "seccomp": filter,
        },
    }))
}

/// The filter without one of the calls that it allows.
pub(crate) fn without(filter: &Value, call: &str) -> Result<Value> {
    let mut lacking = filter.clone();
    let mut found = false;
    for entry in lacking["syscalls"].as_array_mut().context("the filter has no list of calls")? {
        if entry["action"] == "SCMP_ACT_ALLOW"
            && let Some(names) = entry["names"].as_array_mut()
        {
            let before = names.len();
            names.retain(|name| name != call);
            found |= names.len() < before;
        }
    }
    ensure!(found, "the filter does not allow {call}, which the program needs");
    Ok(lacking)
}
