//! Files opened: strace -y prints what the new descriptor leads to, which is the kernel's own path.

use crate::{
    escape::escape,
    sets,
    strace::{Call, Unreadable, descriptor_path, fields},
};

/// What a call opened.
pub(super) enum Opened {
    /// It is no open, or it failed.
    Nothing,
    /// A file, as a line.
    File(String),
    /// A file whose path is longer than the kernel prints.
    Nameless,
}

/// Reads a call.
pub(super) fn line(call: &Call<'_>) -> Result<Opened, Unreadable> {
    if !matches!(call.name, "open" | "openat" | "openat2" | "creat" | "open_by_handle_at") {
        return Ok(Opened::Nothing);
    }
    let Some(value) = call.value() else { return Ok(Opened::Nothing) };
    let Some((path, deleted)) = descriptor_path(value)? else { return Ok(Opened::Nameless) };
    let arguments = call.split();
    let flags = match call.name {
        "creat" => "O_WRONLY|O_CREAT|O_TRUNC",
        "open" => arguments[1],
        "openat2" => {
            let how = fields(arguments[2])?;
            how.iter().find(|(name, _)| *name == "flags").ok_or_else(|| Unreadable::new("no flags", arguments[2]))?.1
        }
        _ => arguments[2],
    };
    let flags: Vec<&str> = flags.split('|').collect();
    // `pipe:[12]`, `net:[34]`: what the kernel prints for a file without a path.
    if !path.starts_with(b"/") {
        return Ok(Opened::File(sets::open("(unnamed)", &flags)));
    }
    let mark = if deleted { " (deleted)" } else { "" };
    Ok(Opened::File(sets::open(&format!("{}{mark}", escape(&path)), &flags)))
}
