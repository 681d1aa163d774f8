//! Where loads run: one container, which stays the same whoever observes it.

use std::{
    env,
    ffi::OsStr,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    bundles::container,
    pod::{Container, Pod},
    rig::Rig,
};

/// Files that are opened, and programs that are run, by loads whose acts differ: fewer than what a container may have at once.
pub(crate) const FILES: usize = 10_000;
pub(crate) const PROGRAMS: usize = 300;
/// Components of the path that is opened again and again.
const DEPTH: usize = 8;

/// A container, and programs for it.
pub(crate) struct Stage {
    pub(crate) container: Container,
    /// Holds the container's group.
    _pod: Pod,
    servers: Vec<Pid>,
    /// Attaches a program that does nothing.
    pub(crate) empty: PathBuf,
    load: PathBuf,
    pub(crate) rig: Rig,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let mut rig = Rig::new();
        rig.flags.extend(env::var("AVOID").ok().map(|hooks| format!("--avoid={hooks}")));
        // Not every server runs as root.
        fs::set_permissions(rig.path(""), fs::Permissions::from_mode(0o755)).unwrap();
        let load = compile(&rig.path("load"), include_str!("sources/load.c"));
        let empty = compile(&rig.path("empty"), include_str!("sources/empty.c"));
        fs::create_dir(rig.path("files")).unwrap();
        (0..FILES).for_each(|number| fs::write(rig.path(&format!("files/{number:05}")), "x").unwrap());
        fs::create_dir(rig.path("programs")).unwrap();
        (0..PROGRAMS).for_each(|number| fs::hard_link(&load, rig.path(&format!("programs/{number:05}"))).unwrap());
        let pod = rig.pod();
        let mut container = container(&pod);
        // One processor for all that runs in it, and another for its clients: who moves from one to the other takes longer.
        container.act("taskset --cpu-list --pid 0 $$ > /dev/null");
        Self { container, _pod: pod, servers: Vec::new(), empty, load, rig }
    }

    /// A rig for an agent with a ledger of its own, which finds this one's containers.
    pub(crate) fn another_rig(&self) -> Rig {
        let mut rig = Rig::new();
        rig.flags.clone_from(&self.rig.flags);
        rig
    }

    /// A file whose path has so many components, and the folders above.
    pub(crate) fn deep_file(&self) -> PathBuf {
        let mut folder = self.rig.path("deep");
        // The first one is the root, and one is to come.
        while folder.components().count() < DEPTH {
            folder.push("folder");
        }
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("file");
        fs::write(&file, "x").unwrap();
        file
    }

    /// Runs a load of the small program in the container for so many milliseconds, and gives nanoseconds per operation: the mean, and those
    /// of the median pass.
    pub(crate) fn run(&mut self, words: &str, milliseconds: u32) -> (f64, f64) {
        let result = self.rig.path("result");
        let (name, rest) = words.split_once(' ').unwrap_or((words, ""));
        self.container.act(&format!("{} {name} {milliseconds} {rest} > {}", self.load.display(), result.display()));
        let said = fs::read_to_string(&result).unwrap();
        let figures: Vec<f64> = said.split_whitespace().map(|word| word.parse().unwrap()).collect();
        let [mean, median] = figures[..] else { panic!("{words} has failed, saying {said:?}") };
        (mean, median)
    }

    /// Lets a server run in the container until all ends.
    pub(crate) fn serve(&mut self, command: &str) {
        let pid = self.rig.path("pid");
        self.container.act(&format!("{command} > {} 2>&1 & echo $! > {}", self.rig.path("served").display(), pid.display()));
        self.servers.push(Pid::from_raw(fs::read_to_string(&pid).unwrap().trim().parse().unwrap()));
    }

    /// Processes of the container.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let all = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let is_member = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/cgroup")).is_ok_and(|text| text.contains(&self.container.id));
        all.filter(is_member).collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for server in &self.servers {
            let _ = kill(*server, Signal::SIGTERM);
        }
        self.container.end();
    }
}

/// Compiles C, statically.
fn compile(program: &Path, source: &str) -> PathBuf {
    let file = program.with_extension("c");
    fs::write(&file, source).unwrap();
    output(Command::new("gcc").args(["-O1", "-static", "-Wall", "-Werror", "-o"]).arg(program).arg(&file));
    program.to_owned()
}

/// What a command prints, which may not fail.
pub(crate) fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("failed to run {command:?}: {error}; make setup installs it"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A client of what runs in the container, on a processor of its own.
pub(crate) fn client(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", "1"]).arg(program);
    command
}

/// Where a program is, by PATH and where Debian has servers.
pub(crate) fn find(name: &str) -> PathBuf {
    let mut folders: Vec<PathBuf> = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect();
    folders.push("/usr/sbin".into());
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    folders.extend(versions.map(|version| version.path().join("bin")));
    let found = folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{name} is not installed; make setup does it"))
}
