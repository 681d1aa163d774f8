//! `check`: the hooks of this kernel, in words.

use crate::{
    cgroup,
    kernel::{self, Kernel},
    record,
};

/// The table could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Control groups.
    #[error(transparent)]
    Cgroup(#[from] cgroup::Error),
    /// The kernel side.
    #[error(transparent)]
    Kernel(#[from] kernel::Error),
}

/// Loads every hook once and says which are used, which are not and what that costs; and, if asked, which programs these are.
///
/// # Errors
/// If a hook that is needed does not load.
pub fn table(avoid: &[String], programs: bool) -> Result<String, Error> {
    let identity = cgroup::identity()?;
    let kernel = Kernel::load(record::options(avoid)?)?;
    let by = identity.controller.map_or("cgroup v2".to_owned(), |controller| format!("cgroup v1 of {controller}"));
    let mut text = format!("containers told apart by: {by}, hierarchy {} at {}\n", identity.hierarchy_id, identity.mount.display());
    text.push_str(&format!("records reach the recorder through: {}\n\n", kernel.output()));
    for choice in kernel.choices() {
        let used = choice.used.unwrap_or("none");
        text.push_str(&format!("{}\n  used: {used}", choice.gives));
        if !choice.since.is_empty() {
            text.push_str(&format!(" (since Linux {})", choice.since));
        }
        text.push('\n');
        for (name, why) in &choice.refused {
            text.push_str(&format!("  not used: {name}: {why}\n"));
        }
        if !choice.limits.is_empty() {
            text.push_str(&format!("  {}: {}\n", if choice.used.is_some() { "limits" } else { "missing" }, choice.limits));
        }
    }
    if programs {
        text.push_str("\nprograms, and instructions that the verifier walked:\n");
        for (name, verified) in kernel.programs() {
            let verified = verified.map_or("not told by this kernel".to_owned(), |count| count.to_string());
            text.push_str(&format!("  {name}: {verified}\n"));
        }
    }
    Ok(text)
}
