/* Opens its own source by io_uring, without a library for it. With an argument a worker of the ring does it. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int count, char **arguments)
{
	static char source[4096];
	struct io_uring_params parameters = {0};
	int ring = syscall(SYS_io_uring_setup, 4, &parameters);
	char *submissions, *completions;
	struct io_uring_sqe *entries;
	struct io_uring_cqe *done;

	snprintf(source, sizeof source, "%s.c", arguments[0]);
	if (ring < 0)
		return 1;
	submissions = mmap(0, parameters.sq_off.array + parameters.sq_entries * 4, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
	completions = mmap(0, parameters.cq_off.cqes + parameters.cq_entries * sizeof *done, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_CQ_RING);
	entries = mmap(0, parameters.sq_entries * sizeof *entries, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);
	if (submissions == MAP_FAILED || completions == MAP_FAILED || entries == MAP_FAILED)
		return 2;
	memset(entries, 0, sizeof *entries);
	entries->opcode = IORING_OP_OPENAT;
	entries->fd = AT_FDCWD;
	entries->addr = (unsigned long)source;
	entries->open_flags = O_RDONLY | O_CLOEXEC;
	entries->flags = count > 1 ? IOSQE_ASYNC : 0;
	((unsigned *)(submissions + parameters.sq_off.array))[0] = 0;
	__atomic_store_n((unsigned *)(submissions + parameters.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, 0, 0) != 1)
		return 3;
	done = (struct io_uring_cqe *)(completions + parameters.cq_off.cqes);
	return done->res < 0 ? 4 : 0;
}
