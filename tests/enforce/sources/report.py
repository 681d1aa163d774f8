"""Asks web by both families, and postgres by itself."""

import http.client
import socket

import stores


def web(family):
    """Its address. Whoever is new may have to ask again: the network has not heard of it yet."""
    for _ in range(3):
        try:
            return socket.getaddrinfo("web", 80, family, socket.SOCK_STREAM)[0][4]
        except socket.gaierror as error:
            if error.errno != socket.EAI_AGAIN:
                raise
    raise SystemExit("DNS is silent")


for family in (socket.AF_INET, socket.AF_INET6):
    address = web(family)
    connection = http.client.HTTPConnection(address[0], address[1], timeout=30)
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"well\n"
stores.postgres()
