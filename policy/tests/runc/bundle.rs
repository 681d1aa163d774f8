//! A container's folder, and the container run from it under one filter.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use runtimemap_crds::OciSeccomp;
use serde_json::json;
use tempfile::TempDir;

use crate::runtime::Runtime;

/// Longer than any container here runs on a busy machine; a filter may also make a program hang.
const LIMIT: Duration = Duration::from_secs(20);

/// How the program gets into the container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// As its command.
    Run,
    /// Into a container that runs already.
    Exec,
}

/// What decides which calls a runtime makes under the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) way: Way,
    pub(crate) no_new_privileges: bool,
    pub(crate) user: u32,
}

/// What became of a container.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// None: it was ended, since it hung, or by a signal.
    pub(crate) code: Option<i32>,
    pub(crate) said: String,
}

/// A container's folder. Gone when dropped.
pub(crate) struct Bundle {
    folder: TempDir,
    id: String,
}

impl Bundle {
    pub(crate) fn new(programs: &[(&str, &[u8])]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        // A user that is not root has to get in.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        let root = folder.path().join("rootfs");
        for name in ["proc", "dev", "www"] {
            fs::create_dir_all(root.join(name))?;
        }
        for (name, content) in programs {
            fs::write(root.join(name), content)?;
            fs::set_permissions(root.join(name), fs::Permissions::from_mode(0o755))?;
        }
        fs::write(root.join("www/index.html"), "served\n")?;
        let id = folder.path().file_name().and_then(|name| name.to_str()).context("the folder has no name")?.trim_matches('.');
        let id = format!("runtimemap-{id}");
        Ok(Self { folder, id })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a program and waits for its end. `tracer` comes before the runtime's own command.
    pub(crate) fn run(&self, runtime: &Runtime, case: Case, program: &[&str], filter: &OciSeccomp, tracer: &[&str]) -> Result<Outcome> {
        let command = match case.way {
            Way::Run => program,
            Way::Exec => &["/waits"],
        };
        let configuration = self.configuration(case, command, filter);
        fs::write(self.path().join("config.json"), configuration.to_string())?;
        let log = fs::File::create(self.path().join("said"))?;
        let mut child = self.command(runtime, case.way, program, tracer).stdout(log.try_clone()?).stderr(log).spawn()?;
        let status = ended(&mut child)?;
        if status.is_none() {
            // With the first process of their namespace, all of them end.
            child.kill()?;
            child.wait()?;
            Command::new(&runtime.program).args(self.root()).args(["delete", "--force", &self.id]).stdin(Stdio::null()).output()?;
        }
        let said = String::from_utf8_lossy(&fs::read(self.path().join("said"))?).into_owned();
        Ok(Outcome { code: status.and_then(|status| status.code()), said })
    }

    /// In a process namespace of its own, so that nothing outlives it.
    fn command(&self, runtime: &Runtime, way: Way, program: &[&str], tracer: &[&str]) -> Command {
        const RUN: &str = r#""$@" run --bundle "$BUNDLE" "$ID""#;
        const EXEC: &str = r#"
            $RUNTIME run --detach --bundle "$BUNDLE" "$ID" || exit 99
            "$@" exec "$ID" $PROGRAM
            status=$?
            $RUNTIME delete --force "$ID"
            exit $status"#;
        let [flag, root] = self.root();
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c"]);
        command.arg(if way == Way::Run { RUN } else { EXEC }).arg("sh");
        command.args(tracer).arg(&runtime.program).args([&flag, &root]);
        command.env("RUNTIME", format!("{} {flag} {root}", runtime.program.display())).env("PROGRAM", program.join(" "));
        command.env("BUNDLE", self.path()).env("ID", &self.id).stdin(Stdio::null());
        command
    }

    fn root(&self) -> [String; 2] {
        ["--root".to_owned(), self.path().join("state").display().to_string()]
    }

    /// config.json in the OCI's format, much as Kubernetes asks for.
    fn configuration(&self, case: Case, command: &[&str], filter: &OciSeccomp) -> serde_json::Value {
        let capabilities: &[&str] = &["CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_SETGID", "CAP_SETUID"];
        let effective = if case.user == 0 { capabilities } else { &[] };
        json!({
            "ociVersion": "1.0.2",
            "process": {
                "user": {"uid": case.user, "gid": case.user, "additionalGids": [case.user]},
                "args": command,
                "env": ["PATH=/"],
                "cwd": "/",
                "capabilities": {"bounding": capabilities, "effective": effective, "permitted": effective},
                "noNewPrivileges": case.no_new_privileges,
            },
            "root": {"path": "rootfs", "readonly": true},
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=64k"]},
            ],
            "linux": {
                "cgroupsPath": format!("/{}", self.id),
                "namespaces": [{"type": "pid"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}, {"type": "network"}],
                "seccomp": filter,
            },
        })
    }
}

/// Waits for the end; None when it does not come.
fn ended(child: &mut Child) -> Result<Option<ExitStatus>> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if start.elapsed() > LIMIT {
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// A filter that allows these calls; all others do not exist.
pub(crate) fn allowing<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<OciSeccomp> {
    let architecture = if cfg!(target_arch = "aarch64") { "SCMP_ARCH_AARCH64" } else { "SCMP_ARCH_X86_64" };
    let mut names: Vec<&str> = names.into_iter().collect();
    names.sort_unstable();
    names.dedup();
    ensure!(!names.is_empty(), "a filter that allows nothing");
    Ok(serde_json::from_value(json!({
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": 38,
        "architectures": [architecture],
        "syscalls": [{"names": names, "action": "SCMP_ACT_ALLOW"}],
    }))?)
}
