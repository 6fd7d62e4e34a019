"""A service that tells all it knows: `python talkative_service.py PORT STATUS FILE`.

It writes the file to its output when it begins, and answers each GET with the status and the file.
"""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PORT, STATUS, TEXT = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]).read_text(encoding="utf-8")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = TEXT.encode()
        self.send_response(STATUS, TEXT.splitlines()[1])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """No line per request."""


if __name__ == "__main__":
    sys.stdout.write(TEXT + "\n")
    sys.stdout.flush()
    ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
