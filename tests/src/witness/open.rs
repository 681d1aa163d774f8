//! Files opened: strace -y prints what the new descriptor leads to, which is the kernel's own path.

use crate::{
    escape::escape,
    sets,
    strace::{Call, Unreadable, descriptor_path, fields},
};

/// The line of a successful open.
pub(super) fn line(call: &Call<'_>) -> Result<Option<String>, Unreadable> {
    if !matches!(call.name, "open" | "openat" | "openat2" | "creat" | "open_by_handle_at") {
        return Ok(None);
    }
    let Some(value) = call.value() else { return Ok(None) };
    let Some((path, deleted)) = descriptor_path(value)? else {
        return Err(Unreadable::new("an open descriptor without path", value));
    };
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
    let mark = if deleted { " (deleted)" } else { "" };
    Ok(Some(sets::open(&format!("{}{mark}", escape(&path)), &flags)))
}
