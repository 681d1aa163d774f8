"""probe.py serve: echoes on TCP_PORTS and UDP_PORTS, of both families. probe.py: tries what standard input lists, [protocol, address, port] each,
all at once, and prints for each whether it was answered, or refused by whoever stands between: every port that is tried is served."""

import json
import select
import socket
import sys
import time

TCP_PORTS = (8080, 8081, 9000, 9001, 9002)
UDP_PORTS = (8080, 9000)
DEADLINE = 60


def serve():
    there = {}
    for kind, ports in ((socket.SOCK_STREAM, TCP_PORTS), (socket.SOCK_DGRAM, UDP_PORTS)):
        for port in ports:
            one = socket.socket(socket.AF_INET6, kind)
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(("::", port))
            if kind == socket.SOCK_STREAM:
                one.listen(64)
            there[one] = kind
    while True:
        for one in select.select(list(there), [], [])[0]:
            if there[one] == socket.SOCK_STREAM:
                one.accept()[0].close()
            else:
                one.sendto(*one.recvfrom(64))


def attempt(protocol, address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    one = socket.socket(family, socket.SOCK_STREAM if protocol == "TCP" else socket.SOCK_DGRAM)
    one.setblocking(False)
    code = one.connect_ex((address, port))
    return one, code


def outcome(one, protocol):
    """None: not yet."""
    if code := one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        return f"refused: {code}"
    if protocol == "TCP":
        return "answered"
    try:
        one.recv(64)
        return "answered"
    except BlockingIOError:
        return None
    except OSError as error:
        return f"refused: {error.errno}"


def probe(wanted):
    outcomes = [None] * len(wanted)
    poll, places, datagrams = select.poll(), {}, {}
    for place, (protocol, address, port) in enumerate(wanted):
        one, _ = attempt(protocol, address, port)
        places[one.fileno()] = (place, one, protocol)
        if protocol == "TCP":
            poll.register(one, select.POLLOUT)
        else:
            datagrams[place] = one
            poll.register(one, select.POLLIN)
    end, again = time.monotonic() + DEADLINE, 0
    while None in outcomes and time.monotonic() < end:
        if time.monotonic() >= again:
            for place, one in datagrams.items():
                if outcomes[place] is None:
                    try:
                        one.send(b"probe")
                    except OSError as error:
                        outcomes[place] = f"refused: {error.errno}"
            again = time.monotonic() + 2
        for number, _ in poll.poll(500):
            place, one, protocol = places[number]
            outcomes[place] = outcomes[place] or outcome(one, protocol)
            if outcomes[place]:
                poll.unregister(one)
    return outcomes


if sys.argv[1:] == ["serve"]:
    serve()
print(json.dumps(probe(json.load(sys.stdin))))
