//! One process: its program, files and system calls.

use std::{
    fs::{self, File},
    io::Read,
    os::unix::ffi::OsStringExt,
    path::Path,
};

use crate::fact::{Abi, Act, Exec};

/// Everything that /proc/PID shows but sockets.
pub(super) fn acts(pid: u32, add: &mut dyn FnMut(Act)) {
    let folder = format!("/proc/{pid}");
    let folder = Path::new(&folder);
    let root = link(&folder.join("root")).unwrap_or_default();
    let exe = link(&folder.join("exe")).map(|path| inside(path, &root));
    if let Some(path) = &exe {
        add(Act::Exec(Exec { path: path.clone(), args: arguments(folder), ..Exec::default() }));
    }
    for (path, flags) in descriptors(folder) {
        add(Act::Open { path: inside(path, &root), flags });
    }
    for (path, flags) in mappings(folder) {
        let path = inside(path, &root);
        // The program itself was started, not opened.
        if Some(&path) != exe.as_ref() {
            add(Act::Open { path, flags });
        }
    }
    let abi = abi(folder);
    for number in system_calls(folder) {
        add(Act::Syscall { abi, number });
    }
}

/// A path as the process sees it: /proc shows it from the root of the mount namespace, with the process's own root in front.
fn inside(path: Vec<u8>, root: &[u8]) -> Vec<u8> {
    match path.strip_prefix(root) {
        Some(rest) if rest.starts_with(b"/") => rest.to_vec(),
        _ => path,
    }
}

fn link(path: &Path) -> Option<Vec<u8>> {
    Some(fs::read_link(path).ok()?.into_os_string().into_vec())
}

/// Its arguments, as far as it has not written something else over them: a title that it gave itself ends in NULs.
fn arguments(folder: &Path) -> Vec<Vec<u8>> {
    let line = fs::read(folder.join("cmdline")).unwrap_or_default();
    let used = line.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    if used == 0 { Vec::new() } else { line[..used].split(|&byte| byte == 0).map(<[u8]>::to_vec).collect() }
}

/// Open files and directories with their flags. What has no path of its own (`pipe:[1]`, `anon_inode:x`, memfds) is left out.
fn descriptors(folder: &Path) -> Vec<(Vec<u8>, u32)> {
    let entries = fs::read_dir(folder.join("fd")).into_iter().flatten().flatten();
    let open = entries.filter_map(|entry| {
        let path = link(&entry.path()).filter(|path| is_file(path))?;
        let info = fs::read_to_string(folder.join("fdinfo").join(entry.file_name())).ok()?;
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"))?;
        Some((path, u32::from_str_radix(flags.trim(), 8).ok()?))
    });
    open.collect()
}

/// Mapped files, with the flags that such a mapping needs.
fn mappings(folder: &Path) -> Vec<(Vec<u8>, u32)> {
    let maps = fs::read(folder.join("maps")).unwrap_or_default();
    let mut found = Vec::new();
    for line in maps.split(|&byte| byte == b'\n') {
        let mut fields = line.splitn(6, |&byte| byte == b' ');
        let (Some(range), Some(permissions), Some(name)) = (fields.next(), fields.next(), fields.nth(3)) else { continue };
        if !name.trim_ascii_start().starts_with(b"/") {
            continue;
        }
        // The link has the name's own bytes, the line writes newlines as escapes; where it cannot be read, the line must do.
        let path = str::from_utf8(range).ok().and_then(|range| link(&folder.join("map_files").join(range)));
        let path = path.unwrap_or_else(|| name.trim_ascii_start().to_vec());
        let flags = if permissions.contains(&b'w') && permissions.contains(&b's') { libc::O_RDWR } else { libc::O_RDONLY };
        if is_file(&path) {
            found.push((path, flags.cast_unsigned()));
        }
    }
    found.sort();
    found.dedup();
    found
}

fn is_file(path: &[u8]) -> bool {
    const MEMORY: [&[u8]; 5] = [b"/memfd:", b"/dev/zero (deleted)", b"/SYSV", b"/[aio]", b"/anon_hugepage"];
    path.starts_with(b"/") && !MEMORY.iter().any(|name| path.starts_with(name))
}

/// The call that each thread waits in.
fn system_calls(folder: &Path) -> Vec<u32> {
    let tasks = fs::read_dir(folder.join("task")).into_iter().flatten().flatten();
    tasks.filter_map(|task| fs::read_to_string(task.path().join("syscall")).ok()?.split(' ').next()?.parse().ok()).collect()
}

fn abi(folder: &Path) -> Abi {
    let mut header = [0; 5];
    let read = File::open(folder.join("exe")).and_then(|mut file| file.read_exact(&mut header));
    // EI_CLASS of the ELF header: 1 is 32-bit.
    if read.is_ok() && header.starts_with(b"\x7fELF") && header[4] == 1 { Abi::Compat } else { Abi::Native }
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::ffi::OsStrExt,
        process::{Command, Stdio},
        time::{Duration, Instant},
    };

    use super::*;

    #[test]
    fn a_process_shows_its_program_its_files_and_its_call() {
        let folder = tempfile::tempdir().unwrap();
        let odd = folder.path().join(std::ffi::OsStr::from_bytes(b"odd\n\xff"));
        fs::write(&odd, "x").unwrap();
        let deleted = folder.path().join("gone");
        fs::write(&deleted, "x").unwrap();
        let script = "exec 3<\"$0\" 4>>\"$1\"; rm \"$1\"; echo ready; exec cat";
        let mut child =
            Command::new("sh").arg("-c").arg(script).args([&odd, &deleted]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let waits = |acts: &[Act]| acts.contains(&Act::Syscall { abi: Abi::Native, number: libc::SYS_read as u32 });
        let is_cat = |acts: &[Act]| acts.iter().any(|act| matches!(act, Act::Exec(exec) if exec.path.ends_with(b"/cat")));
        let deadline = Instant::now() + Duration::from_secs(20);
        let found = loop {
            let mut found = Vec::new();
            acts(child.id(), &mut |act| found.push(act));
            if waits(&found) && is_cat(&found) {
                break found;
            }
            assert!(Instant::now() < deadline, "{found:?}");
            std::thread::yield_now();
        };
        let open = |path: &[u8]| found.iter().find(|act| matches!(act, Act::Open { path: open, .. } if open == path));
        assert!(matches!(open(odd.as_os_str().as_bytes()), Some(Act::Open { flags, .. }) if flags & 3 == 0));
        let name = [deleted.as_os_str().as_bytes(), b" (deleted)"].concat();
        assert!(matches!(open(&name), Some(Act::Open { flags, .. }) if *flags & libc::O_APPEND.cast_unsigned() != 0), "{found:?}");
        assert!(
            found.iter().any(|act| matches!(act, Act::Open { path, .. } if path.windows(7).any(|part| part == b"libc.so"))),
            "mapped files"
        );
        assert!(!found.iter().any(|act| matches!(act, Act::Open { path, .. } if path.ends_with(b"/cat") || path.starts_with(b"pipe:"))));
        drop(child.stdin.take());
        child.wait().unwrap();
    }

    #[test]
    fn r12_paths_are_those_that_the_container_sees() {
        let cases: [(&[u8], &[u8], &[u8]); 5] = [
            (b"/srv/root/etc/x", b"/srv/root", b"/etc/x"),
            (b"/srv/rooted/x", b"/srv/root", b"/srv/rooted/x"),
            (b"/etc/x", b"/", b"/etc/x"),
            (b"/etc/x", b"", b"/etc/x"),
            (b"/other", b"/srv/root", b"/other"),
        ];
        for (path, root, expected) in cases {
            assert_eq!(inside(path.to_vec(), root), expected);
        }
    }

    #[test]
    fn a_process_that_is_gone_has_nothing_to_tell() {
        acts(u32::MAX >> 1, &mut |act| panic!("{act:?}"));
    }
}
