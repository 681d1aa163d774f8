//! Records: what one hook hands to user space.

/// Kinds of records.
pub mod kind {
    /// `Exec` and its bytes.
    pub const EXEC: u32 = 1;
    /// `Open` and its bytes.
    pub const OPEN: u32 = 2;
    /// `Capability`.
    pub const CAPABILITY: u32 = 3;
    /// `Syscall`: a number without a byte in the tables.
    pub const SYSCALL: u32 = 4;
    /// `Flow`.
    pub const FLOW: u32 = 5;
    /// `Flow`, of which only the local end counts.
    pub const LISTEN: u32 = 6;
    /// `Dns` and its bytes.
    pub const DNS: u32 = 7;
    /// `Header` alone: a process left for a cgroup that is not tracked.
    pub const LEFT: u32 = 8;
    /// `Made` and its bytes: a cgroup was made below a pod or below what holds pods.
    pub const MADE: u32 = 9;
}

/// Beginning of every record.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Header {
    /// What no version has.
    #[cfg(feature = "other-layout")]
    pub other: u64,
    /// One of `kind`.
    pub kind: u32,
    /// Container.
    pub slot: u32,
    /// The container's epoch.
    pub epoch: u32,
    /// One of `origin`.
    pub origin: u32,
    /// Thread group; 0 if no task is behind it.
    pub pid: u32,
    /// Flags of the kind: `path`, or 1 for granted.
    pub flags: u32,
    /// Nanoseconds since boot.
    pub time: u64,
}

/// Bits of `Header::flags` for paths.
pub mod path {
    /// The mount is not in the task's mount namespace.
    pub const FOREIGN: u32 = 1;
    /// The file has no name any more.
    pub const DELETED: u32 = 2;
    /// Arguments were cut.
    pub const TRUNCATED: u32 = 4;
    /// A script: interpreter, script and working directory follow.
    pub const SCRIPT: u32 = 8;
}

/// A started program. Bytes: arguments (each ended by NUL), path (names from the leaf up, each ended by NUL), and for a script its
/// name as it was given (ended by NUL) and the working directory (like path).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Exec {
    /// Beginning.
    pub header: Header,
    /// Length of the path.
    pub path_length: u32,
    /// Length of the arguments.
    pub args_length: u32,
    /// Length of the script's name.
    pub script_length: u32,
    /// Length of the working directory.
    pub directory_length: u32,
}

/// An opened file. Bytes: path, names from the leaf up, each ended by NUL.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Open {
    /// Beginning.
    pub header: Header,
    /// `O_*` flags of the request.
    pub flags: u32,
    /// Length of the path.
    pub path_length: u32,
}

/// A capability check.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Capability {
    /// Beginning; flags is 1 if granted.
    pub header: Header,
    /// Number of the capability.
    pub number: u32,
    /// 0.
    pub reserved: u32,
}

/// A system call with a high number.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Syscall {
    /// Beginning; flags is 1 if it was refused.
    pub header: Header,
    /// Number.
    pub number: u32,
    /// One of `abi`.
    pub abi: u32,
}

/// A flow or a listening socket. IPv4 addresses are IPv4-mapped.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Flow {
    /// Beginning.
    pub header: Header,
    /// The container's address.
    pub local: [u8; 16],
    /// The peer's address.
    pub remote: [u8; 16],
    /// The container's port.
    pub local_port: u16,
    /// The peer's port.
    pub remote_port: u16,
    /// IPPROTO_TCP, _UDP or _SCTP.
    pub protocol: u16,
    /// Bits of `flow`.
    pub bits: u16,
}

/// Bits of `Flow::bits`.
pub mod flow {
    /// The container opened it.
    pub const EGRESS: u16 = 1;
    /// It never came about.
    pub const ATTEMPTED: u16 = 2;
}

/// A DNS answer. Bytes: the datagram's payload.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Dns {
    /// Beginning.
    pub header: Header,
    /// Who answered.
    pub server: [u8; 16],
    /// From which port.
    pub port: u16,
    /// 0.
    pub reserved: u16,
    /// Length of the payload.
    pub length: u32,
}

/// A cgroup that was made. For a container's the header has its slot, for a pod's `place::POD`. Bytes: its path in its hierarchy,
/// ended by NUL.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Made {
    /// Beginning.
    pub header: Header,
    /// Length of the path with its NUL.
    pub length: u32,
    /// 0.
    pub reserved: u32,
}

/// Longest path of a cgroup that is read; a power of two.
pub const CGROUP_BYTES: usize = 1024;
/// Longest path, in bytes; a power of two.
pub const PATH_BYTES: usize = 8192;
/// Longest argument list that is read, in bytes; a power of two.
pub const ARGS_BYTES: usize = 8192;
/// Longest name of one directory entry, with its NUL.
pub const NAME_BYTES: usize = 256;
/// Longest DNS answer that is read; a power of two.
pub const DNS_BYTES: usize = 4096;
/// No record is longer, in bytes: what programs started can say of themselves, rounded up.
pub const LONGEST: usize = 24 << 10;
