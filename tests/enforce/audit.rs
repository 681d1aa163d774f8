//! What seccomp filters refused, as the kernel's audit tells it.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{ErrorKind, Read, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
};

use runtimemap_recorder::{fact::Abi, syscall::name};

/// How many messages the kernel writes, per some seconds; 0 is all.
const LIMIT: &str = "/proc/sys/kernel/printk_ratelimit";

/// The kernel's log since it was opened, without a limit on what is written to it.
pub(crate) struct Audit {
    log: File,
    limit: String,
}

/// A call that a filter refused: the program's name for itself, and the call's.
pub(crate) type Refused = (String, String);

impl Audit {
    /// All that is written from now on.
    pub(crate) fn from_now() -> Self {
        let limit = fs::read_to_string(LIMIT).unwrap();
        fs::write(LIMIT, "0").unwrap();
        let mut log = fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open("/dev/kmsg").unwrap();
        log.seek(SeekFrom::End(0)).unwrap();
        Self { log, limit }
    }

    /// What was refused since it was asked last.
    pub(crate) fn refused(&mut self) -> BTreeSet<Refused> {
        let mut refused = BTreeSet::new();
        let mut record = [0; 8192];
        loop {
            match self.log.read(&mut record) {
                Ok(length) => refused.extend(read(&String::from_utf8_lossy(&record[..length]))),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return refused,
                Err(error) => panic!("the kernel's log cannot be read on: {error}"),
            }
        }
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        // A limit that stays away harms nobody.
        let _ = fs::write(LIMIT, &self.limit);
    }
}

/// A record of type SECCOMP whose action was an error number; what is only logged was not refused.
fn read(record: &str) -> Option<Refused> {
    assert!(!record.contains("callbacks suppressed"), "the kernel kept messages back: {record}");
    let field = |name: &str| record.split_whitespace().find_map(|word| word.strip_prefix(name));
    if field("type=")? != "1326" {
        return None;
    }
    let code = u32::from_str_radix(field("code=")?.strip_prefix("0x")?, 16).unwrap();
    let number = field("syscall=")?.parse().unwrap();
    let call = name(Abi::Native, number).map_or_else(|| format!("syscall_{number}"), str::to_owned);
    (code & 0x7fff_0000 == 0x0005_0000).then(|| (field("comm=").unwrap_or_default().trim_matches('"').to_owned(), call))
}
