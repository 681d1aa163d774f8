/* A thread that is not the first one becomes another program, under the first one's number. */
#include <pthread.h>
#include <unistd.h>

static void *usurp(void *unused)
{
	execl("/bin/ls", "ls", "/", (char *)0);
	return unused;
}

int main(void)
{
	pthread_t thread;

	if (pthread_create(&thread, 0, usurp, 0))
		return 1;
	pause();
	return 0;
}
