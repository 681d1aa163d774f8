//! System calls off the beaten track: 32-bit ones, refused ones, each once on eight threads, opens that are no system call.

use std::{path::Path, process::Command};

use anyhow::Result;
use runtimemap_tests::{escape::escape, sets, sets::Column};

use crate::{
    build,
    program::{Prepared, Run, need, need_compiler},
};

use super::Entry;

pub(super) const PROGRAMS: &[Entry] = &[
    ("32-bit program", compat),
    ("refused by a filter", refused),
    ("eight threads", threads),
    ("exec by a thread", exec_by_thread),
    ("io_uring", io_uring),
];

fn compat(folder: &Path) -> Result<Prepared> {
    need!("gcc");
    if !cfg!(target_arch = "x86_64") {
        return Ok(Prepared::NotHere("32-bit calls are tried on x86-64".into()));
    }
    std::fs::write(folder.join("narrow.c"), include_str!("sources/narrow.c"))?;
    build::run(
        Command::new("gcc")
            .args(["-m32", "-O1", "-nostdlib", "-static", "-fno-pie", "-no-pie", "-fno-stack-protector", "-o", "narrow", "narrow.c"])
            .current_dir(folder),
    )?;
    Run::shell("cat /etc/hostname; ./narrow").prepared()
}

fn refused(folder: &Path) -> Result<Prepared> {
    need_compiler!();
    let program = build::c(folder, "filtered")?;
    Run::new([program])
        .own(Column::Denied, [sets::syscall(false, "getpriority")])
        .except(
            Column::Syscalls,
            |line| line == "getpriority",
            "strace stops before the filter that refuses the call, which the kernel then never enters",
        )
        .prepared()
}

fn threads(folder: &Path) -> Result<Prepared> {
    need_compiler!();
    let program = build::c(folder, "eight")?;
    Run::new([program]).prepared()
}

fn exec_by_thread(folder: &Path) -> Result<Prepared> {
    need_compiler!();
    let program = build::c(folder, "usurper")?;
    Run::new([program]).prepared()
}

fn io_uring(folder: &Path) -> Result<Prepared> {
    need_compiler!();
    let program = build::c(folder, "ring")?;
    if let Err(error) = build::run(&mut Command::new(&program)) {
        return Ok(Prepared::NotHere(format!("io_uring does not work here: {error:#}")));
    }
    let path = escape(folder.canonicalize()?.join("ring.c").as_os_str().as_encoded_bytes());
    Run::new([program])
        .own(Column::Opens, [sets::open(&path, &["O_RDONLY", "O_CLOEXEC"])])
        .except(
            Column::Opens,
            |line| line.contains("/ring.c "),
            "opens by io_uring are no system calls, and this kernel gives the recorder opens at sys_exit only",
        )
        .prepared()
}
