"""Serves the files of a folder over HTTP/1.1 with ranges and ETags, with a delay, a speed limit or
TLS.

    python -m benchmarks.file_server PORT FOLDER [--delay-s 0.05] [--bytes-per-s 2000000]
    [--certificate FILE]

The delay comes before each response: one round trip of a distant server. The speed limit is for
each connection.
"""

from __future__ import annotations

import argparse
import http.server
import re
import socketserver
import ssl
import time
from pathlib import Path
from typing import BinaryIO

TYPES = {".mp4": "video/mp4", ".m3u8": "application/vnd.apple.mpegurl", ".ts": "video/mp2t"}
PIECE = 1 << 16
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, folder: Path, *, delay_s: float, bytes_per_s: int | None) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.folder, self.delay_s, self.bytes_per_s = folder, delay_s, bytes_per_s

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: contenders close connections when they have enough."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server
    disable_nagle_algorithm = True
    wbufsize = 1 << 13  # one packet for the whole header

    def do_GET(self) -> None:
        time.sleep(self.server.delay_s)
        path = self.server.folder / self.path.split("?")[0].lstrip("/")
        if not path.is_file():
            self.send_error(404)
            return
        size = path.stat().st_size
        match = _RANGE.fullmatch(self.headers.get("Range", ""))
        start, end = (
            (int(match[1]), min(int(match[2] or size - 1) + 1, size)) if match else (0, size)
        )
        self.send_response(206 if match else 200)
        self.send_header("Content-Type", TYPES.get(path.suffix, "application/octet-stream"))
        self.send_header("Content-Length", str(end - start))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", f'"{size}"')
        if match:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        self.end_headers()
        self.wfile.flush()
        with path.open("rb") as file:
            self._send(file, start, end)

    do_HEAD = do_GET  # noqa: N815 - the base class calls it by that name

    def _send(self, file: BinaryIO, start: int, end: int) -> None:
        if self.command == "HEAD":
            return
        if self.server.bytes_per_s is None:
            self.connection.sendfile(file, start, end - start)
            return
        began, sent = time.monotonic(), 0
        file.seek(start)
        while sent < end - start:
            self.connection.sendall(file.read(min(PIECE, end - start - sent)))
            sent += PIECE
            time.sleep(max(0.0, began + sent / self.server.bytes_per_s - time.monotonic()))

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--delay-s", type=float, default=0.0)
    parser.add_argument("--bytes-per-s", type=int)
    parser.add_argument(
        "--certificate", type=Path, help="a PEM file with a certificate and its key"
    )
    options = parser.parse_args()
    server = Server(
        options.port, options.folder, delay_s=options.delay_s, bytes_per_s=options.bytes_per_s
    )
    if options.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print("listening", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
