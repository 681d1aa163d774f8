"""Calls that have no name, files that have no path, and a program that was never a file."""
import ctypes
import os

libc = ctypes.CDLL(None)
for number in (9999, 600, 511):
    libc.syscall(number)
reader, writer = os.pipe()
os.close(os.open("/proc/self/fd/%d" % reader, os.O_RDONLY | os.O_NONBLOCK))
os.close(os.open("/proc/self/ns/net", os.O_RDONLY))
os.openpty()
memory = os.memfd_create("named", os.MFD_CLOEXEC)
with open("/bin/true", "rb") as program:
    os.write(memory, program.read())
program = os.open("/proc/self/fd/%d" % memory, os.O_RDONLY)
os.close(memory)
child = os.fork()
if child == 0:
    os.execve(program, ["from memory"], {})
assert os.waitpid(child, 0)[1] == 0
