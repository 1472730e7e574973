"""A server of runs, and questions asked of it as any program could ask them."""

from __future__ import annotations

import http.client
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread

from trusteq.view.server import Server
from trusteq.view.shelf import Shelf
from trusteq.view.site import Site


@dataclass(frozen=True)
class Said:
    """An answer to a request."""

    status: int
    headers: http.client.HTTPMessage
    content: bytes

    @property
    def text(self):
        return self.content.decode()


@dataclass(frozen=True)
class Asked:
    """A running server, asked by whoever can reach its port."""

    server: Server

    def __call__(self, path, *, method="GET", hosts=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server_port, timeout=60)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for host in [f"127.0.0.1:{self.server.server_port}"] if hosts is None else hosts:
            connection.putheader("Host", host)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return Said(answer.status, answer.headers, content)

    def inside(self, path="", **more):
        """Asked by somebody who knows the token."""
        return self(f"/{self.server.token}/{path}", **more)


@contextmanager
def served(folder):
    """A server of a folder's runs."""
    with Server(Site(Shelf(folder))) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield Asked(server)
        finally:
            server.shutdown()
            thread.join()
