//! Waiting, never for longer than said.

use std::{
    process::{Child, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// Waits until `look` finds something.
pub(crate) fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> Result<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if Instant::now() > end {
            bail!("failed to see {what} within {limit:?}");
        }
        thread::sleep(PAUSE);
    }
}

/// Waits for a process to end.
pub(crate) fn ended(what: &str, child: &mut Child, limit: Duration) -> Result<ExitStatus> {
    until(&format!("the end of {what}"), limit, || child.try_wait().transpose())?.with_context(|| format!("failed to wait for {what}"))
}
