//! What others say of the objects: the definitions in crds/*.yaml, and Kubernetes' own schema of a NetworkPolicy.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::{
    call::{found, run},
    recording::Recording,
};

/// Every object passes, strictly: an unknown field is an error, as it is to `kubectl apply --validate=strict`.
pub(crate) fn accepts(recording: &Recording) -> Result<()> {
    ensure!(recording.objects().len() == 4, "the map has {} objects, not four", recording.objects().len());
    definitions(&recording.file())?;
    run(Command::new("kubernetes-validate").args(["--strict"]).arg(recording.network_policy()?)).map(drop)
}

/// So that the above can fail.
pub(crate) fn refuses_what_is_wrong(recording: &Recording) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("wrong.yaml");
    let profile = recording.object("ApplicationProfile")?;
    for (right, wrong) in [
        ("\n  phase: Complete", "\n  phase: Perhaps"),
        ("\nspec:\n", "\nspec:\n  unheard: of\n"),
        ("\n    kind: Command\n", "\n    kind: 7\n"),
    ] {
        ensure!(profile.contains(right), "the profile has no {right:?} to put {wrong:?} in its place");
        fs::write(&file, profile.replacen(right, wrong, 1))?;
        ensure!(definitions(&file).is_err(), "the definitions accept {wrong:?}");
    }
    let policy = recording.network_policy()?;
    let text = fs::read_to_string(&policy)?;
    fs::write(&policy, text.replacen("\nspec:\n", "\nspec:\n  unheard: of\n", 1))?;
    ensure!(run(Command::new("kubernetes-validate").arg("--strict").arg(&policy)).is_err(), "kubernetes-validate accepts an unknown field");
    Ok(())
}

/// The schemas of the definitions, applied by the same library that kubernetes-validate uses.
fn definitions(file: &Path) -> Result<()> {
    let validate = found("kubernetes-validate").context("kubernetes-validate is not on PATH; 'make setup' installs it")?.canonicalize()?;
    let python = validate.parent().map(|folder| folder.join("python")).context("kubernetes-validate lies in no folder")?;
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(python);
    command.arg(here.join("replay/sources/definitions.py")).arg(here.join("../crds")).arg(file);
    run(&mut command).map(drop)
}
