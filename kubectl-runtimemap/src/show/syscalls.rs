//! What a container asks of the kernel.

use runtimemap_crds::ContainerProfile;

use super::{
    View,
    wording::{count, origin},
};
use crate::page::{Page, Style};

/// Rows of names in the short form.
const ROWS: usize = 4;

pub(super) fn write(page: &mut Page, profile: &ContainerProfile, view: &View) {
    let ContainerProfile { syscalls, syscall_origins, syscalls_denied, syscall_architectures, .. } = profile;
    section(page, view, "", syscalls);
    for (by, names) in syscall_origins {
        section(page, view, &format!(", only by {}", origin(*by)), names);
    }
    for (architecture, names) in syscall_architectures {
        section(page, view, &format!(", by the {architecture} ABI"), names);
    }
    if !syscalls_denied.is_empty() {
        section(page, view, ", refused by a seccomp filter", syscalls_denied);
    }
}

fn section(page: &mut Page, view: &View, what: &str, names: &[String]) {
    page.heading(&format!("Makes {}{what}", count(names.len(), "system call", "system calls")));
    let left = page.words(names, (!view.full()).then_some(ROWS));
    if left > 0 {
        page.item(Style::Plain, &format!("… and {left} more: --only syscalls shows all"));
    }
}
