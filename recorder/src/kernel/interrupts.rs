//! Whether this kernel interrupts programs at system calls for other processes.
//!
//! Newer kernels (7.2 does) leave preemption on there, so that a program may sleep. One that does not sleep is interrupted all the same, and
//! until it goes on the kernel skips it for whoever makes a call on the same processor, and counts that. What tells such a kernel apart is
//! that it takes a program there that says it may sleep, and takes none at a tracepoint where preemption is off. Kernels before them take
//! either none (6.18) or, without looking where it goes, any (6.1).

use aya_obj::generated::{BPF_F_SLEEPABLE, bpf_attach_type, bpf_cmd, bpf_insn, bpf_prog_type};

use super::{bpf, btf::Types};

/// `r0 = 0`.
const NOTHING: u8 = 0xb7;
/// `exit`.
const EXIT: u8 = 0x95;

/// Whether it does.
pub(super) fn at_system_calls(types: &Types) -> bool {
    let takes = |tracepoint| types.id(tracepoint).is_some_and(takes_one_that_sleeps);
    takes("btf_trace_sys_enter") && !takes("btf_trace_sched_process_exec")
}

/// Whether a program may sleep at the tracepoint that has this type. It is only loaded, and gone at once.
fn takes_one_that_sleeps(tracepoint: u32) -> bool {
    let instructions = [instruction(NOTHING), instruction(EXIT)];
    let license = c"Dual MIT/GPL";
    let mut attr = bpf::attributes();
    // SAFETY: of the union this member is the one that BPF_PROG_LOAD reads.
    let load = unsafe { &mut attr.__bindgen_anon_3 };
    load.prog_type = bpf_prog_type::BPF_PROG_TYPE_TRACING as u32;
    load.expected_attach_type = bpf_attach_type::BPF_TRACE_RAW_TP as u32;
    load.attach_btf_id = tracepoint;
    load.prog_flags = BPF_F_SLEEPABLE;
    load.insns = instructions.as_ptr().expose_provenance() as u64;
    load.insn_cnt = 2;
    load.license = license.as_ptr().expose_provenance() as u64;
    bpf::open(bpf_cmd::BPF_PROG_LOAD, &mut attr).is_ok()
}

/// An instruction that needs no more than its code.
fn instruction(code: u8) -> bpf_insn {
    // SAFETY: a plain C structure for which zeroes are valid.
    bpf_insn { code, ..unsafe { std::mem::zeroed() } }
}
