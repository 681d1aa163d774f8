//! Ordinary commands.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use anyhow::Result;
use runtimemap_tests::sets::Column;

use crate::program::{Prepared, Run, need};

use super::Entry;

pub(super) const PROGRAMS: &[Entry] = &[
    ("shell pipeline", pipeline),
    ("scripts", scripts),
    ("tar", tar),
    ("gcc", gcc),
    ("busybox", busybox),
    ("mounts", mounts),
    ("namespaces", namespaces),
];

fn pipeline(_: &Path) -> Result<Prepared> {
    Run::shell(
        "grep -v nologin /etc/passwd | sort -r | head -n 2 > out; cat < out | wc -l; (cd /usr && ls > /dev/null); cat missing || true",
    )
    .prepared()
}

fn executable(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// Scripts by absolute, relative and linked paths, a script run by a script, and an interpreter with an argument.
fn scripts(folder: &Path) -> Result<Prepared> {
    fs::create_dir(folder.join("sub"))?;
    executable(&folder.join("sub/inner"), "#!/bin/sh -e\necho \"$@\"\n")?;
    executable(&folder.join("sub/outer"), &format!("#!{}/sub/inner two words\n", folder.canonicalize()?.display()))?;
    std::os::unix::fs::symlink("sub/inner", folder.join("linked"))?;
    Run::shell("sub/inner 1 2; cd sub; ./inner; ../linked '' 'a b'; ./outer 3; PATH=.:$PATH; inner 4; \"$OLDPWD\"/sub/inner 5")
        .except(
            Column::Execs,
            |line| line.contains("../linked"),
            "the kernel keeps a script's name as it was given, and no longer which file that led to: links are not followed",
        )
        .prepared()
}

fn tar(folder: &Path) -> Result<Prepared> {
    need!("tar");
    let tree = folder.join("tree/deep/er");
    fs::create_dir_all(&tree)?;
    for number in 0..50 {
        fs::write(tree.join(format!("file {number}")), "text".repeat(number * 100))?;
    }
    std::os::unix::fs::symlink("deep", folder.join("tree/link"))?;
    Run::shell("tar -czf a.tar.gz tree && mkdir out && tar -xzf a.tar.gz -C out && tar -cf b.tar -C out . && tar -tf b.tar > list")
        .prepared()
}

fn gcc(folder: &Path) -> Result<Prepared> {
    need!("gcc");
    fs::write(folder.join("one.c"), "#include \"two.h\"\n#include <stdio.h>\nint main(void) { return printf(\"%d\\n\", two()) < 0; }\n")?;
    fs::write(folder.join("two.c"), "#include \"two.h\"\nint two(void) { return 2; }\n")?;
    fs::write(folder.join("two.h"), "int two(void);\n")?;
    let mut run = Run::shell("gcc -O2 -c one.c && gcc -O2 -pipe -c two.c && gcc -o both one.o two.o && ./both");
    run.strings = 8192;
    run.prepared()
}

fn busybox(_: &Path) -> Result<Prepared> {
    let busybox = need!("busybox");
    Run::new([
        busybox.into_os_string(),
        "sh".into(),
        "-c".into(),
        "ls / | busybox wc -l; busybox cat /etc/hostname; busybox find /etc/apt > list".into(),
    ])
    .prepared()
}

fn mounts(folder: &Path) -> Result<Prepared> {
    need!("unshare");
    fs::write(folder.join("mounts.sh"), include_str!("sources/mounts.sh"))?;
    Run::new(["unshare", "--mount", "/bin/sh", "mounts.sh"]).prepared()
}

fn namespaces(_: &Path) -> Result<Prepared> {
    need!("unshare");
    let line = "hostname elsewhere; cat /proc/self/comm; (cat /etc/hostname; /bin/true) & wait";
    Run::new(["unshare", "--mount", "--pid", "--fork", "--uts", "--ipc", "--cgroup", "--mount-proc", "/bin/sh", "-c", line]).prepared()
}
