"""The viewer's own pages: the list of runs, and messages."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import trusteq
from trusteq.releases.page import styles
from trusteq.report.page.page import environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trusteq.view.shelf import Place, Shelf


@dataclass(frozen=True)
class OwnAssets:
    """The style of a page without scripts, and the Content-Security-Policy that allows it and nothing else."""

    style: str
    policy: str


@cache
def own_assets(*, form: bool = False) -> OwnAssets:
    """The style of the report and of histories; ``form``: whether the page may send a form to its own server."""
    style = styles()
    policy = style.policy
    return OwnAssets(style.style, policy.replace("form-action 'none'", "form-action 'self'") if form else policy)


def list_page(shelf: Shelf, places: Sequence[Place], runs: int, *, page: int, pages: int) -> str:
    """The list of these runs, of so many in all."""
    listed = [(place, shelf.summary(place)) for place in places]
    return rendered("list.html", own_assets(form=True), folder=str(shelf.folder.resolve()), listed=listed,
                    runs=runs, page=page, pages=pages)  # fmt: skip


def message_page(text: str) -> str:
    """A page with one message."""
    return rendered("message.html", own_assets(), text=text)


def rendered(template: str, style: OwnAssets, **values: Any) -> str:
    """One of the viewer's templates, filled in."""
    text = resources.files("trusteq.view").joinpath(template).read_text("utf-8")
    return environment().from_string(text).render(assets=style, version=trusteq.__version__, **values)
