"""Files opened by every kind of path and with every kind of flag."""
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
os.makedirs("a/b")
os.symlink("a/b", "link")
os.symlink("../../target", "a/b/indirect")
open("target", "w").close()
open("link/indirect").close()
os.chdir("a")
open("b/../../target").close()
open("../link/new", "x").close()
directory = os.open("b", os.O_RDONLY | os.O_DIRECTORY)
os.close(os.open("by-descriptor", os.O_CREAT | os.O_RDWR | os.O_EXCL, dir_fd=directory))
os.close(os.open("..", os.O_PATH, dir_fd=directory))
for flags in (os.O_APPEND | os.O_WRONLY, os.O_NONBLOCK, os.O_SYNC | os.O_RDWR, os.O_DSYNC | os.O_RDWR, os.O_NOFOLLOW, os.O_NOATIME, os.O_TRUNC | os.O_WRONLY, os.O_NOCTTY):
    os.close(os.open("../target", flags))
os.close(os.open(".", os.O_TMPFILE | os.O_RDWR))
for missing in ("nothing", "b/nothing", "/nonexistent/x"):
    try:
        open(missing)
    except FileNotFoundError:
        pass

os.mkfifo("pipe")
os.close(os.open("pipe", os.O_RDWR))
gone = open("gone", "w")
os.remove("gone")
os.close(os.open("/proc/self/fd/%d" % gone.fileno(), os.O_RDONLY))
open("/dev/null").close()
open("/proc/self/status").close()
open("/proc/self/task/%d/comm" % os.getpid()).close()
open("/sys/kernel/mm/transparent_hugepage/enabled").close()
libc.creat(b"created", 0o600)


class How(ctypes.Structure):
    _fields_ = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64)]


OPENAT2, RESOLVE_BENEATH, RESOLVE_IN_ROOT = 437, 8, 16
how = How(os.O_RDONLY | os.O_CLOEXEC, 0, RESOLVE_BENEATH)
assert libc.syscall(OPENAT2, directory, b"by-descriptor", ctypes.byref(how), 24) >= 0
how = How(os.O_RDWR | os.O_CREAT, 0o600, RESOLVE_IN_ROOT)
assert libc.syscall(OPENAT2, directory, b"/in-root", ctypes.byref(how), 24) >= 0
how = How(os.O_RDONLY, 0, RESOLVE_BENEATH)
assert libc.syscall(OPENAT2, directory, b"../../target", ctypes.byref(how), 24) < 0


class Handle(ctypes.Structure):
    _fields_ = [("bytes", ctypes.c_uint32), ("type", ctypes.c_int32), ("data", ctypes.c_char * 128)]


handle, mount = Handle(128), ctypes.c_int()
if libc.name_to_handle_at(-100, b"../target", ctypes.byref(handle), ctypes.byref(mount), 0) == 0:
    libc.open_by_handle_at(directory, ctypes.byref(handle), os.O_RDONLY)
