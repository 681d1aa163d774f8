/* Names that are made to deceive who prints them. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
	static const char *const NAMES[] = {
		"two\nlines", "\033[2J\033[31mred", "\xff\xfe\xc3", "quote\"and'back\\slash", "<angle>", "tab\there", " space ", "$(touch x)`y`",
		"-rf", "*", "?[a-z]", "\xe2\x80\xae" "backwards", "\x01\x7f", "{braces}, and = 3<x>", "...", "\\x41", "\\", "null", "~", "# comment", "#!", "a: b",
		"\xe2\x8b\xaf", "y", "1e3",
	};
	char longest[256];

	for (unsigned index = 0; index < sizeof NAMES / sizeof *NAMES; index++)
		if (open(NAMES[index], O_CREAT | O_RDWR, 0600) < 0)
			return 1;
	memset(longest, 'a', 255);
	longest[255] = 0;
	if (open(longest, O_CREAT | O_RDWR, 0600) < 0)
		return 2;
	memset(longest, '\xfe', 255);
	if (open(longest, O_CREAT | O_RDWR, 0600) < 0)
		return 3;
	execl("/bin/echo", "two\nlines", "\033[2J", "\xff\xfe", "", "back\\slash", "\xe2\x80\xae", (char *)0);
	return 4;
}
