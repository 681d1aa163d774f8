//! Names of capabilities.

/// By number, as linux/capability.h has them, without CAP_.
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// Name of a capability, as a pod's securityContext wants it; `CAP_<number>` for one that is newer than this table.
pub fn name(number: u32) -> String {
    usize::try_from(number).ok().and_then(|index| NAMES.get(index)).map_or_else(|| format!("CAP_{number}"), |name| (*name).to_owned())
}

/// Number of a capability by the name that [`name`] gives it.
pub fn number(name: &str) -> Option<u32> {
    match name.strip_prefix("CAP_") {
        Some(number) => number.parse().ok(),
        None => NAMES.iter().position(|known| *known == name).and_then(|index| u32::try_from(index).ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_names_of_linux_capability_h() {
        assert_eq!(
            [0, 10, 21, 38, 39, 40, 41].map(name),
            ["CHOWN", "NET_BIND_SERVICE", "SYS_ADMIN", "PERFMON", "BPF", "CHECKPOINT_RESTORE", "CAP_41"]
        );
    }
}
