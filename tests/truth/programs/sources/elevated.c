/* Run set-uid by another user: opens what only root may, and gives the privilege back. */
#include <fcntl.h>
#include <unistd.h>

int main(void)
{
	int file = open("/etc/shadow", O_RDONLY);
	if (file < 0 || geteuid() != 0 || getuid() == 0)
		return 1;
	close(file);
	return setuid(getuid()) != 0 || open("/etc/shadow", O_RDONLY) >= 0;
}
