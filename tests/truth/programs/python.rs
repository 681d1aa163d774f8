//! Python: one script for each thing that programs do in their own way.

use std::{fs, path::Path};

use anyhow::Result;
use runtimemap_tests::{escape::escape, sets, sets::Column};

use crate::program::{Prepared, Run, need};

use super::Entry;

pub(super) const PROGRAMS: &[Entry] = &[
    ("python threads", |folder| script(folder, include_str!("sources/threads.py"))),
    ("python files", files),
    ("python chroot", chroot),
    ("python tcp", |folder| script(folder, include_str!("sources/tcp.py"))),
    ("python odd", |folder| script(folder, include_str!("sources/odd.py"))),
    ("python names", names),
    ("python netns", |folder| script(folder, include_str!("sources/netns.py"))),
    ("python udp", |folder| script(folder, include_str!("sources/udp.py"))),
];

fn files(folder: &Path) -> Result<Prepared> {
    // strace does not say what open_by_handle_at opened; the script does nothing else with that path and these flags alone.
    let target = escape(folder.canonicalize()?.join("target").as_os_str().as_encoded_bytes());
    Ok(match script(folder, include_str!("sources/files.py"))? {
        Prepared::Run(run) => Prepared::Run(run.own(Column::Opens, [sets::open(&target, &["O_RDONLY"])])),
        other @ (Prepared::Done(_) | Prepared::Missing(_) | Prepared::NotHere(_)) => other,
    })
}

fn script(folder: &Path, source: &str) -> Result<Prepared> {
    // The system's own, not a version manager's shell script in front of it.
    let python = Path::new("/usr/bin/python3");
    if !python.is_file() {
        return Ok(Prepared::Missing("python3 is not installed".into()));
    }
    fs::write(folder.join("script.py"), source)?;
    Run::new([python.as_os_str(), "-I".as_ref(), "-B".as_ref(), "script.py".as_ref()]).prepared()
}

/// strace shows bytes and no names; who wrote the script knows them.
fn names(folder: &Path) -> Result<Prepared> {
    let names = [
        "alias.example is 192.0.2.9 says 127.0.0.77:53",
        "capitals.example is 192.0.2.10 says 127.0.0.77:53",
        "plain.example is 192.0.2.7 and 192.0.2.8 says 127.0.0.77:53",
        "plain.example is 2001:db8::7 says 127.0.0.77:53",
    ];
    Ok(match script(folder, include_str!("sources/names.py"))? {
        Prepared::Run(mut run) => {
            run.columns.push(Column::Names);
            Prepared::Run(run.own(Column::Names, names.map(str::to_owned)))
        }
        other @ (Prepared::Done(_) | Prepared::Missing(_) | Prepared::NotHere(_)) => other,
    })
}

fn chroot(folder: &Path) -> Result<Prepared> {
    let busybox = need!("busybox");
    fs::create_dir_all(folder.join("jail/bin"))?;
    fs::write(folder.join("jail/inside"), "text")?;
    fs::copy(busybox, folder.join("jail/bin/busybox"))?;
    script(folder, include_str!("sources/chroot.py"))
}
