/* A 32-bit program without a library: processes, files, both kinds of sockets. */
#define CALL3(number, a, b, c) \
	({ int r; __asm__ volatile("int $0x80" : "=a"(r) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory"); r; })

struct address {
	unsigned short family, port;
	unsigned char host[4];
	char rest[8];
};

void _start(void)
{
	struct address here = {2, 0, {127, 0, 0, 1}, {0}};
	int length = sizeof here, listener, stream, datagram, file;

	CALL3(20, 0, 0, 0);                                        /* getpid */
	CALL3(24, 0, 0, 0);                                        /* getuid */
	file = CALL3(5, "/etc/hostname", 0, 0);                    /* open */
	CALL3(140, file, 0, 0);                                    /* _llseek, fails */
	CALL3(6, file, 0, 0);                                      /* close */
	CALL3(8, "made", 0600, 0);                                 /* creat */
	CALL3(295, -100, "/etc/passwd", 0100000);                  /* openat, O_LARGEFILE */
	listener = CALL3(359, 2, 1, 0);                            /* socket */
	CALL3(361, listener, &here, sizeof here);                  /* bind */
	CALL3(363, listener, 5, 0);                                /* listen */
	CALL3(367, listener, &here, &length);                      /* getsockname */
	stream = CALL3(359, 2, 1, 0);
	CALL3(362, stream, &here, sizeof here);                    /* connect */
	{
		struct address peer;
		int r, size = sizeof peer;
		__asm__ volatile("int $0x80" : "=a"(r) : "a"(364), "b"(listener), "c"(&peer), "d"(&size), "S"(0) : "memory"); /* accept4 */
	}
	datagram = CALL3(359, 2, 2, 0);
	CALL3(362, datagram, &here, sizeof here);
	CALL3(4, datagram, "x", 1);                                /* write */
	CALL3(1, 0, 0, 0);                                         /* exit */
	for (;;)
		;
}
