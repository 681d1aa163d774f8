/* The floor of every recorder: a program of two instructions, `return 0`, on the raw tracepoint sys_enter, until standard input ends. */
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static long bpf(int command, union bpf_attr *attributes)
{
	return syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

int main(void)
{
	static const struct bpf_insn program[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attributes;
	long loaded;
	char byte;

	memset(&attributes, 0, sizeof attributes);
	attributes.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT;
	attributes.insns = (unsigned long)program;
	attributes.insn_cnt = sizeof program / sizeof *program;
	attributes.license = (unsigned long)"GPL";
	loaded = bpf(BPF_PROG_LOAD, &attributes);
	if (loaded < 0) {
		perror("BPF_PROG_LOAD");
		return 1;
	}
	memset(&attributes, 0, sizeof attributes);
	attributes.raw_tracepoint.name = (unsigned long)"sys_enter";
	attributes.raw_tracepoint.prog_fd = loaded;
	if (bpf(BPF_RAW_TRACEPOINT_OPEN, &attributes) < 0) {
		perror("BPF_RAW_TRACEPOINT_OPEN");
		return 1;
	}
	return read(0, &byte, 1) < 0;
}
