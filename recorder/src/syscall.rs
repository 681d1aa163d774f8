//! Names and numbers of system calls, per architecture.

use std::str::FromStr;

use syscalls::{aarch64, arm, x86, x86_64};

use crate::fact::Abi;

/// The machine's architecture, in the words of GOARCH.
pub const ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
/// The architecture of its 32-bit calls.
pub const COMPAT_ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") { "arm" } else { "x86" };

/// Name of a system call; None for a number that this table does not know.
pub fn name(abi: Abi, number: u32) -> Option<&'static str> {
    let number = number as usize;
    match (abi, cfg!(target_arch = "aarch64")) {
        (Abi::Native, false) => x86_64::Sysno::new(number).map(|call| call.name()),
        (Abi::Compat, false) => x86::Sysno::new(number).map(|call| call.name()),
        (Abi::Native, true) => aarch64::Sysno::new(number).map(|call| call.name()),
        (Abi::Compat, true) => arm::Sysno::new(number).map(|call| call.name()),
    }
}

/// Number of a system call; None where the architecture has none of that name.
pub fn number(abi: Abi, name: &str) -> Option<u32> {
    let number = match (abi, cfg!(target_arch = "aarch64")) {
        (Abi::Native, false) => x86_64::Sysno::from_str(name).ok()?.id(),
        (Abi::Compat, false) => x86::Sysno::from_str(name).ok()?.id(),
        (Abi::Native, true) => aarch64::Sysno::from_str(name).ok()?.id(),
        (Abi::Compat, true) => arm::Sysno::from_str(name).ok()?.id(),
    };
    u32::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compat_number_has_the_name_of_its_own_table() {
        if cfg!(target_arch = "x86_64") {
            assert_eq!((name(Abi::Native, 1), name(Abi::Compat, 1)), (Some("write"), Some("exit")));
            assert_eq!((number(Abi::Native, "openat2"), number(Abi::Native, "_llseek")), (Some(437), None));
        }
    }
}
