"""The page's style and scripts, and the policy that lets a browser run these and nothing else."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from importlib import resources

_STYLES = ("page.css", "figures.css", "browser.css", "drawn.css", "print.css")
_SCRIPTS = ("dom.js", "data.js", "candidates.js", "list.js", "words.js", "drawn.js", "item.js", "main.js")


@dataclass(frozen=True)
class Assets:
    """Texts of the elements ``<style>`` and ``<script>``, and the Content-Security-Policy that names their hashes."""

    style: str
    head: str
    script: str
    images: bool

    @property
    def policy(self) -> str:
        """What a browser may do with the page: show it, in this style, with these scripts."""
        return "; ".join(
            (
                "default-src 'none'",
                f"script-src {_hash(self.head)} {_hash(self.script)}",
                f"style-src {_hash(self.style)}",
                *(["img-src data:"] if self.images else []),
                "base-uri 'none'",
                "form-action 'none'",
                "require-trusted-types-for 'script'",
                "trusted-types 'none'",
            )
        )


def assets(*, run: str = "", images: bool = False) -> Assets:
    """The page's own files; ``run``: the hash that stands on every printed page; ``images``: whether the page has any.

    The dark colours are there twice, for a reader's choice and for the system's setting.
    """
    dark = _read("style/dark.css").strip()
    style = _read("style/light.css")
    style += f"@media screen and (prefers-color-scheme: dark) {{ :root:not([data-theme='light']) {{\n{dark}\n}} }}\n"
    style += f"@media screen {{ :root[data-theme='dark'] {{\n{dark}\n}} }}\n"
    style += "".join(_read(f"style/{name}") for name in _STYLES)
    style += f'@page {{ @bottom-left {{ content: "trusteq, audit.json {run}"; }} }}\n' if run else ""
    return Assets(style, _read("script/head.js"), "".join(_read(f"script/{name}") for name in _SCRIPTS), images)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _read(name: str) -> str:
    return resources.files("trusteq.report.page").joinpath(name).read_text("utf-8")
