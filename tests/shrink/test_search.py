"""A search run whole: what it chooses, that it goes on, what it asks, and that its choice is confirmed once."""

import json
import shutil

import pytest

pytest.importorskip("transformers", reason="needs the extra 'transformers'")
pytest.importorskip("compressed_tensors", reason="needs compressed-tensors")

from oracles import tiny_models

import trusteq
from trusteq import DataError, ModelError, OptionError, StudyError, load_run
from trusteq.compress import candidate
from trusteq.compress.methods import METHODS
from trusteq.shrink import bench, search

pytestmark = pytest.mark.slow
long = pytest.mark.long

STRICT = {
    "name": "strict",
    "min_items": 20,
    "required": ["behaviour"],
    "rules": {"behaviour": {"disagreement": {"at_most": 0.0001}, "accuracy_difference": {"at_least": -0.00001}}},
}


def untimed(found):
    """What a search found, without the speeds, which are the only part that differs from one run to the next."""
    document = json.loads(json.dumps(found.document()))
    for part in (*document["rungs"], *([document["confirmation"]] if document["confirmation"] else [])):
        del part["latency"], part["speed"]
    del document["sentence"]
    return document


def fates(found):
    return {entry.name: entry.fate for entry in found.entries}


@pytest.fixture
def count_made(monkeypatch):
    """The methods that candidates were made by, as they are made."""
    made = []

    def make(*arguments, method, **options):
        made.append(method)
        return candidate.make(*arguments, method=method, **options)

    monkeypatch.setattr(bench, "make", make)
    return made


@pytest.fixture(scope="session")
def once():
    """What is made once, by name."""
    return {}


@pytest.fixture
def whole(once, large, data, settings, tmp_path_factory):
    """A search with the usual settings, run to its end, and its folder; nothing may change it."""
    if "whole" not in once:
        out = tmp_path_factory.mktemp("whole") / "out"
        once["whole"] = search(large, data["items"], test=data["test"], out=out, **settings), out
    return once["whole"]


def test_the_smallest_that_passes_is_confirmed_on_untouched_items(whole, data):
    found, out = whole
    assert fates(found) == {"fp16": "EQUIVALENT", "int4-weights-64": "NOT EQUIVALENT"}
    assert found.confirmation.name == found.chosen.name == "fp16"
    assert found.exit_code == 0
    run = load_run(out / "confirmed")
    assert run.manifest["data"]["content"] == data["test"].content()
    assert run["fp16"].verdict.outcome == "EQUIVALENT"
    size = sum(file.stat().st_size for file in (out / "candidates" / "fp16").iterdir())
    assert 0 < found.confirmation.price.disk_bytes <= size
    assert found.sentence.startswith("fp16: 5")
    assert found.sentence.endswith("as fast, EQUIVALENT")
    assert not out.with_name("out.work").exists()


def test_only_what_passes_everything_else_is_explained(whole):
    _, out = whole
    assert [path.name for path in (out / "explained").iterdir()] == ["fp16"]
    assert load_run(out / "answers" / "int4-weights-64").document.explanation is None


def test_no_question_is_asked_twice_and_a_finished_search_asks_none(large, data, settings, tmp_path, asked):
    arguments = {"test": data["test"], "out": tmp_path / "out", **settings, "methods": ["fp16", "int8-onnx"]}
    pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    first = asked()
    with trusteq.executor(keep=tmp_path / "work") as kept:
        counting = type(kept)(kept.files, first, kept.resume)
        found = search(large, data["items"], executor=counting, **arguments)
    assert {name for name, _ in first.counts} == {"large", "fp16", "int8-onnx"}
    assert set(first.counts.values()) == {1}
    again = asked()
    repeated = search(large, data["items"], executor=again, **arguments)
    assert not again.counts
    assert repeated.document() == found.document()


@long
@pytest.mark.parametrize("most", [3, 8])
def test_an_interrupted_search_goes_on_and_finds_the_same(whole, large, data, settings, tmp_path, asked, most):
    arguments = {"test": data["test"], "out": tmp_path / "out", **settings}
    stopped, resumed = asked(most), asked()
    with trusteq.executor(keep=tmp_path / "work") as kept:
        kind = type(kept)
        with pytest.raises(KeyboardInterrupt):
            search(large, data["items"], executor=kind(kept.files, stopped, kept.resume), **arguments)
        assert sum(stopped.counts.values()) == most
        found = search(large, data["items"], executor=kind(kept.files, resumed, kept.resume), **arguments)
    assert set((stopped.counts + resumed.counts).values()) == {1}
    assert untimed(found) == untimed(whole[0])


@long
@pytest.mark.parametrize("where", [{"workers": 2}, {"ray": True}], ids=["two processes", "Ray"])
def test_other_processes_find_the_same(where, whole, large, data, settings, tmp_path):
    if "ray" in where:
        pytest.importorskip("ray", reason="needs Ray")
    with trusteq.executor(keep=tmp_path / "work", **where) as other:
        found = search(large, data["items"], test=data["test"], out=tmp_path / "out", executor=other, **settings)
    assert untimed(found) == untimed(whole[0])


@long
def test_the_same_search_writes_the_same_bytes(whole, large, data, settings, tmp_path):
    folders = (whole[1], tmp_path / "other")
    search(large, data["items"], test=data["test"], out=folders[1], **settings)

    def files(folder):
        return {
            str(path.relative_to(folder)): path.read_bytes().replace(str(folder).encode(), b"OUT")
            for path in folder.rglob("*")
            if path.is_file() and path.name not in ("costs.json", "shrink.json", "shrink.html", "manifest.json")
        }

    assert files(folders[0]) == files(folders[1])
    documents = [json.loads((folder / "shrink.json").read_text("utf-8")) for folder in folders]
    assert [rung["verdict"] for rung in documents[0]["rungs"]] == [rung["verdict"] for rung in documents[1]["rungs"]]


def test_where_nothing_passes_nothing_is_confirmed_and_the_nearest_is_named(large, data, settings, tmp_path):
    options = {**settings, "policy": STRICT, "methods": ["int4-weights"]}
    found = search(large, data["items"], test=data["test"], out=tmp_path / "out", **options)
    assert set(fates(found).values()) == {"NOT EQUIVALENT"}
    assert (found.chosen, found.confirmation, found.exit_code) == (None, None, 1)
    assert found.nearest.name.startswith("int4-weights-")
    assert found.sentence == "the only candidate is not EQUIVALENT on development items"
    assert not (tmp_path / "out" / "confirmed").exists()
    assert "The nearest is int4-weights-" in (tmp_path / "out" / "shrink.html").read_text("utf-8")


def test_a_choice_that_fails_on_untouched_items_is_the_result_and_no_other_is_tried_on_them(
    large, labelled, settings, tmp_path
):
    """Its development items are those on which int4 answers as the model does, its untouched ones the others."""
    pool = labelled(600, 5, "pool")
    rounded = trusteq.compress.make(large, method="int4-weights", group=64, out=tmp_path / "rounded")
    answers = [trusteq.open_model(location).predict(pool).argmax(axis=1) for location in (large, rounded.directory)]
    same = answers[0] == answers[1]
    development, untouched = (
        pool.take([i for i in range(600) if bool(same[i]) is kept][:120]) for kept in (True, False)
    )
    options = {**settings, "dimensions": ["behaviour"], "methods": ["fp16", "int4-weights"]}
    found = search(large, development, test=untouched, out=tmp_path / "out", **options)
    assert fates(found) == {"fp16": "EQUIVALENT", "int4-weights-64": "EQUIVALENT"}
    assert found.confirmation.name == "int4-weights-64"
    assert found.confirmation.judged.verdict.outcome == "NOT EQUIVALENT"
    assert found.exit_code == 1
    confirmed = load_run(tmp_path / "out" / "confirmed").document.candidates
    assert [candidate.name for candidate in confirmed] == [found.confirmation.name]
    again = search(large, development, test=untouched, out=tmp_path / "out", **options)
    assert again.document() == found.document()


class Clock:
    """Each look at it takes a second."""

    def __init__(self):
        self.now = 0

    def __call__(self):
        self.now += 1
        return self.now


@long
def test_a_budget_stops_the_search_which_then_goes_on(whole, large, data, settings, tmp_path):
    options = {"test": data["test"], "out": tmp_path / "out", **settings}
    stopped = search(large, data["items"], budget=2, clock=Clock(), **options)
    assert stopped.stopped
    assert list(fates(stopped).values()).count("not tried") >= 2
    assert stopped.confirmation is None
    assert stopped.exit_code == 3
    assert "rungs not tried" in stopped.sentence
    assert (tmp_path / "out.work").is_dir()
    found = search(large, data["items"], **options)
    assert untimed(found) == untimed(whole[0])


def test_confirm_ends_the_search_with_the_best_so_far(large, data, settings, tmp_path, count_made):
    options = {"test": data["test"], "out": tmp_path / "out", **settings, "dimensions": ["behaviour"]}
    found = search(large, data["items"], budget=2, clock=Clock(), confirm=True, **options)
    assert found.stopped
    assert found.confirmation.name == "fp16"
    assert found.exit_code == 0
    made = list(count_made)
    again = search(large, data["items"], **options)
    assert count_made == made == ["fp16"]
    assert again.document() == found.document()


def test_an_item_that_is_also_untouched_is_refused_before_anything_is_written(large, data, settings, tmp_path):
    with pytest.raises(DataError, match=r"test: 150 of 150 untouched items are also among the development items"):
        search(large, data["test"], test=data["test"], out=tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("bare", ["development", "untouched"])
def test_a_policy_whose_rules_need_labels_is_refused_where_there_are_none(large, texts, labelled, tmp_path, bare):
    parts = {"development": labelled(60, 1, "dev"), "untouched": labelled(60, 2, "test"), bare: texts(60, 3, "bare")}
    arguments = {"items": parts["development"], "test": parts["untouched"], "out": tmp_path / "out"}
    arguments["methods"] = ["fp16"]
    with pytest.raises(OptionError) as caught:
        search(large, **arguments)
    assert str(caught.value) == (
        "policy default requires rules on accuracy difference and smooth ECE difference, which need gold labels, and "
        "bare has none: name their column with --label, or a policy without these rules with --policy"
    )
    assert not (tmp_path / "out").exists()
    rules = {"name": "same", "min_items": 20, "required": ["behaviour"]}
    others = {"calibration": {"ece_difference": {"at_most": 0.1}}}
    rules["rules"] = {"behaviour": {"disagreement": {"at_most": 0.1}}, **others}
    assert search(large, **arguments, policy=rules, resamples=100).confirmation.name == "fp16"


def test_the_folder_that_this_runs_in_can_hold_a_search(large, data, settings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = search(large, data["items"], test=data["test"], out=".", budget=0, **{**settings, "methods": ["fp16"]})
    assert found.stopped
    assert {"shrink.json", "shrink.html"} <= {path.name for path in tmp_path.iterdir()}


def test_a_folder_belongs_to_one_search(large, data, settings, tmp_path):
    options = {"test": data["test"], "out": tmp_path / "out", **settings, "methods": ["int4-weights"]}
    search(large, data["items"], **options)
    for changed in ({"seed": 1}, {"explain_items": 30}, {"policy": STRICT}, {"methods": ["fp16"]}):
        with pytest.raises(StudyError, match=r"belongs to another search \('\w+' in shrink.json differs\)"):
            search(large, data["items"], **{**options, **changed})
    with pytest.raises(StudyError, match=r"'items' in shrink.json differs"):
        search(large, data["items"].take(range(100)), **options)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    with pytest.raises(StudyError, match=r"full: already holds something other than a search"):
        search(large, data["items"], **{**options, "out": tmp_path / "full"})


def test_a_candidate_of_the_user_s_own_is_tried_as_well(large, data, settings, tmp_path):
    own = trusteq.compress.make(large, method="bf16", out=tmp_path / "own").directory
    options = {"test": data["test"], "out": tmp_path / "out", **settings, "methods": ["int4-weights"]}
    found = search(large, data["items"], also=[own], **options)
    assert fates(found)["own"] == "EQUIVALENT"
    assert found.confirmation.name == "own"
    with pytest.raises(OptionError, match=r"a model named large is there already; rename the folder"):
        search(large, data["items"], also=[large], **{**options, "out": tmp_path / "other"})


def test_a_candidate_that_is_larger_than_the_model_is_judged_the_same_again(data, tmp_path):
    for package in ("onnx", "onnxruntime"):
        pytest.importorskip(package, reason=f"needs {package}")
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    model = tiny_models.save("bert", tmp_path / "model", shape=small)
    rules = {"name": "any", "min_items": 20, "required": ["behaviour"]}
    rules["rules"] = {"behaviour": {"disagreement": {"at_most": 0.99}}}
    written = set()
    for _ in ("first", "again"):
        found = search(model, data["items"], out=tmp_path / "out", methods=["int8-onnx"], policy=rules, resamples=100)
        (entry,) = found.tried
        assert (entry.name, entry.fate) == ("int8-onnx", "does not fit")
        assert entry.reason.startswith("it is larger than the model")
        assert (found.exit_code, found.document()["nearest"]) == (3, "int8-onnx")
        written.add((tmp_path / "out/shrink.json").read_bytes())
    assert len(written) == 1


def test_a_method_that_is_missing_or_does_not_fit_is_skipped_with_its_reason(
    large, data, settings, tmp_path, monkeypatch, count_made
):
    method = METHODS["int4-weights"]
    monkeypatch.setitem(
        METHODS, "int4-weights", type(method)(method.summary, method.home, method.options, ("no-such",))
    )
    options = {"out": tmp_path / "out", **settings, "methods": ["fp16", "int4-weights"]}
    half = trusteq.compress.make(large, method="fp16", out=tmp_path / "half").directory
    found = search(half, data["items"], test=data["test"], **options)
    reasons = {entry.name: (entry.fate, entry.reason) for entry in found.entries}
    assert reasons["int4-weights-64"] == (
        "not available", "method int4-weights needs an optional part: pip install no-such",
    )  # fmt: skip
    assert reasons["fp16"][0] == "does not fit"
    assert "its weights are already in float16" in reasons["fp16"][1]
    assert found.sentence == "no candidate was made"
    assert found.exit_code == 3
    assert count_made == ["fp16"]
    search(half, data["items"], test=data["test"], **options)
    assert count_made == ["fp16"]


@long
def test_a_candidate_is_healed_only_if_nothing_as_small_has_passed(large, data, settings, tmp_path, count_made):
    options = {**data, **settings, "methods": ["fp16", "int4-weights", "heal"]}
    options["train"] = data["train"]
    found = search(large, out=tmp_path / "out", **options)
    assert "heal" in count_made
    assert fates(found)["int4-weights-64+heal-320"] in ("NOT EQUIVALENT", "UNDECIDED", "EQUIVALENT", "does not fit")
    recipe = tmp_path / "out" / "candidates" / "int4-weights-64+heal-320" / "trusteq-recipe.json"
    if recipe.is_file():
        assert json.loads(recipe.read_text("utf-8"))["method"] == "heal"
    count_made.clear()
    wide = {"behaviour": {"disagreement": {"at_most": 0.999}}}
    anything = {"name": "anything", "min_items": 20, "required": ["behaviour"], "rules": wide}
    found = search(large, out=tmp_path / "easy", **{**options, "policy": anything})
    assert "heal" not in count_made
    assert {fate for name, fate in fates(found).items() if "heal" in name} == {"not needed"}
    assert found.chosen.name == "int4-weights-64"


@long
def test_a_candidate_that_changed_since_its_audit_is_not_confirmed(large, data, settings, tmp_path):
    options = {"test": data["test"], "out": tmp_path / "out", **settings, "methods": ["fp16"]}
    search(large, data["items"], **options)
    shutil.rmtree(tmp_path / "out" / "confirmed")
    folder = tmp_path / "out" / "candidates" / "fp16"
    shutil.rmtree(folder)
    trusteq.compress.make(large, method="bf16", out=folder)
    with pytest.raises(ModelError, match=r"fp16: is not what was audited on development items, it has changed"):
        search(large, data["items"], **options)


def test_damaged_records_are_one_clear_line(large, data, settings, tmp_path):
    options = {"test": data["test"], "out": tmp_path / "out", **settings, "methods": ["int4-weights"]}
    search(large, data["items"], **options)
    (tmp_path / "out" / "shrink.json").write_text("{")
    with pytest.raises(StudyError, match=r"shrink\.json: cannot be read \("):
        search(large, data["items"], **options)
