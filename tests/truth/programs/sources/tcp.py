"""TCP servers and clients over both families, and connections that come to nothing."""
import select
import socket
import threading

READY = socket.SO_ERROR


def serve(listener, count):
    for _ in range(count):
        connection, _ = listener.accept()
        connection.sendall(connection.recv(100))
        connection.close()


for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    listener = socket.create_server((host, 0), family=family)
    thread = threading.Thread(target=serve, args=(listener, 3))
    thread.start()
    address = listener.getsockname()
    with socket.create_connection(address[:2]) as client:
        client.sendall(b"blocking")
        client.recv(100)
    client = socket.socket(family)
    client.setblocking(False)
    client.connect_ex(address)
    select.select([], [client], [], 10)
    assert client.getsockopt(socket.SOL_SOCKET, READY) == 0
    client.send(b"non-blocking")
    select.select([client], [], [], 10)
    client.recv(100)
    client.close()
    client = socket.socket(family)
    client.bind((host, 0))
    client.connect(address)
    client.send(b"bound")
    client.recv(100)
    client.close()
    thread.join()
    listener.close()
    # Nobody there: refused at once, and found out later.
    try:
        socket.create_connection(address[:2])
        raise SystemExit("connected to nobody")
    except ConnectionRefusedError:
        pass
    client = socket.socket(family)
    client.setblocking(False)
    client.connect_ex((host, 9))
    select.select([], [client], [], 10)
    assert client.getsockopt(socket.SOL_SOCKET, READY) != 0

# A socket for both families sees an IPv4 peer.
both = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
with socket.create_connection(("127.0.0.1", both.getsockname()[1])):
    both.accept()
# Multipath TCP, seen as the connections it is made of.
try:
    paths = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
except OSError:
    paths = None
if paths:
    paths.bind(("127.0.0.1", 0))
    paths.listen()
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
    client.connect(paths.getsockname())
    paths.accept()[0].send(b"x")
    client.recv(1)
    client.close()
# No way there: the kernel says so before it sends anything.
lost = socket.socket(socket.AF_INET6)
lost.settimeout(0.2)
try:
    lost.connect(("ff02::1", 80, 0, 0))
except OSError:
    pass
