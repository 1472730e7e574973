"""A kind of segment and its units are three entries: nothing else has to know what an item is made of.

Mosaics are defined here alone, cut into stones, and taken through everything that a run of texts is.
"""

import ast
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console

import trusteq
from trusteq import ExplainSettings, load_run, read_policy
from trusteq.auditing.compute import compute_audit
from trusteq.auditing.verify import verify_run
from trusteq.data.segment import KINDS
from trusteq.data.texts import Texts
from trusteq.explain.units import CUTS, Cut, cutter
from trusteq.record.evidence import evidence, evidence_of
from trusteq.record.run import rejudge
from trusteq.record.stored_responses import read_items, read_responses
from trusteq.report.item import item_view
from trusteq.report.latex import latex
from trusteq.report.page.items import browser
from trusteq.report.page.page import page
from trusteq.report.segment_text import AS_TEXT
from trusteq.report.terminal import render_evidence

SOURCE = Path(trusteq.__file__).parent
SIDE, TILES = 12, 4
SIZE = SIDE // TILES
LABELS = ("right", "left")
MARK = (2, 1)
"""The stone that the shortcut looks at."""

# The kind ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Mosaics:
    """Pictures of one shape, as their raw bytes; decoded when they are asked for."""

    raw: tuple[bytes, ...]
    shape: tuple[int, ...]

    kind: ClassVar[str] = "mosaic"
    counted: ClassVar[Mapping[str, str]] = {"brightness": "level"}
    copies_repeat: ClassVar[bool] = True
    storable: ClassVar[bool] = True
    decoded: ClassVar[list[int]] = []

    @classmethod
    def holding(cls, values):
        return None  # arrays are arrays, unless somebody says that they are pictures

    def __len__(self):
        return len(self.raw)

    def __getitem__(self, item):
        self.decoded.append(item)
        return np.frombuffer(self.raw[item], np.uint8).reshape(self.shape)

    def __iter__(self):
        return (self[item] for item in range(len(self)))

    def refuse_unfit(self, where):
        for number, raw in enumerate(self.raw, 1):
            if len(raw) != np.prod(self.shape):
                raise trusteq.DataError(f"{where}: number {number} is not a mosaic of {self.shape}; crop it")

    def first_empty(self):
        return None

    def take(self, at):
        return Mosaics(tuple(self.raw[i] for i in at.tolist()), self.shape)

    @classmethod
    def joined(cls, parts):
        return cls(tuple(raw for part in parts for raw in part.raw), parts[0].shape)

    def texts(self):
        return None

    def inputs(self):
        return list(self)

    def add_to(self, digest):
        digest.update(f"pictures {self.shape}".encode() + b"".join(self.raw))

    def keys(self):
        return iter(self.raw)

    def sizes(self):
        return np.array([len(raw) for raw in self.raw])

    def counts(self, name):
        return np.array([sum(raw) // len(raw) for raw in self.raw])

    def measures(self):
        return {"contrast": np.array([np.std(picture) for picture in self])}

    def column(self):
        return pa.array(self.raw, pa.binary(int(np.prod(self.shape))))

    def about(self):
        return {"kind": self.kind, "shape": list(self.shape)}

    @classmethod
    def stored(cls, column, about):
        return cls(tuple(column.to_pylist()), tuple(about["shape"]))


def mosaics(arrays):
    return Mosaics(tuple(np.ascontiguousarray(a).tobytes() for a in arrays), arrays[0].shape)


# Its units -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Stones:
    """Four times four tiles of one picture; what is left out is painted in the mean colour of the whole."""

    picture: np.ndarray

    def __len__(self):
        return TILES * TILES

    @property
    def names(self):
        return tuple(f"stone {row + 1}.{column + 1}" for row in range(TILES) for column in range(TILES))

    @property
    def segments(self):
        return np.zeros(len(self), dtype=np.int64)

    @property
    def places(self):
        row, column = np.divmod(np.arange(len(self)), TILES)
        return {"top": row * SIZE, "left": column * SIZE}

    def render(self, kept, perturb):
        assert perturb in ("remove", "black")
        fill = 0 if perturb == "black" else self.picture.mean(axis=(0, 1)).round().astype(np.uint8)
        pixels = np.kron(kept.reshape(-1, TILES, TILES), np.ones((SIZE, SIZE), dtype=bool))
        pixels = pixels.reshape(*pixels.shape, *[1] * (self.picture.ndim - 2))
        return (mosaics(np.where(pixels, self.picture, fill).astype(np.uint8)),)

    def content(self):
        return self.picture.shape, self.picture.tobytes().hex()


TILED = Cut(frozenset({"mosaic"}), "stone", lambda values: Stones(*values), ("top", "left"), ("remove", "black"))


def register(patch):
    """The three entries."""
    patch.setitem(KINDS, "mosaic", Mosaics)
    patch.setitem(CUTS, "stones", TILED)
    patch.setitem(AS_TEXT, "mosaic", lambda picture: f"mosaic of {picture.shape}")


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    register(monkeypatch)


# Two models, one of which has learnt a shortcut ----------------------------------------------------------------------


def data(n=120, *, colours=(3,), seed=0):
    """Pictures brighter on one side, and their labels."""
    rng = np.random.default_rng(seed)
    tiles = rng.uniform(40, 200, size=(n, TILES, TILES))
    labels = rng.integers(0, 2, size=n)
    tiles[:, :, :2] += 30 * labels[:, None, None]
    whole = np.kron(tiles, np.ones((SIZE, SIZE))).reshape(n, SIDE, SIDE, *[1] * len(colours))
    whole = whole + rng.normal(0, 5, size=(n, SIDE, SIDE, *colours))
    return np.clip(whole, 0, 255).astype(np.uint8), labels


def items_of(arrays, labels, **more):
    ids = [f"p{i:03}" for i in range(len(arrays))]
    return trusteq.Items(ids, {"photo": mosaics(arrays), **more}, labels, LABELS)


def side(picture):
    whole = picture.astype(np.float64)
    return (whole[:, : SIDE // 2].mean() - whole[:, SIDE // 2 :].mean()) / 12


def mark(picture):
    row, column = (place * SIZE for place in MARK)
    return (picture[row : row + SIZE, column : column + SIZE].astype(np.float64).mean() - 120) / 25


def answers(score):
    def of(inputs):
        assert isinstance(inputs, list)
        p = 1 / (1 + np.exp(-np.array([score(one) for one in inputs])))
        return np.stack([1 - p, p], axis=1)

    return of


def model(score, name):
    return trusteq.from_callable(answers(score), labels=LABELS, name=name)


HONEST, NEARLY, SHORTCUT = (
    model(side, "large"),
    model(lambda p: 0.9 * side(p), "nearly"),
    model(lambda p: 0.7 * side(p) + mark(p), "shortcut"),
)


@pytest.fixture(scope="module")
def audited():
    with pytest.MonkeyPatch.context() as patch:
        register(patch)
        return trusteq.audit(HONEST, [NEARLY, SHORTCUT], items_of(*data()), resamples=200, costs="none")


@pytest.fixture(scope="module")
def saved(audited, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        register(patch)
        return audited.save(tmp_path_factory.mktemp("pictures") / "run")


# What a run of texts can, a run of pictures can ----------------------------------------------------------------------


def test_it_is_explained_by_its_own_units_unless_told(audited):
    assert audited.settings["explain"]["units"] == "stones"
    measures = {c.name: c.measures["explanation"]["alignment_shapley"] for c in audited.comparisons}
    assert measures["nearly"].value > 0.99
    assert measures["shortcut"].high < 0.9


def test_the_stone_of_the_shortcut_is_found(audited):
    planted = f"stone {MARK[0] + 1}.{MARK[1] + 1}"
    leans = audited["shortcut"].words.rows
    assert leans[0].word == planted
    assert leans[0].q_value < 1e-6
    assert leans[0].lean_candidate > 5 * leans[0].lean_reference
    assert not [row for row in audited["nearly"].words.rows if row.q_value < 0.05]


@pytest.mark.slow
def test_a_run_gives_the_pictures_back_and_comes_to_the_same(audited, saved):
    run = load_run(saved)
    back = read_items(run)
    assert back.content() == audited.items.content()
    assert back.segments["photo"].raw == audited.items.segments["photo"].raw
    found = verify_run(run)
    assert found.differences == ()
    assert (found.rounded, found.largest) == (0, 0.0)
    assert found.perturbations > 0
    assert "arrays" not in " ".join(found.unchecked)


@pytest.mark.slow
def test_it_is_judged_by_another_policy_without_any_model(audited, saved):
    run = load_run(saved)
    paper = read_policy("paper")
    assert set(rejudge(run, paper)) == {"nearly", "shortcut"}
    items = read_items(run)
    again = compute_audit(read_responses(run, items), items, paper, run.audit["settings"])
    assert again.policy.name == "paper"
    for one, other in zip(again.comparisons, audited.comparisons, strict=True):
        assert one.measures["explanation"] == other.measures["explanation"]


def test_the_stored_attributions_have_the_places_that_the_kind_gives(saved):
    frame = load_run(saved).table("attributions")
    assert [*frame.columns[:7]] == ["id", "model", "word", "segment", "top", "left", "label"]
    row = frame[frame["word"] == "stone 3.2"].iloc[0]
    assert (row["segment"], row["top"], row["left"]) == (0, 2 * SIZE, SIZE)


def test_it_is_sliced_by_what_the_kind_counts(audited):
    by_outcome = {"either model's answer", "either model's confidence"}
    assert {part.column for part in audited["nearly"].slices} - by_outcome == {"label", "brightness", "contrast"}
    assert any(part.value.endswith("levels") for part in audited["nearly"].slices)


def test_one_item_is_shown_with_its_stones(audited, saved):
    explained = audited.items.ids[audited.explanation.positions[0]]
    kept = item_view(evidence(load_run(saved)), explained, "shortcut")
    held = audited.item(explained, "shortcut")
    shape = audited.items.segments["photo"].shape
    assert str(kept) == str(held)
    assert f"photo: mosaic of {shape} stone 1.1 stone 1.2" in str(kept)
    assert "what each stone contributes to" in str(kept)
    assert [word.word for word in kept.explained.words] == list(Stones(np.zeros(shape)).names)
    for word in kept.explained.words:
        assert kept.segments["photo"][word.start : word.end] == word.word
    assert kept._repr_html_().count(">stone 2.2</span>") == 2  # once a model


def test_the_page_is_given_the_stones_and_where_they_stand(audited, saved):
    made = browser(evidence(load_run(saved)))
    (text,) = [texts[made.items["explained"][0]] for texts in made.items["texts"]]
    assert text.startswith("mosaic of (12, 12, 3) stone 1.1 stone 1.2")
    spans = np.array(made.words["spans"][0]).reshape(-1, 3)
    assert [text[start:end] for _, start, end in spans] == list(audited.explanation.units[0].names)


@pytest.mark.slow
def test_the_page_shows_them(audited, saved):
    made = page(evidence(load_run(saved)))
    assert made == page(evidence_of(audited))
    assert "mosaic of (12, 12, 3) stone 1.1 stone 1.2" in made
    assert '<th scope="row"><bdi>stone 3.2</bdi></th>' in made  # the stone that the shortcut leans on


@pytest.mark.slow
def test_no_report_calls_stones_words(audited):
    run = evidence_of(audited)
    # The policy's description is its author's, and advice is stored as it was given.
    candidates = tuple(replace(c, advice=()) for c in run.document.candidates)
    policy = run.document.policy.model_copy(update={"description": ""})
    run = replace(run, document=replace(run.document, candidates=candidates, policy=policy))
    seen = re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", "", page(run), flags=re.DOTALL)
    terminal = Console(file=io.StringIO(), width=400)
    terminal.print(render_evidence(run))
    item = str(audited.item(audited.items.ids[audited.explanation.positions[0]], "shortcut"))
    for text in (seen, latex(run), item, terminal.file.getvalue()):
        assert "stones" in text
        assert re.findall(r"[^\n]*\b[Ww]ords?\b[^\n]*", text) == []


def test_nothing_is_decoded_but_what_is_asked_about():
    items = items_of(*data(40))
    Mosaics.decoded.clear()
    items.content()
    items.take([3, 1]).segments["photo"].column()
    list(items.segments["photo"].keys())
    assert Mosaics.decoded == []
    cutter(None, items)(7)
    assert Mosaics.decoded == [7]


def test_all_kept_is_the_picture_itself_and_none_is_one_colour():
    (picture,) = data(1)[0]
    masks = np.array([np.ones(16), np.zeros(16), np.arange(16) != 5], dtype=bool)
    (whole, blank, without) = Stones(picture).render(masks, "remove")[0]
    np.testing.assert_array_equal(whole, picture)
    assert len(np.unique(blank.reshape(-1, 3), axis=0)) == 1
    changed = (without != picture).any(axis=2)
    assert changed[3:6, 3:6].any()
    changed[3:6, 3:6] = False
    assert not changed.any()


def test_what_becomes_of_stones_is_the_kinds_to_say():
    items = items_of(*data(60))
    made = trusteq.audit(HONEST, NEARLY, items, explain=ExplainSettings(items=20, perturb="black"), resamples=100)
    assert made.explanation.settings.perturb == "black"
    asked = []
    counting = trusteq.from_callable(lambda x: asked.append(x) or answers(side)(x), labels=LABELS, name="counting")
    for wanted, said in (
        (ExplainSettings(perturb="mask"), "explain perturb 'mask': units 'stones' only support remove, black"),
        (ExplainSettings(units="words"), "explain units 'words': segment 'photo' is a mosaic, .* choose stones"),
    ):
        with pytest.raises(trusteq.OptionError, match=said):
            trusteq.audit(counting, NEARLY, items, explain=wanted, resamples=100)
    assert asked == []


@pytest.mark.slow
def test_mosaics_and_texts_are_explained_together(tmp_path):
    arrays, labels = data(80, colours=())
    captions = [f"a {'very ' if i % 3 else ''}bright photo" for i in range(80)]

    def both(item):
        caption, picture = item
        return side(picture) + 0.5 * ("very" in caption)

    items = trusteq.Items(
        [f"p{i:03}" for i in range(80)], {"caption": captions, "photo": mosaics(arrays)}, labels, LABELS
    )
    models = [model(lambda one, w=w: w * both(one), name) for name, w in (("large", 1), ("small", 0.95))]
    made = trusteq.audit(*models, items, explain=ExplainSettings(items=30), resamples=100, costs="none")
    assert made.settings["explain"]["units"] == "words+stones"
    assert made["small"].measures["explanation"]["alignment_shapley"].value > 0.99
    assert made.explanation.units[0].segments.tolist() == [0] * (len(made.explanation.units[0]) - 16) + [1] * 16
    run = load_run(made.save(tmp_path / "run"))
    assert verify_run(run).differences == ()
    view = item_view(evidence(run), made.items.ids[made.explanation.positions[0]])
    for word in view.explained.words:
        assert view.segments[word.segment][word.start : word.end] == word.word
    assert {word.segment for word in view.explained.words} == {"caption", "photo"}
    assert view.explained.unit == "word or stone"


def test_a_run_of_a_kind_that_nobody_knows_is_one_line(saved, monkeypatch):
    monkeypatch.delitem(KINDS, "mosaic")
    with pytest.raises(trusteq.RunError, match="'segment photo': unknown kind of segment 'mosaic'; choose from"):
        read_items(load_run(saved))


def test_the_kind_checks_its_own_values():
    with pytest.raises(trusteq.DataError, match="segment 'photo': number 2 is not a mosaic of"):
        trusteq.Items(["a", "b"], {"photo": Mosaics((bytes(432), b"x"), (12, 12, 3))})


def test_a_model_of_texts_is_told_what_it_is_given():
    with pytest.raises(trusteq.DataError, match="segment 'photo' is a mosaic; this model reads text"):
        items_of(*data(2)).texts()


# Nobody else knows ---------------------------------------------------------------------------------------------------

OWN_FILES = {"data/texts.py", "data/arrays.py", "explain/words.py", "explain/scripted.py", "explain/scripted_qqp.py"}
SPLICES = "explain/splice.py"
"""It puts token rows together, which only texts have."""


def test_nobody_asks_what_kind_of_segment_or_units_it_is():
    kinds = {Texts.__name__, "Arrays", "Pictures", "TextUnits", "JoinedUnits", "ndarray"}
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        if name in OWN_FILES:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"isinstance", "type", "issubclass"}:
                of, *others = map(ast.unparse, node.args)
                if any(kind in " ".join(others) for kind in kinds - {"ndarray"}):
                    found.append(f"{name}: {ast.unparse(node)}")
                if "segment" in of.lower() and "ndarray" in " ".join(others):
                    found.append(f"{name}: {ast.unparse(node)}")
            if isinstance(node, ast.Compare) and "segment" in ast.unparse(node) and ".kind" in ast.unparse(node):
                sides = (node.left, *node.comparators)
                if any(isinstance(side, ast.Constant) for side in sides):
                    found.append(f"{name}: {ast.unparse(node)}")
    assert found == [f"{SPLICES}: isinstance(units, TextUnits)"]


@pytest.mark.parametrize("file", ["explain/value_tables.py", "explain/explanation.py", "record/explanation_tables.py"])
def test_what_asks_and_records_knows_no_words(file):
    names = {
        node.attr for node in ast.walk(ast.parse((SOURCE / file).read_text("utf-8"))) if isinstance(node, ast.Attribute)
    }
    assert names.isdisjoint({"spans", "unit", "write", "write_many"})
