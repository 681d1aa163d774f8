//! Functions that ask for capabilities without meaning it, by address.
//!
//! The tracepoint cap_capable does not tell audited checks from those that only wonder (`CAP_OPT_NOAUDIT`), such as the one that
//! every mmap of a root process makes. These functions are the ones that pass the option.

use std::{
    fs::File,
    io::{BufRead, BufReader},
};

/// `cap_vm_enough_memory` may end in a jump and so be no caller any more; then `security_vm_enough_memory_mm`, which calls it, is.
const FUNCTIONS: [&str; 5] =
    ["cap_vm_enough_memory", "has_capability_noaudit", "has_ns_capability_noaudit", "ns_capable_noaudit", "security_vm_enough_memory_mm"];

/// Pairs of first address and one past the last; zeroes where the kernel hides them.
pub(super) fn ranges() -> [u64; 16] {
    let mut ranges = [0; 16];
    if let Ok(symbols) = File::open("/proc/kallsyms") {
        fill(BufReader::new(symbols), &mut ranges);
    }
    ranges
}

fn fill(symbols: impl BufRead, ranges: &mut [u64; 16]) {
    let mut begun: [u64; FUNCTIONS.len()] = [0; FUNCTIONS.len()];
    let mut ends: [u64; FUNCTIONS.len()] = [u64::MAX; FUNCTIONS.len()];
    let mut starts = Vec::new();
    for line in symbols.lines().map_while(Result::ok) {
        let mut words = line.split_whitespace();
        let (Some(address), Some(kind), Some(name)) = (words.next(), words.next(), words.next()) else { continue };
        let Ok(address) = u64::from_str_radix(address, 16) else { continue };
        // Modules come last; the functions are the kernel's own.
        if words.next().is_some() || !matches!(kind, "t" | "T" | "W" | "w") {
            continue;
        }
        if let Some(index) = FUNCTIONS.iter().position(|function| *function == name) {
            begun[index] = address;
        }
        starts.push(address);
    }
    for start in starts {
        for (begin, end) in begun.iter().zip(&mut ends) {
            if start > *begin && start < *end {
                *end = start;
            }
        }
    }
    for (index, (begin, end)) in begun.iter().zip(&ends).enumerate() {
        if *begin != 0 && *end != u64::MAX {
            ranges[index * 2] = *begin;
            ranges[index * 2 + 1] = *end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_ends_where_the_next_begins_whatever_the_order() {
        let symbols = "30 T after\n10 T ns_capable_noaudit\n20 T next\n0 T zero\n18 d data\n";
        let mut ranges = [0; 16];
        fill(symbols.as_bytes(), &mut ranges);
        assert_eq!(ranges[6..8], [0x10, 0x20]);
        assert_eq!(ranges[..6], [0; 6]);
    }

    #[test]
    fn hidden_addresses_give_no_range() {
        let mut ranges = [0; 16];
        fill("0 T ns_capable_noaudit\n0 T next\n".as_bytes(), &mut ranges);
        assert_eq!(ranges, [0; 16]);
    }
}
