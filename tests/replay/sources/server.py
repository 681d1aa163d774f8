"""A server that answers each request in a thread of its own; ends on SIGTERM."""

import http.server
import signal
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        page = open(__file__, "rb").read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)


class Server(http.server.ThreadingHTTPServer):
    # Waits for its threads when it closes. Otherwise the interpreter takes apart what they still hold, or does not, by chance:
    # a socket found open is named in a warning, and getpeername is called for its name.
    daemon_threads = False


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
with Server((sys.argv[1], int(sys.argv[2])), Handler) as server:
    server.serve_forever()
