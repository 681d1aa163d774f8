#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int main(int count, char **words)
{
	for (int place = 1; place < count; place++)
		puts(words[place]);
	return 0;
}
