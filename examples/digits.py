"""Audit compressed digit classifiers against a large one: scikit-learn's bundled digits, trained on the spot.

The same as ``trusteq demo --digits``, from Python. `trusteq.demo.digits` shows how to audit scikit-learn models.
"""

from __future__ import annotations

import sys

from rich.console import Console

from trusteq.demo.digits import audit_digits
from trusteq.record.directory import free_directory
from trusteq.report.page.page import page
from trusteq.report.terminal import render


def main() -> None:
    """Train, audit, print, save."""
    result = audit_digits(say=lambda line: print(line, file=sys.stderr))
    Console(highlight=False, width=None if sys.stdout.isatty() else 120).print(render(result))
    directory = result.save(free_directory(None))
    (directory / "report.html").write_text(page(result.evidence), "utf-8")
    print(f"\nthe whole run: {directory}\nthe page: {directory / 'report.html'}")


if __name__ == "__main__":
    main()
