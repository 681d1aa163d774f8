/* Eight threads, four on each of two processors, each making one call that nobody else makes, all at once. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

static const long CALLS[8] = {SYS_getpgid, SYS_getsid, SYS_getpriority, SYS_sched_get_priority_max,
			      SYS_sched_get_priority_min, SYS_getitimer, SYS_times, SYS_umask};
static pthread_barrier_t all;

static void *one(void *argument)
{
	long index = (long)argument, where[4] = {0};
	cpu_set_t processor;

	CPU_ZERO(&processor);
	CPU_SET(index % 2, &processor);
	sched_setaffinity(0, sizeof processor, &processor);
	pthread_barrier_wait(&all);
	/* Zero is a valid first argument of each, and a place that is not there only makes the call fail. */
	syscall(CALLS[index], 0, index == 5 ? where : 0);
	return 0;
}

int main(void)
{
	pthread_t threads[8];

	pthread_barrier_init(&all, 0, 8);
	for (long index = 0; index < 8; index++)
		if (pthread_create(&threads[index], 0, one, (void *)index))
			return 1;
	for (int index = 0; index < 8; index++)
		pthread_join(threads[index], 0);
	return 0;
}
