"""The gallery: every demo is in it, and its drawings of a terminal fetch nothing."""

import html
import re

from gallery import DEMOS, index, terminal

from trusteq.cli.demo import demo


def test_every_demo_is_in_it():
    kinds = {option.name for option in demo.params} & {"digits", "table", "pictures", "sounds", "language"}
    assert set(DEMOS) - {"sentences"} == kinds
    page = index({name: [f"{name}.html", f"{name}-2.html"] for name in DEMOS})
    assert all(f'href="{name}-2.html"' in page for name in DEMOS)


def test_a_terminal_is_drawn_with_its_colours_and_fetches_nothing():
    drawn = terminal("trusteq demo", "\x1b[32mEQUIVALENT\x1b[0m & more")
    texts = html.unescape(re.sub("<[^>]+>", "", drawn)).replace("\xa0", " ")
    assert "$ trusteq demo" in texts
    assert "EQUIVALENT & more" in texts
    assert re.search(r"fill: #[0-9a-f]{6}", drawn)
    assert set(re.findall(r"url\((.)|href=(.)", drawn)) == {("#", "")}
