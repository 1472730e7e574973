"""The command line run in this process: the same entry point, without its start-up time."""

from __future__ import annotations

import io
import subprocess
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

from trusteq.cli.main import main


def trusteq(*arguments: Any, cwd: Path = Path()) -> subprocess.CompletedProcess[str]:
    """What the command prints and returns."""
    out, err = io.StringIO(), io.StringIO()
    code: Any = 0
    words = ["trusteq", *map(str, arguments)]
    with chdir(cwd), redirect_stdout(out), redirect_stderr(err), patch("sys.argv", words):
        try:
            main()
        except SystemExit as left:
            code = left.code
    return subprocess.CompletedProcess(words, int(code or 0), out.getvalue(), err.getvalue())


def one_line(done: subprocess.CompletedProcess[str], *says: str) -> None:
    """Exit code 2, nothing on stdout, and one error line with these words."""
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    (error,) = done.stderr.splitlines()
    assert error.startswith("error: ")
    for words in says:
        assert words in error
