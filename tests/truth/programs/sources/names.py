"""A name server and its client: names with addresses of both families, aliases, capitals, answers to nobody's question."""
import socket
import struct
import threading

SERVER = ("127.0.0.77", 53)
A, CNAME, AAAA = 1, 5, 28


def name(text):
    return b"".join(bytes([len(part)]) + part.encode() for part in text.split(".")) + b"\0"


def record(owner, kind, data):
    return owner + struct.pack("!HHIH", kind, 1, 60, len(data)) + data


def v4(text):
    return socket.inet_pton(socket.AF_INET, text)


def v6(text):
    return socket.inet_pton(socket.AF_INET6, text)


SELF = b"\xc0\x0c"  # the name in the question, as answers refer to it
ANSWERS = {
    ("plain.example", A): [record(SELF, A, v4("192.0.2.7")), record(SELF, A, v4("192.0.2.8"))],
    ("plain.example", AAAA): [record(SELF, AAAA, v6("2001:db8::7"))],
    ("alias.example", A): [
        record(SELF, CNAME, name("target.example")),
        record(name("target.example"), A, v4("192.0.2.9")),
        record(name("unasked.example"), A, v4("203.0.113.1")),
    ],
    ("Capitals.Example", A): [record(SELF, A, v4("192.0.2.10"))],
    ("nothing.example", A): [],
}


def ask(client, address, text, kind):
    question = name(text) + struct.pack("!HH", kind, 1)
    client.sendto(struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + question, address)


def answer(server):
    request, client = server.recvfrom(512)
    question = request[12:]
    labels, at = [], 0
    while question[at]:
        labels.append(question[at + 1:at + 1 + question[at]].decode())
        at += 1 + question[at]
    kind = struct.unpack("!H", question[at + 1:at + 3])[0]
    records = ANSWERS[".".join(labels), kind]
    server.sendto(struct.pack("!HHHHHH", 7, 0x8180, 1, len(records), 0, 0) + question + b"".join(records), client)


server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(SERVER)
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for text, kind in ANSWERS:
    thread = threading.Thread(target=answer, args=(server,))
    thread.start()
    ask(client, SERVER, text, kind)
    client.recvfrom(512)
    thread.join()

# Somebody who is no name server says something that looks like an answer.
liar = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
liar.bind(("127.0.0.77", 0))
ask(client, liar.getsockname(), "plain.example", A)
answer(liar)
client.recvfrom(512)
