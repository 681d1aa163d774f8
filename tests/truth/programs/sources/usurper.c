/* A thread that is not the first one becomes another program, under the first one's number. */
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

/* Whether the first thread waits in its call: until then its watcher may lose sight of what it is killed in. */
static int waits(int stat)
{
	char text[512];
	ssize_t length = pread(stat, text, sizeof text - 1, 0);
	char *name;

	text[length > 0 ? length : 0] = 0;
	name = strrchr(text, ')');
	return name && strncmp(name, ") S", 3) == 0;
}

static void *usurp(void *unused)
{
	int stat = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);

	while (stat >= 0 && !waits(stat))
		;
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
