"""What a CI job meets, played on this machine: commands that only write down their words, and a server of comments."""

from __future__ import annotations

import json
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from pathlib import Path

FAKE = """#!/bin/bash
printf '%s\\n' "$(basename "$0")" "$@" '' >> "$LOG"
if [ "$(basename "$0")" = trusteq ]; then
  case $1 in
    report)
      while [ $# -gt 1 ]; do
        if [ "$1" = --out ]; then
          mkdir -p "$(dirname "$2")"
          printf '<!-- trusteq -->\\nverdict %s\\n' "$VERDICT" > "$2"
        fi
        shift
      done ;;
    *) exit "$VERDICT" ;;
  esac
fi
"""
"""A command that writes down its words; trusteq also has a verdict, and writes what it is to write."""


def commands(folder: Path, *names: str) -> Path:
    """A folder for PATH: these commands as fakes, and this Python."""
    bin_ = folder / "bin"
    bin_.mkdir(parents=True)
    for name, text in {**dict.fromkeys(names, FAKE), "python": f'#!/bin/bash\nexec {sys.executable} "$@"\n'}.items():
        (bin_ / name).write_text(text, "utf-8")
        (bin_ / name).chmod(0o755)
    return bin_


def ran(log: Path) -> list[list[str]]:
    """The commands that fakes wrote down, word by word."""
    text = log.read_text("utf-8").strip("\n") if log.exists() else ""
    return [line.split("\n") for line in text.split("\n\n") if line]


class Server(ThreadingHTTPServer):
    """A GitHub or GitLab of comments alone: it lists, adds and replaces them, and remembers who asked for what."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.comments: list[dict[str, Any]] = []
        self.asked: list[tuple[str, str]] = []
        self.refuses: int | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def add(self, body: str, **more: Any) -> dict[str, Any]:
        """One more comment, by default a bot's, or of the person whose token it is."""
        number = len(self.comments) + 1
        by = {"user": {"type": "Bot"}, "author_association": "NONE", "author": {"id": 7}}
        self.comments.append({"id": number, "body": body, "html_url": f"{self.address}/{number}", **by, **more})
        return self.comments[-1]


class Handler(BaseHTTPRequestHandler):
    """The few requests that a job makes."""

    server: Server

    def do_GET(self) -> None:
        path = urlsplit(self.path)
        if path.path.endswith("/user"):
            return self.answer({"id": 7})
        asked = {name: int(values[0]) for name, values in parse_qs(path.query).items() if values[0].isdigit()}
        page, size = asked.get("page", 1), asked["per_page"]
        return self.answer(self.server.comments[(page - 1) * size : page * size])

    def do_POST(self) -> None:
        self.answer(self.server.add(self.body()))

    def do_PATCH(self) -> None:
        comment = self.server.comments[int(self.path.rpartition("/")[2]) - 1]
        comment["body"] = self.body()
        self.answer(comment)

    do_PUT = do_PATCH  # noqa: N815 - as its base class names them

    def body(self) -> str:
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        return json.loads(text)["body"] if text.startswith("{") else parse_qs(text)["body"][0]

    def answer(self, content: Any) -> None:
        self.server.asked.append((self.command, self.path))
        assert "secret" in (self.headers["Authorization"] or self.headers["PRIVATE-TOKEN"])
        self.send_response(self.server.refuses or 200)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@contextmanager
def serving() -> Any:
    """A server on a free port of this machine, until the block ends."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
