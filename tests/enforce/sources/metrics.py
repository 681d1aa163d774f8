"""Answers each datagram with itself."""

import socket

here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
here.bind(("0.0.0.0", 8126))
while True:
    data, peer = here.recvfrom(64)
    here.sendto(data, peer)
