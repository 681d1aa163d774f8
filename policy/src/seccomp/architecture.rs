//! Architectures, as libseccomp names them.

use std::collections::BTreeSet;

use runtimemap_crds::ContainerProfile;

/// The architectures of a filter. Those of 32 bits only where such a call was seen. Never NATIVE, which crun refuses.
pub(super) fn names(architectures: &[String], container: &ContainerProfile) -> Vec<String> {
    let own = architectures.iter().filter_map(|architecture| name(architecture));
    let compat = container.syscall_architectures.iter().filter(|(_, calls)| !calls.is_empty());
    let compat = compat.filter_map(|(architecture, _)| name(architecture));
    own.chain(compat).collect::<BTreeSet<&str>>().into_iter().map(str::to_owned).collect()
}

/// libseccomp's name for one of Go's, or of the kernel's for the other ABIs of a processor.
pub(super) fn name(architecture: &str) -> Option<&'static str> {
    Some(match architecture {
        "amd64" => "SCMP_ARCH_X86_64",
        "386" | "x86" => "SCMP_ARCH_X86",
        "x32" => "SCMP_ARCH_X32",
        "arm64" => "SCMP_ARCH_AARCH64",
        "arm" => "SCMP_ARCH_ARM",
        "ppc64le" => "SCMP_ARCH_PPC64LE",
        "riscv64" => "SCMP_ARCH_RISCV64",
        "s390x" => "SCMP_ARCH_S390X",
        _ => return None,
    })
}
