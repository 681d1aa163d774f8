//! Set-uid programs, and capabilities used and not used.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
};

use anyhow::Result;

use crate::{
    build,
    program::{Prepared, Run, need, need_compiler},
};

use super::Entry;

pub(super) const PROGRAMS: &[Entry] = &[
    ("set-uid program", set_uid),
    ("su", su),
    ("ping", ping),
    ("root without need", no_need),
    ("static without need", static_no_need),
    ("capabilities used", used),
    ("capabilities denied", denied),
];

const NOBODY: u32 = 65534;

fn set_uid(folder: &Path) -> Result<Prepared> {
    need_compiler!();
    let program = build::c(folder, "elevated")?;
    chown(&program, Some(0), Some(0))?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4755))?;
    Run::new(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "./elevated"]).prepared()
}

fn su(_: &Path) -> Result<Prepared> {
    need!("su");
    Run::new(["su", "nobody", "-s", "/bin/sh", "-c", "id; cat /etc/shadow || true"]).prepared()
}

fn ping(_: &Path) -> Result<Prepared> {
    need!("ping");
    Run::shell("ping -c 2 -i 0.2 127.0.0.1; ping -c 1 ::1; ping -c 1 localhost").prepared()
}

fn no_need(_: &Path) -> Result<Prepared> {
    Run::new(["/bin/true"]).capabilities(&[]).prepared()
}

fn static_no_need(folder: &Path) -> Result<Prepared> {
    need_compiler!();
    let program = build::c(folder, "idle")?;
    Run::new([program]).capabilities(&[]).prepared()
}

fn used(folder: &Path) -> Result<Prepared> {
    need_compiler!();
    let program = build::c(folder, "uses")?;
    let first: u16 = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start")?.trim().parse()?;
    let mut expected = vec!["CHOWN granted", "SYS_ADMIN granted", "SYS_CHROOT granted"];
    if first > 1 {
        expected.push("NET_BIND_SERVICE granted");
    }
    Run::new([program]).capabilities(&expected).prepared()
}

fn denied(folder: &Path) -> Result<Prepared> {
    need_compiler!();
    let program = build::c(folder, "lacks")?;
    chown(folder, Some(NOBODY), Some(NOBODY))?;
    Run::new([program]).capabilities(&["SETGID granted", "SETUID granted", "SYS_CHROOT denied"]).prepared()
}
