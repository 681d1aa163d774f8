//! A script for a static shell: what it calls by strace's word, and the same script under a filter.

use std::{
    collections::BTreeSet,
    fs,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use runtimemap_crds::OciSeccomp;

use crate::{
    bundle::{Bundle, Case},
    runtime::Runtime,
    strace,
};

/// A script that has run once.
pub(crate) struct Recorded<'a> {
    bundle: Bundle,
    script: &'a str,
    output: &'a str,
    /// Names of its calls.
    pub(crate) calls: BTreeSet<String>,
}

impl<'a> Recorded<'a> {
    /// Runs it outside of any container, in a network of its own. `$0` is the shell's file, `$1` a folder with a page.
    pub(crate) fn of(script: &'a str, output: &'a str) -> Result<Self> {
        let shell = ["/bin/busybox", "/usr/bin/busybox"].into_iter().find_map(|path| fs::read(path).ok());
        let shell = shell.context("failed to read busybox; install busybox-static")?;
        let bundle = Bundle::new(&[("busybox", &shell)])?;
        let root = bundle.path().join("rootfs");
        let file = bundle.path().join("trace");
        let outside = r#""$0" ip link set lo up && exec strace -f -o "$TRACE" "$0" sh -c "$SCRIPT" "$0" "$1""#;
        let mut command = Command::new("timeout");
        command.args(["--signal=KILL", "60", "unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", outside]);
        command.arg(root.join("busybox")).arg(root.join("www")).env("SCRIPT", script).env("TRACE", &file).stdin(Stdio::null());
        let said = command.output().context("failed to run unshare")?;
        let text = String::from_utf8_lossy(&said.stdout);
        ensure!(text == output, "the script itself says {text:?}, not {output:?}: {}", String::from_utf8_lossy(&said.stderr));
        let calls = strace::names(&fs::read_to_string(&file)?);
        Ok(Self { bundle, script, output, calls })
    }

    /// Runs it in a container; fails when it does not say what it said before.
    pub(crate) fn replay(&self, runtime: &Runtime, case: Case, filter: &OciSeccomp) -> Result<()> {
        let command = ["/busybox", "sh", "-c", self.script, "/busybox", "/www"];
        let outcome = self.bundle.run(runtime, case, &command, filter, &[])?;
        ensure!(outcome.code == Some(0) && outcome.said == self.output, "{case:?}: {outcome:?}, not {:?}", self.output);
        Ok(())
    }
}
