/* Both ends of what programs.sh records: UDP, SCTP and DNS, over IPv4 and IPv6. Exit status 1 says that something failed.
 *
 *   wire serve udp|sctp|dns ADDRESS PORT COUNT      answers COUNT times; returns once it is bound, and goes on behind
 *   wire ask udp|udp-connected|sctp FROM ADDRESS PORT   says something and waits for the answer; FROM may be -
 *   wire look NAME SERVER                            asks for the addresses of NAME
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static const unsigned char ANSWER[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 4};

static void must(int held, const char *what)
{
    if (!held) {
        perror(what);
        exit(1);
    }
}

static socklen_t address(struct sockaddr_storage *to, const char *text, const char *port)
{
    struct sockaddr_in *four = (void *)to;
    struct sockaddr_in6 *six = (void *)to;
    memset(to, 0, sizeof *to);
    if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(atoi(port));
        return sizeof *four;
    }
    must(inet_pton(AF_INET6, text, &six->sin6_addr) == 1, text);
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(atoi(port));
    return sizeof *six;
}

/* What does not come within 20 s does not come. */
static int open_socket(int family, int sctp)
{
    struct timeval patience = {.tv_sec = 120};
    int fd = socket(family, sctp ? SOCK_STREAM : SOCK_DGRAM, sctp ? IPPROTO_SCTP : IPPROTO_UDP);
    must(fd >= 0, "socket");
    must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0, "SO_RCVTIMEO");
    return fd;
}

static int serve(const char *kind, const char *text, const char *port, int count)
{
    int sctp = strcmp(kind, "sctp") == 0, dns = strcmp(kind, "dns") == 0;
    struct sockaddr_storage own, peer;
    socklen_t size = address(&own, text, port);
    unsigned char message[512 + sizeof ANSWER];
    int fd = open_socket(own.ss_family, sctp);
    must(bind(fd, (void *)&own, size) == 0, "bind");
    if (sctp)
        must(listen(fd, 8) == 0, "listen");
    pid_t child = fork();
    must(child >= 0, "fork");
    if (child > 0)
        return 0;
    for (; count > 0; count--) {
        socklen_t length = sizeof peer;
        int with = sctp ? accept(fd, (void *)&peer, &length) : fd;
        must(with >= 0, "accept");
        length = sizeof peer;
        ssize_t bytes = recvfrom(with, message, 512, 0, sctp ? NULL : (void *)&peer, sctp ? NULL : &length);
        must(bytes > 0, "recv");
        if (dns) {
            must(bytes >= 12, "query");
            message[2] = 0x84;
            message[7] = 1;
            memcpy(message + bytes, ANSWER, sizeof ANSWER);
            bytes += sizeof ANSWER;
        }
        must(sendto(with, message, bytes, 0, sctp ? NULL : (void *)&peer, sctp ? 0 : length) == bytes, "send");
        if (sctp)
            close(with);
    }
    return 0;
}

static int ask(const char *kind, const char *from, const char *text, const char *port, const void *words, size_t length)
{
    int unconnected = strcmp(kind, "udp") == 0;
    struct sockaddr_storage own, peer;
    char answer[1024];
    socklen_t size = address(&peer, text, port);
    int fd = open_socket(peer.ss_family, strcmp(kind, "sctp") == 0);
    if (strcmp(from, "-") != 0) {
        socklen_t own_size = address(&own, from, "0");
        must(bind(fd, (void *)&own, own_size) == 0, "bind");
    }
    if (!unconnected)
        must(connect(fd, (void *)&peer, size) == 0, "connect");
    must(sendto(fd, words, length, 0, unconnected ? (void *)&peer : NULL, unconnected ? size : 0) == (ssize_t)length, "send");
    must(recv(fd, answer, sizeof answer, 0) > 0, "answer");
    return 0;
}

static int look(const char *name, const char *server)
{
    unsigned char query[300] = {0x12, 0x34, 1, 0, 0, 1};
    size_t at = 12;
    while (*name) {
        size_t label = strcspn(name, ".");
        must(label > 0 && label < 64 && at + label < 256, "name");
        query[at++] = label;
        memcpy(query + at, name, label);
        at += label;
        name += label + (name[label] == '.');
    }
    at++;
    query[at + 1] = query[at + 3] = 1;
    return ask("udp", "-", server, "53", query, at + 4);
}

int main(int count, char **words)
{
    if (count == 6 && strcmp(words[1], "serve") == 0)
        return serve(words[2], words[3], words[4], atoi(words[5]));
    if (count == 6 && strcmp(words[1], "ask") == 0)
        return ask(words[2], words[3], words[4], words[5], "hello", 5);
    if (count == 4 && strcmp(words[1], "look") == 0)
        return look(words[2], words[3]);
    fprintf(stderr, "wire: see the head of wire.c\n");
    return 1;
}
