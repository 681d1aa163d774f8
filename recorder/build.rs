//! Builds the eBPF objects with the toolchain that `RUNTIMEMAP_BPF_TOOLCHAIN` names; unset means upstream's nightly.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

fn main() -> anyhow::Result<()> {
    println!("cargo:rerun-if-env-changed=RUNTIMEMAP_BPF_TOOLCHAIN");
    let name = env::var("RUNTIMEMAP_BPF_TOOLCHAIN").unwrap_or_default();
    let toolchain = match name.as_str() {
        "" | "nightly" => aya_build::Toolchain::Nightly,
        name => aya_build::Toolchain::Custom(name),
    };
    let features: &[&str] = if env::var_os("CARGO_FEATURE_OTHER_LAYOUT").is_some() { &["other-layout"] } else { &[] };
    let package =
        aya_build::Package { name: "runtimemap-recorder-ebpf", root_dir: "../recorder-ebpf", no_default_features: false, features };
    share(&PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()))?;
    aya_build::build_ebpf([package], toolchain)
}

/// The objects are the same for every profile, which all have a folder of their own: their compiler works in one.
fn share(out: &Path) -> io::Result<()> {
    let (link, target) = (out.join("aya-build/target"), out.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists()));
    let Some(target) = target.filter(|_| link.symlink_metadata().is_err()) else { return Ok(()) };
    let shared = target.join("ebpf");
    fs::create_dir_all(&shared)?;
    fs::create_dir_all(out.join("aya-build"))?;
    std::os::unix::fs::symlink(shared, link)
}
