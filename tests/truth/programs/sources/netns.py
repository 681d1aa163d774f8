"""A network of its own, of the same container."""
import ctypes
import fcntl
import socket
import struct

CLONE_NEWNET, SIOCSIFFLAGS, IFF_UP = 0x40000000, 0x8914, 1
libc = ctypes.CDLL(None, use_errno=True)
assert libc.unshare(CLONE_NEWNET) == 0
server = socket.socket()
fcntl.ioctl(server, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
server.bind(("127.0.0.1", 4321))
server.listen()
with socket.create_connection(("127.0.0.1", 4321)):
    server.accept()
datagrams = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
datagrams.bind(("::1", 4321))
client = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
client.sendto(b"x", ("::1", 4321))
datagrams.recvfrom(1)
