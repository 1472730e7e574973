"""A run that keeps only hashes and measures of its pictures and sounds."""

import base64
import re
import zlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from report.page import made_up_kinds

import trusteq
from trusteq import load_run
from trusteq.auditing.verify import verify_run
from trusteq.data.waveform import encode
from trusteq.record.evidence import evidence
from trusteq.record.stored_responses import read_items
from trusteq.report.item import item_view
from trusteq.report.page.page import page


def raw(kind, value):
    """The bytes by which one could see or hear a value: as its file has them, and as they are in memory."""
    if kind == "pictures":
        return [value.encoded[-90:], value.pixels()[5].tobytes()]
    return [encode(value.samples(), value.rate)[-90:], value.samples()[100:130].tobytes()]


def unpacked(path):
    """All that a file holds, with nothing compressed."""
    if path.suffix == ".parquet":
        table = pq.read_table(path).flatten()
        values = [value for column in table.columns for value in column.to_pylist()]
        return b"\n".join(value if isinstance(value, bytes) else repr(value).encode() for value in values)
    return path.read_bytes()


def shown(html):
    """All that a page holds, with nothing compressed."""
    blocks = re.findall(r'<script type="application/zlib"[^>]*>([^<]*)<', html)
    return html + "".join(zlib.decompress(base64.b64decode(block)).decode() for block in blocks)


def contents(folder):
    return b"\n".join(unpacked(path) for path in sorted(folder.rglob("*")) if path.is_file())


@pytest.fixture(scope="module", params=["pictures", "sounds"])
def runs(request, tmp_path_factory):
    """The kind, its audit, and both ways of saving it."""
    kind, folder = request.param, tmp_path_factory.mktemp(request.param)
    audit = made_up_kinds.audit(kind)
    return kind, audit, audit.save(folder / "whole"), audit.without_pictures().save(folder / "private")


def test_nothing_of_them_is_in_any_file(runs):
    kind, audit, whole, private = runs
    (segment,) = audit.items.segments.values()
    held, kept = contents(whole), contents(private)
    for value in segment:
        for content in raw(kind, value):
            assert content in held
            assert content not in kept


def test_the_private_run_verifies_to_the_bit(runs):
    _, audit, _, private = runs
    run = load_run(private)
    found = verify_run(run)
    assert found.differences == ()
    assert found.perturbations > 0
    assert run.manifest["data"] == load_run(runs[2]).manifest["data"]
    assert read_items(run).content() == audit.items.content()


def test_all_numbers_are_those_of_the_whole_run(runs):
    _, _, whole, private = runs
    assert load_run(whole).audit == load_run(private).audit


def test_its_page_and_items_show_weights_but_no_pictures(runs):
    kind, audit, _, private = runs
    run = evidence(load_run(private))
    made = shown(page(run))
    assert "data:image" not in made
    assert "img-src" not in made
    assert f"This page shows no {kind}" in made
    view = item_view(run, audit.items.ids[audit.explanation.positions[0]], "shortcut")
    assert "data:image" not in view._repr_html_()
    assert view._repr_html_().count("<svg") == 3
    assert "supports it" in str(view)


def test_what_needs_them_says_what_is_missing(runs):
    kind, _, _, private = runs
    items = read_items(load_run(private))
    with pytest.raises(trusteq.DataError, match=rf"keeps only hashes and measures of its {kind} \(--no-pictures\)"):
        next(iter(items.segments.values())).inputs()


def test_a_page_of_a_whole_run_can_do_without_them(runs):
    kind, _, whole, _ = runs
    run = evidence(load_run(whole))
    made = shown(page(run))
    assert made.count("img-src data:") == 1
    assert made.count("data:image/png;base64,") == 60
    private = shown(page(run, images=False))
    assert "data:image" not in private
    assert f"This page shows no {kind}" in private


def test_measures_are_those_of_the_values(runs):
    _, audit, _, private = runs
    (stored,), (held,) = (list(items.segments.values()) for items in (read_items(load_run(private)), audit.items))
    for name, values in held.measures().items():
        np.testing.assert_array_equal(stored.measures()[name], values)
    np.testing.assert_array_equal(stored.sizes(), held.sizes())


def test_features_cannot_be_withheld():
    with pytest.raises(trusteq.OptionError, match="sounds can partly be restored from features"):
        made_up_kinds.audit("features").without_pictures()


def test_nothing_is_decoded_to_know_what_a_stored_run_measured(runs, monkeypatch):
    kind, audit, whole, _ = runs
    (segment,) = read_items(load_run(whole)).segments.values()

    def refused(*_):
        raise AssertionError("decoded")

    monkeypatch.setattr("trusteq.data.picture.Picture.pixels", refused)
    monkeypatch.setattr("trusteq.data.sound.Sound.samples", refused)
    (held,) = audit.items.segments.values()
    for name, values in held.measures().items():
        np.testing.assert_array_equal(segment.measures()[name], values)
    segment.refuse_unfit(kind)


@pytest.mark.parametrize("kind", ["pictures", "sounds"])
def test_a_column_of_anything_else_is_refused(kind):
    (segment,) = made_up_kinds.MADE[kind][1](3).segments.values()
    column, about = segment.column(), segment.about()
    assert type(segment).stored(pa.chunked_array([column]), about) == segment
    files = pa.chunked_array([column.field("bytes")])
    with pytest.raises(ValueError, match="not a column of files with measures: large_binary"):
        type(segment).stored(files, about)
    with pytest.raises(ValueError, match="not a column of hashes with measures"):
        type(segment).stored(pa.chunked_array([column]), {**about, "withheld": True})
    empty = segment.take(np.array([], dtype=np.int64))
    assert len(type(segment).stored(pa.chunked_array([empty.column()]), about)) == 0
