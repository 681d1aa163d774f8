"""For each request, once to every store, the Kubernetes API, and a host outside the cluster."""

import http.server
import ssl
import urllib.request

import stores

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


def kubernetes():
    with open(f"{ACCOUNT}/token") as file:
        request = urllib.request.Request("https://kubernetes.default/version", headers={"Authorization": f"Bearer {file.read()}"})
    context = ssl.create_default_context(cafile=f"{ACCOUNT}/ca.crt")
    with urllib.request.urlopen(request, timeout=30, context=context) as answer:
        assert b"gitVersion" in answer.read()


def outside():
    with urllib.request.urlopen("http://outside.test:18080/", timeout=30) as answer:
        assert answer.read() == b"well\n"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path != "/health":
            for ask in (stores.redis, stores.postgres, stores.metrics, kubernetes, outside):
                ask()
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"well\n")

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
