"""Asks web by both families, and postgres by itself."""

import http.client
import socket

import stores

for family in (socket.AF_INET, socket.AF_INET6):
    (_, _, _, _, address) = socket.getaddrinfo("web", 80, family, socket.SOCK_STREAM)[0]
    connection = http.client.HTTPConnection(address[0], address[1], timeout=30)
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"well\n"
stores.postgres()
