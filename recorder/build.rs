//! Builds the eBPF objects with the toolchain that `RUNTIMEMAP_BPF_TOOLCHAIN` names; unset means upstream's nightly.

fn main() -> anyhow::Result<()> {
    println!("cargo:rerun-if-env-changed=RUNTIMEMAP_BPF_TOOLCHAIN");
    let name = std::env::var("RUNTIMEMAP_BPF_TOOLCHAIN").unwrap_or_default();
    let toolchain = match name.as_str() {
        "" | "nightly" => aya_build::Toolchain::Nightly,
        name => aya_build::Toolchain::Custom(name),
    };
    let package =
        aya_build::Package { name: "runtimemap-recorder-ebpf", root_dir: "../recorder-ebpf", no_default_features: false, features: &[] };
    aya_build::build_ebpf([package], toolchain)
}
