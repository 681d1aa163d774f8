/* Loads. `load NAME MILLISECONDS [PATH [COUNT]]` runs passes until the time is over and each path was used, and prints nanoseconds per
   operation: those of all passes together, and those of the median pass, which nobody else on the machine had a part in.
   Without arguments it does nothing: then it is the program that others run. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST 1000000

static double passes[MOST];
static char **paths;
static long count = 1, place;
static int listener, resolver;
static struct sockaddr_in here, names;

static void need(int holds, const char *what)
{
	if (!holds) {
		perror(what);
		exit(1);
	}
}

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void open_one(const char *path)
{
	int file = open(path, O_RDONLY);

	need(file >= 0, path);
	close(file);
}

static void run_one(const char *path)
{
	int status;
	pid_t child = fork();

	need(child >= 0, "fork");
	if (child == 0) {
		execl(path, path, (char *)0);
		_exit(127);
	}
	need(waitpid(child, &status, 0) == child && status == 0, path);
}

/* A connection, closed without the state that would keep its port for a minute, after a question and an answer if there is a question. */
static void converse(const char *question)
{
	const struct linger at_once = {1, 0};
	char answer[64];
	int client = socket(AF_INET, SOCK_STREAM, 0), server;

	need(connect(client, (struct sockaddr *)&here, sizeof here) == 0, "connect");
	server = accept(listener, 0, 0);
	need(server >= 0, "accept");
	if (question) {
		need(write(client, question, strlen(question)) > 0 && read(server, answer, sizeof answer) > 0, "question");
		need(write(server, "HTTP/1.1 204 X\r\n\r\n", 18) > 0 && read(client, answer, sizeof answer) > 0, "answer");
	}
	setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	close(client);
	close(server);
}

/* Asks for the address of shop.example, and answers 192.0.2.1. */
static void resolve(void)
{
	static const char question[] = "\x12\x34\x01\0\0\1\0\0\0\0\0\0\4shop\7example\0\0\1\0\1";
	static const char answer[] = "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1";
	char packet[sizeof question + sizeof answer - 2];
	const size_t asked = sizeof question - 1;
	struct sockaddr_in from;
	socklen_t length = sizeof from;
	int client = socket(AF_INET, SOCK_DGRAM, 0);

	need(sendto(client, question, asked, 0, (struct sockaddr *)&names, sizeof names) > 0, "query");
	need(recvfrom(resolver, packet, sizeof packet, 0, (struct sockaddr *)&from, &length) > 0, "query");
	packet[2] |= (char)0x80;
	packet[7] = 1;
	memcpy(packet + asked, answer, sizeof answer - 1);
	need(sendto(resolver, packet, sizeof packet, 0, (struct sockaddr *)&from, length) > 0, "response");
	need(recv(client, packet, sizeof packet, 0) > 0, "response");
	close(client);
}

static int bound(int type, struct sockaddr_in *address, const char *ip, int port)
{
	socklen_t length = sizeof *address;
	int made = socket(AF_INET, type, 0);

	address->sin_family = AF_INET;
	address->sin_port = htons(port);
	inet_pton(AF_INET, ip, &address->sin_addr);
	need(bind(made, (struct sockaddr *)address, sizeof *address) == 0, "bind");
	getsockname(made, (struct sockaddr *)address, &length);
	return made;
}

static void serve(void)
{
	listener = bound(SOCK_STREAM, &here, "127.0.0.1", 0);
	need(listen(listener, 16) == 0, "listen");
}

static const char *next_path(void)
{
	const char *path = paths[place];

	place = (place + 1) % count;
	return path;
}

static long getppids(void)
{
	for (int time = 0; time < 1000; time++)
		getppid();
	return 1000;
}

static long opens(void)
{
	for (int time = 0; time < 100; time++)
		open_one(next_path());
	return 100;
}

static long connects(void)
{
	for (int time = 0; time < 10; time++)
		converse(0);
	return 10;
}

static long execs(void)
{
	run_one(next_path());
	return 1;
}

/* A tenth of a second of the field's standard load: a second has 1,000 opens, 100 requests, 10 execs, 10 connects, 2 questions for names. */
static long paced(void)
{
	static int64_t next;
	static int tenths;

	for (int tick = 0; tick < 10; tick++) {
		struct timespec until;

		next = (next ? next : now()) + 10000000;
		for (int time = 0; time < 10; time++)
			open_one(next_path());
		converse("GET / HTTP/1.1\r\n\r\n");
		until.tv_sec = next / 1000000000;
		until.tv_nsec = next % 1000000000;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, 0);
	}
	run_one("/proc/self/exe");
	converse(0);
	if (tenths++ % 5 == 0)
		resolve();
	return 1;
}

/* Names of COUNT files in a folder, or of the one file. */
static void name(const char *path, const char *number)
{
	if (number)
		count = atol(number);
	paths = calloc(count, sizeof *paths);
	for (long number_of = 0; number_of < count; number_of++)
		need((number ? asprintf(&paths[number_of], "%s/%05ld", path, number_of) : asprintf(&paths[0], "%s", path)) > 0, "memory");
}

static int compare(const void *one, const void *other)
{
	double difference = *(const double *)one - *(const double *)other;

	return (difference > 0) - (difference < 0);
}

int main(int words, char **word)
{
	static const struct {
		const char *name;
		long (*pass)(void);
	} loads[] = {{"getppid", getppids}, {"open", opens}, {"connect", connects}, {"exec", execs}, {"paced", paced}};
	long (*pass)(void) = 0;
	int64_t begin, before, end;
	long done = 0, number = 0;

	if (words < 3)
		return 0;
	for (unsigned known = 0; known < sizeof loads / sizeof *loads; known++)
		if (!strcmp(loads[known].name, word[1]))
			pass = loads[known].pass;
	need(pass != 0, word[1]);
	if (words > 3)
		name(word[3], words > 4 ? word[4] : 0);
	if (pass == connects || pass == paced)
		serve();
	if (pass == paced)
		resolver = bound(SOCK_DGRAM, &names, "127.77.0.1", 53);
	begin = end = now();
	do {
		long operations = pass();

		before = end;
		end = now();
		passes[number++] = (double)(end - before) / operations;
		done += operations;
	} while (number < MOST && (done < count || end - begin < atol(word[2]) * 1000000LL));
	qsort(passes, number, sizeof *passes, compare);
	printf("%.1f %.1f\n", (double)(end - begin) / done, passes[number / 2]);
	return 0;
}
