"""The server: on the loopback only, for those only who know the token in the address, and only to read.

Whoever can run programs on this machine can reach the loopback, and so can every page that is open in the browser. So
an address must hold a token that nobody can guess; the name in ``Host`` must be the loopback's own, or a page of
another name could be pointed here (DNS rebinding); and nothing is ever changed, whatever the request.
"""

from __future__ import annotations

import hmac
import secrets
import socket
import sys
import traceback
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Timer
from typing import TYPE_CHECKING

from trusteq.errors import OptionError

if TYPE_CHECKING:
    from email.message import Message

    from trusteq.view.site import Answer, Site

LOOPBACK = "127.0.0.1"
LONGEST = 32_768
"""Characters of an address: several hundred runs chosen for a history."""

SECONDS = 10
"""How long a request may take to arrive."""

HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
REFUSED = "default-src 'none'"


class Server(ThreadingHTTPServer):
    """A site's server; it listens as soon as it is made.

    once: an address that leads to the site a single time: the one that the browser is started with, as others on this
    machine may see the words of a command.
    """

    daemon_threads = True

    def __init__(self, site: Site, port: int = 0) -> None:
        self.site, self.token, self._once = site, secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        self.lock = Lock()
        try:
            super().__init__((LOOPBACK, port), _Handler)
        except OSError as error:
            raise OptionError(f"--port {port}: {error.strerror or error}; choose another, or none for any") from None

    @property
    def address(self) -> str:
        """Where the list of runs is."""
        return f"http://{LOOPBACK}:{self.server_port}/{self.token}/"

    @property
    def once(self) -> str:
        """An address that leads there once."""
        return f"http://{LOOPBACK}:{self.server_port}/{self._once}"

    def is_own(self, headers: Message) -> bool:
        """Whether a request was meant for this server by its name."""
        port = self.server_port
        hosts = {f"{name}:{port}" for name in (LOOPBACK, "localhost")}
        hosts |= {LOOPBACK, "localhost"} if port == 80 else set()
        return headers.get_all("Host", []) in [[host] for host in hosts]

    def take(self, word: str) -> bool:
        """Whether this is the word that leads to the site once; it does no more."""
        with self.lock:
            right = bool(self._once) and same(word, self._once)
            if right:
                self._once = ""
        return right

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: a browser that closes a connection early is no error."""
        if not isinstance(sys.exception(), OSError):
            traceback.print_exc()


def same(word: str, secret: str) -> bool:
    """Whether a word is the secret; it takes as long for every word of its length."""
    return hmac.compare_digest(word.encode("utf-8", "surrogateescape"), secret.encode())


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server
    timeout = SECONDS

    def setup(self) -> None:
        """Begin to wait for the request, which may take so long in all."""
        super().setup()
        self._deadline = Timer(SECONDS, self._give_up)
        self._deadline.daemon = True
        self._deadline.start()

    def parse_request(self) -> bool:
        """Whether the request was read, and is one."""
        read = super().parse_request()
        self._deadline.cancel()
        return read

    def finish(self) -> None:
        """End, however it went."""
        self._deadline.cancel()
        super().finish()

    def _give_up(self) -> None:
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def do_GET(self) -> None:
        """The page at the address."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """The same without the page itself."""
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        path, _, query = self.path.partition("?")
        start, _, word = path.partition("/")
        if start or len(self.path) > LONGEST or not self.server.is_own(self.headers):
            self._refuse(HTTPStatus.FORBIDDEN, body=body)
            return
        word, slash, rest = word.partition("/")
        if not slash and body and self.server.take(word):
            self._send(HTTPStatus.SEE_OTHER, b"", REFUSED, {"Location": f"/{self.server.token}/"}, body=body)
            return
        if not slash or not same(word, self.server.token):
            self._refuse(HTTPStatus.FORBIDDEN, body=body)
            return
        answer = self._made(rest, query)
        if answer is None:
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, body=body)
        else:
            self._send(answer.status, answer.content, f"{answer.policy}; frame-ancestors 'none'", {}, body=body)

    def _made(self, path: str, query: str) -> Answer | None:
        """The site's answer; None after a mistake of ours, which is shown where the server was started."""
        try:
            # One at a time: matplotlib draws for one thread only.
            with self.server.lock:
                return self.server.site.answer(path, query)
        except Exception:
            traceback.print_exc()
            return None

    def _refuse(self, status: HTTPStatus, *, body: bool) -> None:
        words = f"{status.value} {status.phrase}\n".encode()
        self._send(status, words, REFUSED, {"Content-Type": "text/plain"}, body=body)

    def _send(self, status: int, content: bytes, policy: str, more: dict[str, str], *, body: bool) -> None:
        self.send_response(status)
        for name, value in {**HEADERS, "Content-Security-Policy": policy, **more}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is not a request, or not GET or HEAD, in the same words for all."""
        status = HTTPStatus.METHOD_NOT_ALLOWED if code == HTTPStatus.NOT_IMPLEMENTED else HTTPStatus(code)
        self.close_connection = True
        self._refuse(status, body=True)

    def version_string(self) -> str:
        """The name in the answer: no versions."""
        return "trusteq"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing: the address holds the token."""
