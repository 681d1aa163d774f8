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
        (Abi::Native, true) => arm64_name(number),
        (Abi::Compat, true) => arm::Sysno::new(number).map(|call| call.name()),
    }
}

/// Number of a system call; None where the architecture has none of that name.
pub fn number(abi: Abi, name: &str) -> Option<u32> {
    let number = match (abi, cfg!(target_arch = "aarch64")) {
        (Abi::Native, false) => x86_64::Sysno::from_str(name).ok()?.id(),
        (Abi::Compat, false) => x86::Sysno::from_str(name).ok()?.id(),
        (Abi::Native, true) => arm64_number(name)?,
        (Abi::Compat, true) => arm::Sysno::from_str(name).ok()?.id(),
    };
    u32::try_from(number).ok()
}

/// The kernel and libseccomp call it as on amd64, and a filter with any other name for it would not allow it.
const NEWFSTATAT: &str = "newfstatat";

fn arm64_name(number: usize) -> Option<&'static str> {
    let call = aarch64::Sysno::new(number)?;
    Some(if call == aarch64::Sysno::fstatat { NEWFSTATAT } else { call.name() })
}

fn arm64_number(name: &str) -> Option<i32> {
    if name == NEWFSTATAT {
        return Some(aarch64::Sysno::fstatat.id());
    }
    aarch64::Sysno::from_str(name).ok().map(|call| call.id())
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

    #[test]
    fn s7_calls_of_arm64_are_called_as_filters_call_them() {
        assert_eq!((arm64_name(79), arm64_name(80), arm64_name(56)), (Some("newfstatat"), Some("fstat"), Some("openat")));
        assert_eq!((arm64_number("newfstatat"), arm64_number("openat"), arm64_number("open")), (Some(79), Some(56), None));
    }
}
