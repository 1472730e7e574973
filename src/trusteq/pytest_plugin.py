"""The pytest plugin: `trusteq.testing.assert_equivalent` as a fixture that keeps the run and its page.

Installed packages' plugins are loaded in every pytest run, so this file imports nothing but pytest until a test asks.

    @pytest.mark.trusteq(report="int8")
    def test_int8_may_replace_the_large_model(assert_equivalent):
        assert_equivalent(large, int8, items)

The marker keeps the evidence in the folder of ``--trusteq-artifacts``, by default trusteq-artifacts; with that option
the evidence of every test that uses the fixture is kept, under the name of the test where no marker gives another.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from trusteq.record.audit import Audit

FIXTURE = "assert_equivalent"
FOLDER = "trusteq-artifacts"
LONGEST = 120
"""Characters of a folder's name, which a file system limits."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option that says where evidence is kept."""
    parser.getgroup("trusteq").addoption(
        "--trusteq-artifacts",
        metavar="DIR",
        help="Keep the run and the report of every audit made by the fixture assert_equivalent in a folder of DIR. "
        f"Without it, only tests marked trusteq(report=NAME) keep theirs, in {FOLDER}.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """The marker is known, so that --strict-markers accepts it."""
    config.addinivalue_line(
        "markers",
        "trusteq(report=NAME): keep the run and the report of this test's audits as NAME in the folder of "
        f"--trusteq-artifacts (default: {FOLDER}).",
    )


@pytest.fixture
def assert_equivalent(request: pytest.FixtureRequest) -> Callable[..., Audit]:
    """The audit of candidates against a reference, if each may replace it; else the test fails with the reason.

    As `trusteq.testing.assert_equivalent`; the marker trusteq(report=NAME) or --trusteq-artifacts keep the evidence.
    """
    from trusteq.testing import assert_equivalent

    item = request.node
    name = kept_as(item)
    folder = Path(item.config.getoption("trusteq_artifacts") or item.config.rootpath / FOLDER)
    made = 0

    def check(large: object, small: object, items: Any, **options: Any) -> Audit:
        __tracebackhide__ = True
        nonlocal made
        if name is not None and "report" not in options:
            made += 1
            # No name has a plus sign, so that no other test's can be the same.
            options["report"] = folder / (name if made == 1 else f"{name}+{made}")
            # pytest's own JUnit file then says where the evidence is.
            item.user_properties.append(("trusteq_report", str(options["report"] / "report.html")))
        return assert_equivalent(large, small, items, **options)

    return check


def kept_as(item: pytest.Item) -> str | None:
    """The name of the folder that keeps a test's evidence; None if nothing is to be kept."""
    name = _name(item)
    if name is None:
        return None
    if (names := item.session.stash.get(_NAMES, None)) is None:
        names = item.session.stash[_NAMES] = {}
        for other in item.session.items:
            if FIXTURE in getattr(other, "fixturenames", ()):
                names.setdefault(_name(other), []).append(other.nodeid)
    if len(same := names.get(name, [])) > 1:
        pytest.fail(f"two tests keep their report as {name!r}: {same[0]} and {same[1]}; rename one", pytrace=False)
    return name


_NAMES = pytest.StashKey[dict[str | None, list[str]]]()
"""The tests that keep their evidence under each name."""


def _name(item: pytest.Item) -> str | None:
    marker = item.get_closest_marker("trusteq")
    if marker is None and item.config.getoption("trusteq_artifacts") is None:
        return None
    name = item.nodeid
    if marker is not None:
        if marker.args or set(marker.kwargs) - {"report"}:
            given = ", ".join([*map(repr, marker.args), *marker.kwargs])
            pytest.fail(f"the marker trusteq takes report=NAME and nothing else, found {given}", pytrace=False)
        if "report" in marker.kwargs:
            case = getattr(item, "callspec", None)
            name = str(marker.kwargs["report"]) + (f"-{case.id}" if case is not None else "")
    return re.sub(r"[^\w.-]+", "-", name).strip("-.")[-LONGEST:]
