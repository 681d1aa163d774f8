//! Programs started: the file that the kernel runs, its arguments, and for a script its name.

use aya_ebpf::{
    helpers::generated::{bpf_probe_read_kernel_str, bpf_probe_read_user},
    macros::{map, raw_tracepoint},
    maps::PerCpuArray,
    programs::RawTracePointContext,
};
use runtimemap_recorder_ebpf::{
    Container, Task, loss, origin,
    record::{ARGS_BYTES, Exec, NAME_BYTES, kind, path},
};

use super::{
    emit, identity,
    identity::Who,
    maps::{STATES, TASKS},
    read::{current, read},
    walk,
};

/// Room for path, working directory and script name together.
const NAMES: usize = 16384;
const NAMES_MASK: u64 = NAMES as u64 - 1;
const ARGS_MASK: u64 = ARGS_BYTES as u64 - 1;
/// Longest script name, PATH_MAX of the kernel.
const SCRIPT: usize = 4096;

#[repr(C)]
struct Scratch {
    record: Exec,
    bytes: [u8; NAMES + ARGS_BYTES],
    name: [u8; NAME_BYTES + 8],
}

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

#[inline(always)]
fn started(ctx: &RawTracePointContext, mut who: Who) -> Result<(), i64> {
    let Some(scratch) = EXEC_SCRATCH.get_ptr_mut(0) else { return Ok(()) };
    // SAFETY: parts of a map value.
    let (record, bytes, name) = unsafe { (&raw mut (*scratch).record, (&raw mut (*scratch).bytes).cast::<u8>(), (&raw mut (*scratch).name).cast::<u8>()) };
    let binprm: u64 = ctx.arg(2);
    let file: u64 = read(binprm, offset!(bprm_file))?;
    let file_path = file + u64::from(offset!(file_path));
    let (mut hash, mut marks) = walk::hash(file_path, name)?;
    if who.origin == origin::RUNTIME {
        // A runtime runs itself again from a copy that no mount holds; the first other program is the container's own.
        if marks & path::FOREIGN != 0 {
            return Ok(());
        }
        who.origin = leave_runtime(who.container, who.pid);
    }

    let path_end = walk::copy::<NAMES_MASK>(file_path, bytes, 0)?;
    let mut end = path_end;
    let given: u64 = read(binprm, offset!(bprm_filename))?;
    let run: u64 = read(binprm, offset!(bprm_interp))?;
    let mut script_length = 0;
    if given != run {
        marks |= path::SCRIPT;
        let at = walk::masked::<NAMES_MASK>(end);
        // SAFETY: at most SCRIPT <= ARGS_BYTES from an offset below NAMES.
        let copied = unsafe { bpf_probe_read_kernel_str(bytes.add(at as usize).cast(), SCRIPT as u32, given as *const _) };
        if copied < 0 {
            return Err(copied);
        }
        script_length = copied as u64;
        end = at + script_length;
        if end > NAMES_MASK {
            return Err(walk::TOO_LONG);
        }
    }
    let script_end = end;
    if marks & path::SCRIPT != 0 {
        let fs: u64 = read(current(), offset!(task_fs))?;
        end = walk::copy::<NAMES_MASK>(fs + u64::from(offset!(fs_pwd)), bytes, end)?;
    }
    let directory_length = end - script_end;

    let mm: u64 = read(current(), offset!(task_mm))?;
    let first: u64 = read(mm, offset!(mm_arg_start))?;
    let last: u64 = read(mm, offset!(mm_arg_end))?;
    let mut length = last.wrapping_sub(first);
    if length > ARGS_MASK {
        length = ARGS_MASK;
        marks |= path::TRUNCATED;
        emit::lost(who.container, loss::TOO_LONG);
    }
    let at = walk::masked::<NAMES_MASK>(end);
    let size = walk::masked::<ARGS_MASK>(length);
    // SAFETY: at most ARGS_BYTES from an offset below NAMES.
    let result = unsafe { bpf_probe_read_user(bytes.add(at as usize).cast(), size as u32, first as *const _) };
    if result < 0 {
        return Err(result);
    }
    hash = emit::mix(hash, u64::from(marks));
    // The last word may reach into what stands behind: eight bytes of the name buffer, which is free again.
    // SAFETY: an offset below NAMES.
    hash = walk::hash_words::<{ ARGS_BYTES as u64 / 8 - 1 }, { ARGS_MASK }>(hash, unsafe { bytes.add(walk::masked::<NAMES_MASK>(end) as usize) }, size);
    let key = emit::key(&who, kind::EXEC, hash);
    if emit::seen(&key) {
        return Ok(());
    }
    // SAFETY: a map value.
    unsafe {
        *record = Exec {
            header: emit::header(&who, kind::EXEC, marks),
            path_length: path_end as u32,
            args_length: size as u32,
            script_length: script_length as u32,
            directory_length: directory_length as u32,
        };
    }
    let total = size_of::<Exec>() as u64 + walk::masked::<NAMES_MASK>(end) + walk::masked::<ARGS_MASK>(size);
    emit::send(ctx, who.container, &key, scratch.cast(), total);
    Ok(())
}

/// The runtime's task becomes the container's: its entrypoint if none was started yet, else somebody who entered.
#[inline(always)]
fn leave_runtime(container: Container, pid: u32) -> u32 {
    let mut origin = origin::ENTERED;
    if let Some(state) = STATES.get_ptr_mut(container.slot) {
        // SAFETY: a map value.
        unsafe {
            if (*state).started == 0 {
                (*state).started = 1;
                origin = origin::ENTRYPOINT;
            }
        }
    }
    if TASKS.insert(pid, Task { container, origin, followed: 0 }, 0).is_err() {
        emit::lost(container, loss::MAP_FULL);
    }
    origin
}
