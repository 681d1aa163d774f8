//! Compiles the small programs that the table needs.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

/// Names a folder of programs that [`all`] made, for machines that have no compiler.
pub(crate) const BUILT: &str = "TRUTH_BUILT";
/// Names the compiler of [`all`], where it is for another architecture.
const COMPILER: &str = "TRUTH_COMPILER";
/// The programs: name, source, and what the compiler is told beside the usual.
const SOURCES: &[(&str, &str, &[&str])] = &[
    ("deep", include_str!("programs/sources/deep.c"), &[]),
    ("eight", include_str!("programs/sources/eight.c"), &[]),
    ("elevated", include_str!("programs/sources/elevated.c"), &[]),
    ("filtered", include_str!("programs/sources/filtered.c"), &[]),
    ("hostile", include_str!("programs/sources/hostile.c"), &[]),
    ("idle", "#include <stdlib.h>\nint main(void) { free(malloc(1 << 22)); return 0; }\n", &[]),
    ("lacks", include_str!("programs/sources/lacks.c"), &[]),
    ("many", include_str!("programs/sources/many.c"), &[]),
    ("ring", include_str!("programs/sources/ring.c"), &[]),
    ("tiny", include_str!("programs/sources/tiny.c"), &["-nostdlib", "-ffreestanding"]),
    ("uses", include_str!("programs/sources/uses.c"), &[]),
    ("usurper", include_str!("programs/sources/usurper.c"), &[]),
];

/// Runs a command outside of the recording, and fails if it does.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("failed to run {command:?}"))?;
    if !output.status.success() {
        bail!(
            "failed to run {command:?}, {}: {}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Puts one of the programs into a folder, with its source: linked statically.
pub(crate) fn c(folder: &Path, name: &str) -> Result<PathBuf> {
    let (_, source, flags) = SOURCES.iter().find(|(known, ..)| *known == name).with_context(|| format!("there is no program {name}"))?;
    let (from, to) = (folder.join(format!("{name}.c")), folder.join(name));
    fs::write(&from, source)?;
    if let Some(built) = env::var_os(BUILT) {
        let built = Path::new(&built).join(name);
        fs::copy(&built, &to).with_context(|| format!("failed to copy {}", built.display()))?;
    } else {
        let compiler = env::var_os(COMPILER).unwrap_or_else(|| "gcc".into());
        run(Command::new(compiler).args(["-O1", "-static", "-pthread", "-Wall", "-Werror", "-o"]).arg(&to).arg(&from).args(*flags))?;
    }
    Ok(to)
}

/// Compiles all of them into a folder.
pub(crate) fn all(folder: &Path) -> Result<()> {
    SOURCES.iter().try_for_each(|(name, ..)| c(folder, name).map(drop))
}
