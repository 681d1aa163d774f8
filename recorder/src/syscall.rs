//! Names and numbers of system calls, per architecture.

use std::{ops::RangeInclusive, str::FromStr};

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
        (Abi::Compat, true) => arm_name(number),
    }
}

/// Number of a system call; None where the architecture has none of that name.
pub fn number(abi: Abi, name: &str) -> Option<u32> {
    let number = match (abi, cfg!(target_arch = "aarch64")) {
        (Abi::Native, false) => x86_64::Sysno::from_str(name).ok()?.id(),
        (Abi::Compat, false) => x86::Sysno::from_str(name).ok()?.id(),
        (Abi::Native, true) => arm64_number(name)?,
        (Abi::Compat, true) => arm_number(name)?,
    };
    u32::try_from(number).ok()
}

/// The kernel and libseccomp call it as on amd64, and a filter with any other name for it would not allow it.
const NEWFSTATAT: &str = "newfstatat";

/// Calls with 64 bits of time. Machines of 64 bits have these in the others; the table has the numbers nevertheless.
const TIME64: RangeInclusive<usize> = 403..=423;

/// Calls of 32-bit arm far above its table. Every program that uses a C library starts with the second.
const OF_ARM: [(i32, &str); 2] = [(0xf0002, "cacheflush"), (0xf0005, "set_tls")];

fn arm64_name(number: usize) -> Option<&'static str> {
    if TIME64.contains(&number) {
        return None;
    }
    let call = aarch64::Sysno::new(number)?;
    Some(if call == aarch64::Sysno::fstatat { NEWFSTATAT } else { call.name() })
}

fn arm64_number(name: &str) -> Option<i32> {
    if name == NEWFSTATAT {
        return Some(aarch64::Sysno::fstatat.id());
    }
    aarch64::Sysno::from_str(name).ok().map(|call| call.id())
}

fn arm_name(number: usize) -> Option<&'static str> {
    let of_arm = OF_ARM.iter().find(|(its, _)| usize::try_from(*its) == Ok(number));
    of_arm.map(|(_, name)| *name).or_else(|| arm::Sysno::new(number).map(|call| call.name()))
}

fn arm_number(name: &str) -> Option<i32> {
    let of_arm = OF_ARM.iter().find(|(_, its)| *its == name);
    of_arm.map(|(number, _)| *number).or_else(|| arm::Sysno::from_str(name).ok().map(|call| call.id()))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, process::Command};

    use super::*;

    /// The calls of one of the kernel's headers, as the compiler reads it.
    fn header(path: &str, defined: &[&str]) -> BTreeMap<String, usize> {
        let output =
            Command::new("gcc").args(["-E", "-dM", "-include", path]).args(defined).args(["-x", "c", "/dev/null"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let macros: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.strip_prefix("#define ")?.split_once(' ')).collect();
        macros
            .iter()
            .filter_map(|(name, value)| {
                let number = macros.get(value).unwrap_or(value).parse().ok()?;
                Some((name.strip_prefix("__NR_")?.to_owned(), number))
            })
            .filter(|(name, _)| !["arch_specific_syscall", "syscalls"].contains(&name.as_str()))
            .collect()
    }

    /// What is in the header and otherwise in the table, up to the last number that the header has.
    fn differences(header: &BTreeMap<String, usize>, name: impl Fn(usize) -> Option<&'static str>) -> Vec<String> {
        let of_header: BTreeMap<usize, &str> = header.iter().map(|(name, number)| (*number, name.as_str())).collect();
        assert!(of_header.len() > 300, "{of_header:?}");
        let last = of_header.keys().max().copied().unwrap_or_default();
        let differ = (0..=last).filter(|number| name(*number) != of_header.get(number).copied());
        differ.map(|number| format!("{number}: {:?}, {:?}", name(number), of_header.get(&number))).collect()
    }

    #[test]
    fn s7_calls_of_arm64_are_those_of_the_kernels_header() {
        // What arm64's own header defines before it takes this one.
        let defined = ["RENAMEAT", "NEW_STAT", "SET_GET_RLIMIT", "SYS_CLONE3", "MEMFD_SECRET"].map(|name| format!("-D__ARCH_WANT_{name}"));
        let header = header("asm-generic/unistd.h", &defined.each_ref().map(String::as_str));
        assert_eq!(differences(&header, arm64_name), Vec::<String>::new());
        let differ: Vec<_> =
            header.iter().filter(|(name, number)| arm64_number(name).and_then(|n| usize::try_from(n).ok()) != Some(**number)).collect();
        assert_eq!(differ, Vec::new());
    }

    #[test]
    fn a_32_bit_program_of_arm_starts_with_a_call_beside_the_table() {
        assert_eq!((arm_name(0xf0005), arm_name(4), arm_name(0xf0003)), (Some("set_tls"), Some("write"), None));
        assert_eq!((arm_number("cacheflush"), arm_number("write"), arm_number("nothing")), (Some(0xf0002), Some(4), None));
    }

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
