//! Least privilege: what the agent does not need it gives up once its programs are loaded.

use caps::{CapSet, Capability, CapsHashSet};
use nix::sys::utsname::uname;

/// What each is for. Without one, what it is for fails.
const NEEDED: [Capability; 5] = [
    // Loads programs and makes maps.
    Capability::CAP_BPF,
    // Lets programs read the kernel's memory, and attaches them.
    Capability::CAP_PERFMON,
    // Attaches programs that see packets.
    Capability::CAP_NET_ADMIN,
    // Reads /proc/PID/{exe,fd,ns,cwd} of others.
    Capability::CAP_SYS_PTRACE,
    // Reads files and folders of other users: bundles of the container runtime, /proc/PID of processes that run as somebody else.
    Capability::CAP_DAC_READ_SEARCH,
];

/// Gives up all capabilities but those that it needs.
///
/// # Errors
/// If the kernel refuses, which it does not for one's own.
pub(super) fn drop_rest() -> Result<(), caps::errors::CapsError> {
    if !older_than(5, 8) {
        let held = caps::read(None, CapSet::Permitted)?;
        let mut keep: CapsHashSet = NEEDED.into_iter().filter(|capability| held.contains(capability)).collect();
        if older_than(5, 11) && held.contains(&Capability::CAP_SYS_RESOURCE) {
            // There maps count as locked memory.
            keep.insert(Capability::CAP_SYS_RESOURCE);
        }
        caps::set(None, CapSet::Inheritable, &CapsHashSet::new())?;
        caps::set(None, CapSet::Effective, &keep)?;
        caps::set(None, CapSet::Permitted, &keep)?;
    }
    // Before Linux 5.8 everything here takes CAP_SYS_ADMIN, and giving up the rest would be for show.
    Ok(())
}

fn older_than(major: u32, minor: u32) -> bool {
    let release = uname().map(|name| name.release().to_string_lossy().into_owned()).unwrap_or_default();
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    (numbers.next().unwrap_or(u32::MAX), numbers.next().unwrap_or(0)) < (major, minor)
}
