/* Opens 100,000 files of different names, a thousand in each folder. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
	char name[64];

	for (int number = 0; number < 100000; number++) {
		int file;
		snprintf(name, sizeof name, "d%d", number / 1000);
		if (number % 1000 == 0 && mkdir(name, 0700))
			return 1;
		snprintf(name, sizeof name, "d%d/f%d", number / 1000, number);
		file = open(name, O_CREAT | O_WRONLY, 0600);
		if (file < 0)
			return 2;
		close(file);
	}
	return 0;
}
