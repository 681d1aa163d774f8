/* Goes down folder by folder and opens a file in each, past the length that a path may have. Prints those that have no path for
 * strace any more. Its argument is the working directory. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int count, char **arguments)
{
	static char path[16384];
	char name[201];

	if (count != 2)
		return 1;
	strcpy(path, arguments[1]);
	memset(name, 'd', 200);
	name[200] = 0;
	for (int depth = 0; depth < 25; depth++) {
		if ((mkdir(name, 0700) && access(name, X_OK)) || chdir(name))
			return 2;
		strcat(strcat(path, "/"), name);
		if (open("file", O_CREAT | O_WRONLY, 0600) < 0)
			return 3;
		if (strlen(path) + 5 >= 4096)
			printf("%s/file\n", path);
	}
	return 0;
}
