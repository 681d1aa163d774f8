//! Programs started: the file that the kernel runs, its arguments, and for a script its name.

use aya_ebpf::{
    helpers::generated::{bpf_probe_read_kernel_str, bpf_probe_read_user},
    macros::{map, raw_tracepoint},
    maps::PerCpuArray,
    programs::RawTracePointContext,
};
use runtimemap_recorder_ebpf::{
    Container, loss, origin,
    record::{ARGS_BYTES, Exec, LONGEST, kind, path},
};

use super::{
    emit, identity,
    identity::Who,
    process,
    read::{Helper, current, read},
    walk,
};

/// Room for arguments, path, script name and working directory together.
const NAMES: usize = 16384;
const NAMES_MASK: u64 = NAMES as u64 - 1;
const ARGS_MASK: u64 = ARGS_BYTES as u64 - 1;
/// Longest script name, PATH_MAX of the kernel.
const SCRIPT: usize = 4096;

/// What one step leaves for the next. It is kept in the map and not in registers, since the verifier forgets what it knew of a
/// value there: else it walks every later loop again for each value that an earlier one may end with.
#[repr(C)]
struct Steps {
    who: Who,
    hash: u64,
    marks: u64,
    args_end: u64,
    path_end: u64,
    script_end: u64,
    end: u64,
}

#[repr(C)]
struct Scratch {
    record: Exec,
    bytes: [u8; NAMES + SCRIPT],
    room: walk::Room,
    steps: Steps,
}

const _: () = assert!(size_of::<Exec>() + NAMES + SCRIPT <= LONGEST);

#[map]
static EXEC_SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(1, 0);

#[raw_tracepoint(tracepoint = "sched_process_exec")]
pub fn sched_process_exec(ctx: RawTracePointContext) -> i32 {
    if let Some(who) = identity::who()
        && let Err(error) = started(&ctx, who)
    {
        emit::lost(who.container, walk::cause(error));
    }
    0
}

macro_rules! keep {
    ($steps:ident.$field:ident = $value:expr) => {{
        let value = $value;
        // SAFETY: a map value.
        unsafe { (&raw mut (*$steps).$field).write_volatile(value) }
    }};
}
macro_rules! kept {
    ($steps:ident.$field:ident) => {{
        // SAFETY: a map value.
        let value = unsafe { (&raw const (*$steps).$field).read_volatile() };
        value
    }};
}

#[inline(always)]
fn started(ctx: &RawTracePointContext, who: Who) -> Result<(), i64> {
    let Some(scratch) = EXEC_SCRATCH.get_ptr_mut(0) else { return Ok(()) };
    // SAFETY: parts of a map value.
    let (record, bytes, room, steps) = unsafe {
        (&raw mut (*scratch).record, (&raw mut (*scratch).bytes).cast::<u8>(), &raw mut (*scratch).room, &raw mut (*scratch).steps)
    };
    keep!(steps.who = who);
    let binprm: u64 = ctx.arg(2);
    let file_path = read::<u64>(binprm, offset!(bprm_file))? + u64::from(offset!(file_path));
    let (hash, marks) = walk::hash::<Helper>(file_path, room)?;
    keep!(steps.hash = hash);
    keep!(steps.marks = u64::from(marks));
    let mut who = kept!(steps.who);
    if who.origin == origin::RUNTIME {
        // A runtime runs itself again from a copy that no mount holds; the first other program is the container's own.
        if kept!(steps.marks) & u64::from(path::FOREIGN) != 0 {
            return process::stays_runtime(&who);
        }
        who.origin = process::leave_runtime(who.container, who.pid);
        keep!(steps.who = who);
    }

    copy_args(who.container, bytes, steps)?;
    let who = kept!(steps.who);
    let size = walk::masked::<ARGS_MASK>(kept!(steps.args_end));
    let hash = walk::hash_words::<{ ARGS_BYTES as u64 / 8 }, ARGS_MASK>(emit::mix(kept!(steps.hash), kept!(steps.marks)), bytes, size);
    let key = emit::key(&who, kind::EXEC, hash);
    if emit::seen(&key) {
        return Ok(());
    }

    keep!(steps.path_end = walk::copy::<NAMES_MASK>(file_path, bytes, kept!(steps.args_end), room)?);
    keep!(steps.script_end = kept!(steps.path_end));
    keep!(steps.end = kept!(steps.path_end));
    copy_script(binprm, bytes, steps, room)?;
    let filled = Exec {
        header: emit::header(&who, kind::EXEC, kept!(steps.marks) as u32),
        path_length: (kept!(steps.path_end) - kept!(steps.args_end)) as u32,
        args_length: kept!(steps.args_end) as u32,
        script_length: (kept!(steps.script_end) - kept!(steps.path_end)) as u32,
        directory_length: (kept!(steps.end) - kept!(steps.script_end)) as u32,
    };
    // SAFETY: a map value.
    unsafe { *record = filled };
    let total = size_of::<Exec>() as u64 + walk::masked::<NAMES_MASK>(kept!(steps.end));
    emit::send(ctx, who.container, &key, scratch.cast(), total);
    Ok(())
}

/// The new program's arguments, to the start of the buffer.
#[inline(always)]
fn copy_args(container: Container, bytes: *mut u8, steps: *mut Steps) -> Result<(), i64> {
    let mm: u64 = read(current(), offset!(task_mm))?;
    let first: u64 = read(mm, offset!(mm_arg_start))?;
    let last: u64 = read(mm, offset!(mm_arg_end))?;
    let mut length = last.wrapping_sub(first);
    if length > ARGS_MASK {
        length = ARGS_MASK;
        keep!(steps.marks = kept!(steps.marks) | u64::from(path::TRUNCATED));
        emit::lost(container, loss::TOO_LONG);
    }
    keep!(steps.args_end = length);
    let size = walk::masked::<ARGS_MASK>(length);
    // SAFETY: at most ARGS_BYTES.
    let result = unsafe { bpf_probe_read_user(bytes.cast(), size as u32, first as *const _) };
    if result < 0 { Err(result) } else { Ok(()) }
}

/// For a script: its name as it was given, and the directory from which that counts.
#[inline(always)]
fn copy_script(binprm: u64, bytes: *mut u8, steps: *mut Steps, room: *mut walk::Room) -> Result<(), i64> {
    let given: u64 = read(binprm, offset!(bprm_filename))?;
    let run: u64 = read(binprm, offset!(bprm_interp))?;
    if given == run {
        return Ok(());
    }
    keep!(steps.marks = kept!(steps.marks) | u64::from(path::SCRIPT));
    let at = walk::masked::<NAMES_MASK>(kept!(steps.path_end));
    // SAFETY: at most SCRIPT from an offset below NAMES.
    let copied = unsafe { bpf_probe_read_kernel_str(bytes.add(at as usize).cast(), SCRIPT as u32, given as *const _) };
    if copied < 0 {
        return Err(copied);
    }
    keep!(steps.script_end = at + copied as u64);
    if kept!(steps.script_end) > NAMES_MASK {
        return Err(walk::TOO_LONG);
    }
    let fs: u64 = read(current(), offset!(task_fs))?;
    keep!(steps.end = walk::copy::<NAMES_MASK>(fs + u64::from(offset!(fs_pwd)), bytes, kept!(steps.script_end), room)?);
    Ok(())
}
