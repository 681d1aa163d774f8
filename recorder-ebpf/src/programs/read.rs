//! Settings, offsets and reading of kernel memory.

use core::mem::MaybeUninit;

use aya_ebpf::{
    EbpfContext,
    helpers::generated::{bpf_get_current_task, bpf_get_current_task_btf, bpf_probe_read_kernel, bpf_probe_read_kernel_str},
    programs::TracePointContext,
};
use runtimemap_recorder_ebpf::{Settings, offsets::Offsets};

#[unsafe(no_mangle)]
pub static OFFSETS: Offsets = Offsets::ZERO;
#[unsafe(no_mangle)]
pub static SETTINGS: Settings = Settings { hierarchy: 0, seed: 0, rate: 0, burst: 0, quiet: [0; 16] };

/// A static that only the loader writes. Volatile, or the compiler would take its zeroes for good.
#[inline(always)]
pub fn loaded<T: Copy>(value: &'static T) -> T {
    // SAFETY: a reference is readable.
    unsafe { core::ptr::read_volatile(value) }
}

/// An offset that the loader filled in.
macro_rules! offset {
    ($field:ident) => {
        $crate::programs::read::loaded(&$crate::programs::read::OFFSETS.$field)
    };
}
/// A setting that the loader filled in.
macro_rules! setting {
    ($($field:tt)+) => {
        $crate::programs::read::loaded(&$crate::programs::read::SETTINGS.$($field)+)
    };
}

/// Reads a value of the kernel at `pointer + offset`.
#[inline(always)]
pub fn read<T: Copy>(pointer: u64, offset: u32) -> Result<T, i64> {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: the helper fills the value or fails; it never faults.
    let result =
        unsafe { bpf_probe_read_kernel(value.as_mut_ptr().cast(), size_of::<T>() as u32, (pointer + u64::from(offset)) as *const _) };
    // SAFETY: filled, as the helper said.
    if result == 0 { Ok(unsafe { value.assume_init() }) } else { Err(result) }
}

/// Reads two words of a structure, with one call where they lie side by side.
#[inline(always)]
pub fn read_pair(pointer: u64, first: u32, second: u32) -> Result<[u64; 2], i64> {
    if second == first + 8 { read(pointer, first) } else { Ok([read(pointer, first)?, read(pointer, second)?]) }
}

/// How a program that runs often gets at the kernel's memory.
pub trait Memory {
    /// The current task.
    fn current() -> u64;
    /// Reads a value of the kernel at `pointer + offset`.
    fn read<T: Copy>(pointer: u64, offset: u32) -> Result<T, i64>;
}

/// By a call of a helper, as every program may.
pub struct Helper;

impl Memory for Helper {
    #[inline(always)]
    fn current() -> u64 {
        current()
    }

    #[inline(always)]
    fn read<T: Copy>(pointer: u64, offset: u32) -> Result<T, i64> {
        read(pointer, offset)
    }
}

/// By plain loads, which cost next to nothing: in programs whose arguments the verifier knows by type, from Linux 5.11 on. It checks each
/// against the kernel's types, so every pointer has to come from an argument, from the task, or from such a load.
pub struct Load;

impl Memory for Load {
    #[inline(always)]
    fn current() -> u64 {
        // SAFETY: no arguments.
        unsafe { bpf_get_current_task_btf() as u64 }
    }

    #[inline(always)]
    fn read<T: Copy>(pointer: u64, offset: u32) -> Result<T, i64> {
        // SAFETY: the verifier knows what is there; one that faults gives 0.
        Ok(unsafe { ((pointer + u64::from(offset)) as *const T).read_volatile() })
    }
}

/// A field of the tracepoints raw_syscalls, which have a number, and after it the arguments or the result.
#[inline(always)]
pub fn perf_field<const FIELD: usize>(ctx: &TracePointContext) -> u64 {
    // What perf keeps for itself comes first.
    const { assert!(FIELD < 2) };
    // SAFETY: both tracepoints have two fields at least.
    unsafe { ctx.as_ptr().cast::<u64>().add(1 + FIELD).read_volatile() }
}

/// Reads a text into words that were zero; one that does not end within them is an error.
#[inline(always)]
pub fn read_text<const WORDS: usize>(words: &mut [u64; WORDS], pointer: u64) -> Result<(), i64> {
    let size = size_of_val(words);
    // SAFETY: the helper writes at most that much; it never faults.
    let length = unsafe { bpf_probe_read_kernel_str(words.as_mut_ptr().cast(), size as u32, pointer as *const _) };
    // One that just fits may have been longer.
    if length <= 0 || length as usize >= size { Err(length) } else { Ok(()) }
}

/// The current task.
#[inline(always)]
pub fn current() -> u64 {
    // SAFETY: no arguments.
    unsafe { bpf_get_current_task() }
}
