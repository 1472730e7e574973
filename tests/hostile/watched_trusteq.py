"""The command line as a script that refuses the network and writes down, in the file named first, what it writes to."""

import os
import socket
import sys
from pathlib import Path

WRITES = {"os.mkdir", "os.remove", "os.rmdir", "os.rename", "os.link", "os.symlink", "os.truncate", "os.chmod"}
NETWORK = {"socket.connect", "socket.sendto", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname"}


def main() -> None:
    report = os.open(sys.argv.pop(1), os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def told(kind: str, what: object) -> None:
        os.write(report, f"{kind} {what}\n".encode())

    def hook(event: str, values: tuple[object, ...]) -> None:
        if event in NETWORK:
            if event != "socket.getaddrinfo" and values and getattr(values[0], "family", None) == socket.AF_UNIX:
                return
            told("network", values)
            raise PermissionError("no network here")
        if event == "open" and isinstance(values[0], str | bytes | os.PathLike):
            flags = values[2] if isinstance(values[2], int) else 0
            if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND):
                told("write", Path.cwd() / os.fsdecode(values[0]))
        elif event in WRITES:
            paths = values[:2] if event in {"os.rename", "os.link", "os.symlink"} else values[:1]
            folders = [value for value in values[len(paths) :] if isinstance(value, int)][-len(paths) :]
            for i, path in enumerate(paths):
                if event in {"os.link", "os.symlink"} and i == 0:
                    continue  # what is linked to stays as it is
                if isinstance(path, str | bytes | os.PathLike):
                    inside = event != "os.truncate" and i < len(folders) and folders[i] >= 0
                    base = Path(f"/proc/self/fd/{folders[i]}").readlink() if inside else Path.cwd()
                    told("write", base / os.fsdecode(path))

    sys.addaudithook(hook)
    from trusteq.cli.main import main as trusteq

    trusteq()


if __name__ == "__main__":
    main()
