"""The companies' own systems, in a process of its own: answers GET /N.csv with company N's file of the night and takes every POST."""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Feed(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    home = Path()

    def do_GET(self) -> None:  # noqa: N802 the library's name
        content = (self.home / Path(self.path).name).read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "text/csv")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self) -> None:  # noqa: N802 the library's name
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(204)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """A line a request is nobody's wish."""


if __name__ == "__main__":
    Feed.home = Path(sys.argv[1])
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Feed).serve_forever()
