//! The filters under a real container runtime: what it needs itself, and programs that run with what they were seen to call.
//!
//! Needs root, runc and strace; `RUNTIMEMAP_TEST_WITHOUT=runc` leaves it out.

#![expect(clippy::print_stderr, reason = "says what was left out")]

mod bundle;
mod measure;
mod program;
mod runtime;
mod strace;

use std::{fs, path::Path};

use anyhow::Result;

use runtime::Runtime;

/// Measures the installed runtime, or the one that RUNTIMEMAP_RUNTIME names, and writes its file.
#[test]
#[ignore = "writes policy/src/seccomp/base/*.txt, which are committed; takes minutes"]
fn measure() -> Result<()> {
    let runtime = Runtime::installed()?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/seccomp/base");
    let file = folder.join(format!("{}-{}-{}.txt", runtime.name, runtime.version, Runtime::architecture()));
    fs::create_dir_all(&folder)?;
    fs::write(&file, measure::measured(&runtime)?)?;
    eprintln!("wrote {}; name it in policy/src/seccomp/base.rs", file.display());
    Ok(())
}
