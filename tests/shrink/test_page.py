"""The page and the terminal: the result in a sentence, every candidate, and nothing that a name could smuggle in."""

import io
import re

import pytest
from made_up_bench import POLICY, Bench, Model, rung
from rich.console import Console

from trusteq.shrink import tries as module
from trusteq.shrink.page import page
from trusteq.shrink.record import Entry, Search
from trusteq.shrink.terminal import render
from trusteq.shrink.tries import Tries

PARTS = {
    name: {"n": count, "content": "f" * 64, "source": "data.csv", "how": "given"}
    for name, count in (("train", 10), ("development", 1000), ("untouched", 2000))
}


@pytest.fixture
def found(tmp_path, monkeypatch):
    """A function from models by name to a finished search named after a model with a hostile name."""
    monkeypatch.setattr(module, "unavailable", lambda rung: "no such package" if rung.name == "zip" else None)
    monkeypatch.setattr(module, "traits_of", lambda model: model.traits)

    def search(models, *, late=lambda: False, confirm=True):
        rungs = [*(rung(*name.split("+")) for name in models), rung("zip")]
        start = Search(tmp_path, "<b>large</b>", POLICY, {}, PARTS, tuple(map(Entry, rungs)))
        tries = Tries(start, Bench(tmp_path, models), late, {}, tmp_path / "shrink.json")
        tries.every_rung()
        if confirm:
            tries.confirm()
        return tries.search

    return search


MODELS = {"fp16": Model(50, 0.0, speed=1.9), "bf16": Model(50, 0.5), "onnx": Model(80, 0.0, speed=3.0)}


def printed(search):
    console = Console(file=io.StringIO(), width=140)
    console.print(render(search))
    return console.file.getvalue()


def test_the_headline_says_what_one_may_have(found):
    text = page(found(MODELS))
    headline = re.sub(r"<[^>]+>", "", re.search(r"<h1.*?</h1>", text, re.DOTALL)[0])
    assert headline == "fp16 may replace &lt;b&gt;large&lt;/b&gt;: 50% of the size, 1.9 times as fast."
    assert 'class="chip equivalent"' in text
    assert "Larger but faster: onnx (80% of the size, 3.0 times as fast) also passes" in text


def test_the_page_holds_no_script_and_no_foreign_markup(found):
    text = page(found(MODELS))
    assert "<script" not in text
    assert "<b>large" not in text
    assert "default-src &#39;none&#39;" in text or "default-src 'none'" in text


def test_every_candidate_is_a_row_and_a_number_in_the_figure(found):
    text = page(found(MODELS))
    rows = re.findall(r'<tr><td class="figure">(\d+)</td><th scope="row">(?:<b>)?<bdi>([\w-]+)', text)
    assert sorted(name for _, name in rows) == sorted(MODELS)
    assert [number for number, _ in rows] == ["1", "2", "3"]
    drawn = re.search(r"<svg.*?</svg>", text, re.DOTALL)[0]
    assert {">1<", ">2<", ">3<"} <= set(re.findall(r">\d<", drawn))
    assert "alignment Shapley" in drawn
    assert "no such package" in text


def test_the_page_is_the_same_for_the_same_search(found):
    search = found(MODELS)
    assert page(search) == page(search)


def test_what_was_not_explained_is_said_not_to_be_asked(found):
    assert "not asked" in page(found(MODELS))
    assert "not asked" in printed(found(MODELS))


def test_a_choice_that_fails_on_untouched_items_is_not_replaced_by_the_next(found, monkeypatch):
    models = {"fp16": Model(50, 0.0), "bf16": Model(60, 0.0)}
    audited = Bench.audited

    def confirmed_otherwise(self, rung, audit):
        if audit == "confirmed":
            self.models = {**self.models, rung.name: Model(50, 0.4)}
        return audited(self, rung, audit)

    monkeypatch.setattr(Bench, "audited", confirmed_otherwise)
    search = found(models)
    assert search.exit_code == 1
    for text in (page(search), printed(search)):
        flat = " ".join(text.split())
        assert "o other candidate is confirmed on these items" in flat
        assert "fresh untouched items (--test)" in flat
    assert "fp16</bdi></b> passed on development items, but may not replace" in page(search)


def test_a_search_that_was_stopped_says_how_to_go_on(found):
    search = found(MODELS, late=iter([False, True, True, True, True, True]).__next__, confirm=False)
    text = printed(search)
    assert "rungs were not tried: run the same command again to go on" in " ".join(text.split())
    assert "No candidate was found" in page(search)


def test_where_nothing_passes_the_nearest_and_what_would_decide_it_are_named(found):
    text = " ".join(printed(found({"fp16": Model(50, 0.095), "bf16": Model(50, 0.5)})).split())
    assert "the nearest is fp16: disagreement 0.095" in text
    assert "items" in text.partition("the nearest is fp16")[2]
    assert text.endswith("none of 2 candidates is EQUIVALENT on development items")
