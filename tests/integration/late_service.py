"""A service that answers 503 for the first seconds of its life: `python late_service.py PORT SECONDS`."""

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BEGAN = time.monotonic()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        late = time.monotonic() - BEGAN < float(sys.argv[2])
        self.send_response(503 if late else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words: object) -> None:
        """No line per request."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
