/* acts PAUSE [ADDRESS]: a known workload. Does forty numbered acts, PAUSE milliseconds apart: the Nth opens /act/N, with two digits, and
 * sends a datagram to port 40000 + N of ADDRESS; the first twenty run this program again as `did N`. With PAUSE `told` it does
 * one act for each SIGRTMIN. Then it ends, or, as `acts PAUSE ADDRESS stay`, waits to be told so. Every act has to succeed.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void must(int held, const char *what)
{
    if (!held) {
        perror(what);
        exit(1);
    }
}

static void run(const char *program, char *number)
{
    pid_t child = vfork();
    must(child >= 0, "vfork");
    if (child == 0) {
        char *arguments[] = {"did", number, NULL};
        execv(program, arguments);
        _exit(127);
    }
    int status;
    must(waitpid(child, &status, 0) == child && status == 0, "did");
}

static void send_to(const char *text, int number)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(40000 + number)};
    must(inet_pton(AF_INET, text, &address.sin_addr) == 1, text);
    int out = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    must(out >= 0, "socket");
    must(sendto(out, "act", 3, 0, (void *)&address, sizeof address) == 3, "sendto");
    close(out);
}

/* These signals queue up, so that none is missed once they are blocked. */
static sigset_t word;

static void end(int signal)
{
    (void)signal;
    _exit(0);
}

int main(int count, char **arguments)
{
    if (strcmp(arguments[0], "did") == 0) {
        return 0;
    }
    must(count >= 2, "usage: acts PAUSE [ADDRESS [stay]]");
    int told = strcmp(arguments[1], "told") == 0;
    if (told) {
        sigemptyset(&word);
        sigaddset(&word, SIGRTMIN);
        must(sigprocmask(SIG_BLOCK, &word, NULL) == 0, "sigprocmask");
    }
    /* Whoever sees that this signal is caught knows that the others wait. */
    signal(SIGTERM, end);
    long pause_ms = atol(arguments[1]);
    for (int number = 1; number <= 40; number++) {
        if (told) {
            must(sigwaitinfo(&word, NULL) == SIGRTMIN, "sigwaitinfo");
        }
        char path[16], digits[3];
        snprintf(digits, sizeof digits, "%02d", number);
        snprintf(path, sizeof path, "/act/%s", digits);
        int in = open(path, O_RDONLY | O_CLOEXEC);
        must(in >= 0, path);
        close(in);
        if (number <= 20) {
            run("/acts", digits);
        }
        if (count >= 3) {
            send_to(arguments[2], number);
        }
        if (told) {
            continue;
        }
        struct timespec time = {.tv_sec = pause_ms / 1000, .tv_nsec = pause_ms % 1000 * 1000000};
        nanosleep(&time, NULL);
    }
    while (count >= 4) {
        pause();
    }
    return 0;
}
