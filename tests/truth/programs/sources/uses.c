/* Uses SYS_ADMIN (a namespace, its host name), NET_BIND_SERVICE, CHOWN and SYS_CHROOT, and nothing else. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void)
{
	struct sockaddr_in low = {.sin_family = AF_INET, .sin_port = htons(1), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int socket_ = socket(AF_INET, SOCK_STREAM, 0);
	if (unshare(CLONE_NEWUTS) || sethostname("truth", 5))
		return 1;
	if (bind(socket_, (struct sockaddr *)&low, sizeof low) || listen(socket_, 1))
		return 2;
	if (open("owned", O_CREAT | O_WRONLY, 0600) < 0 || chown("owned", 65534, 65534))
		return 3;
	return chroot(".") ? 4 : 0;
}
