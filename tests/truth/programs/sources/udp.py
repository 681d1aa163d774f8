"""UDP: bound, connected, unconnected, probing without traffic, and many messages in one call."""
import os
import socket

for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    server = socket.socket(family, socket.SOCK_DGRAM)
    server.bind((host, 0))
    address = server.getsockname()
    connected = socket.socket(family, socket.SOCK_DGRAM)
    connected.connect(address)
    connected.send(b"1")
    connected.sendmsg([b"2"])
    os.write(connected.fileno(), b"3")
    for _ in range(3):
        _, peer = server.recvfrom(10)
    server.sendto(b"answer", peer)
    connected.recv(10)
    server.sendmsg([b"answer"], [], 0, peer)
    os.read(connected.fileno(), 10)
    loose = socket.socket(family, socket.SOCK_DGRAM)
    loose.sendto(b"4", address)
    _, _, _, peer = server.recvmsg(10)
    # A server that speaks first to a client it has not heard of.
    waiting = socket.socket(family, socket.SOCK_DGRAM)
    waiting.bind((host, 0))
    server.sendto(b"first", waiting.getsockname())
    waiting.recvfrom(10)
    probe = socket.socket(family, socket.SOCK_DGRAM)
    probe.connect((host, 7))
    probe.getsockname()
    # Sent into the void: somebody was still spoken to.
    nobody = socket.socket(family, socket.SOCK_DGRAM)
    nobody.sendto(b"5", (host, 9))

# An IPv4 peer of a socket for both families, and "any address" for a destination.
both = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
both.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
both.bind(("::", 0))
port = both.getsockname()[1]
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.sendto(b"6", ("0.0.0.0", port))
_, peer = both.recvfrom(10)
both.sendto(b"7", peer)
client.recvfrom(10)
mapped = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
mapped.sendto(b"8", ("::ffff:127.0.0.1", port))
both.recvfrom(10)
# Larger than most networks carry in one piece, and nothing at all.
client.sendto(b"9" * 60000, ("127.0.0.1", port))
both.recvfrom(65535)
client.sendto(b"", ("127.0.0.1", port))
both.recvfrom(10)
