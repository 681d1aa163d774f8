"""What the shop's programs ask of its stores. Each fails unless it is answered as it should."""

import socket
import struct


def postgres():
    """Logs in and writes one record, to the disk: when it is written otherwise is a matter of time."""
    with socket.create_connection(("postgres", 5432), 30) as connection:
        stream = connection.makefile("rwb", buffering=0)
        words = b"user\0postgres\0database\0postgres\0\0"
        stream.write(struct.pack("!ii", 8 + len(words), 196608) + words)
        query = b"select pg_logical_emit_message(true, 'shop', 'visit'); checkpoint\0"
        for message in (b"", b"Q" + struct.pack("!i", 4 + len(query)) + query):
            stream.write(message)
            while (kind := stream.read(1)) != b"Z":
                if kind in (b"", b"E"):
                    raise SystemExit(f"postgres refuses: {connection.recv(512)}")
                stream.read(struct.unpack("!i", stream.read(4))[0] - 4)
            stream.read(5)


def redis():
    """Counts one visit."""
    with socket.create_connection(("redis", 6379), 30) as connection:
        connection.sendall(b"INCR visits\r\n")
        assert connection.recv(64).startswith(b":")


def metrics():
    """Sends one datagram, again until it is answered."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.settimeout(1)
        for _ in range(30):
            out.sendto(b"visits:1|c", ("metrics", 8125))
            try:
                assert out.recv(64) == b"visits:1|c"
                return
            except TimeoutError:
                pass
    raise SystemExit("metrics is silent")
