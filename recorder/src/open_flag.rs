//! Names of the flags that a file is opened with.

use libc::{
    O_ACCMODE, O_APPEND, O_ASYNC, O_CLOEXEC, O_CREAT, O_DIRECT, O_DIRECTORY, O_DSYNC, O_EXCL, O_NOATIME, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK,
    O_PATH, O_RDWR, O_SYNC, O_TMPFILE, O_TRUNC, O_WRONLY,
};

/// O_LARGEFILE as the kernel has it; libc's is 0 on 64-bit machines, where the kernel adds it to every open.
const LARGEFILE: i32 = if cfg!(target_arch = "aarch64") { 0o400_000 } else { 0o100_000 };

/// Bits and names in the order of open(2): creation flags, then status flags. Those that contain others come before them.
const NAMES: [(i32, &str); 16] = [
    (O_TMPFILE, "O_TMPFILE"),
    (O_CREAT, "O_CREAT"),
    (O_EXCL, "O_EXCL"),
    (O_NOCTTY, "O_NOCTTY"),
    (O_TRUNC, "O_TRUNC"),
    (O_DIRECTORY, "O_DIRECTORY"),
    (O_NOFOLLOW, "O_NOFOLLOW"),
    (O_CLOEXEC, "O_CLOEXEC"),
    (O_APPEND, "O_APPEND"),
    (O_ASYNC, "O_ASYNC"),
    (O_DIRECT, "O_DIRECT"),
    (O_SYNC, "O_SYNC"),
    (O_DSYNC, "O_DSYNC"),
    (O_NOATIME, "O_NOATIME"),
    (O_NONBLOCK, "O_NONBLOCK"),
    (O_PATH, "O_PATH"),
];

/// Names of the flags that open(2) documents, the access mode first. Bits that it does not are left out, O_LARGEFILE with them.
pub fn names(flags: u32) -> Vec<&'static str> {
    let mut rest = flags.cast_signed() & !LARGEFILE;
    let mut names = vec![match rest & O_ACCMODE {
        O_WRONLY => "O_WRONLY",
        O_RDWR => "O_RDWR",
        // 3 asks for both permissions and gives neither; drivers use it. It has no name of its own.
        O_ACCMODE => "O_ACCMODE",
        _ => "O_RDONLY",
    }];
    for (bits, name) in NAMES {
        if rest & bits == bits {
            names.push(name);
            rest &= !bits;
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_that_contains_another_is_named_alone() {
        assert_eq!(names((O_RDWR | O_TMPFILE).cast_unsigned()), ["O_RDWR", "O_TMPFILE"]);
        assert_eq!(names((O_WRONLY | O_SYNC).cast_unsigned()), ["O_WRONLY", "O_SYNC"]);
        assert_eq!(names((O_WRONLY | O_DSYNC | O_DIRECTORY).cast_unsigned()), ["O_WRONLY", "O_DIRECTORY", "O_DSYNC"]);
    }

    #[test]
    fn the_access_mode_comes_first_and_what_the_kernel_adds_is_left_out() {
        assert_eq!(names((O_CLOEXEC | LARGEFILE).cast_unsigned()), ["O_RDONLY", "O_CLOEXEC"]);
        assert_eq!(names((O_WRONLY | O_CREAT | O_TRUNC).cast_unsigned() | 0x8000_0000), ["O_WRONLY", "O_CREAT", "O_TRUNC"]);
    }
}
