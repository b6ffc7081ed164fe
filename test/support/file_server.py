"""A server of files on 127.0.0.1 with the part of the Hugging Face API that downloads use."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FileServer(ThreadingHTTPServer):
    """Serve `files` and record requests; optionally abort or send a wrong length."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(('127.0.0.1', 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, str, str]] = []  # method, path, Range
        self.break_after: list[int] = []  # one entry is used up by each GET: bytes, then hang up
        self.etag = True

    @property
    def url(self) -> str:
        return f'http://127.0.0.1:{self.server_address[1]}'

    @property
    def gets(self) -> list[tuple[str, str]]:
        return [(path, span) for method, path, span in self.requests if method == 'GET']

    def handle_error(self, request, client_address) -> None:
        """Ignore connections that the client closed."""


class _Handler(BaseHTTPRequestHandler):
    server: FileServer
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        span = self.headers.get('Range', '')
        self.server.requests.append((self.command, self.path, span))
        content = self.server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        etag = f'"{hashlib.sha256(content).hexdigest()}"'
        same = self.headers.get('If-Range', etag) == etag
        start = int(span.removeprefix('bytes=').split('-')[0]) if span and same else 0
        if start >= len(content) > 0:
            self.send_response(416)
            self.send_header('Content-Range', f'bytes */{len(content)}')
            self.send_header('Content-Length', '0')
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header('Content-Range', f'bytes {start}-{len(content) - 1}/{len(content)}')
        if self.server.etag:
            self.send_header('ETag', etag)
        self.send_header('X-Repo-Commit', 'c' * 40)
        self.send_header('Content-Length', str(len(content) - start))
        self.end_headers()
        if body:
            rest = content[start:]
            self.close_connection = bool(self.server.break_after)
            self.wfile.write(
                rest[: self.server.break_after.pop(0)] if self.close_connection else rest
            )


@contextmanager
def file_server() -> Iterator[FileServer]:
    """Run a FileServer until the block ends."""
    with FileServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
