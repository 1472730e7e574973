"""``trusteq demo`` from end to end, on a tiny model, a few sentences and digits."""

import json
from pathlib import Path

import pytest
from cases import case
from command import one_line
from command import trusteq as run
from fetched import write_sentences

import trusteq
from trusteq.demo import demo
from trusteq.demo.fetch import FetchError


@pytest.fixture(autouse=True)
def page(monkeypatch):
    """A page that takes no time to draw."""
    monkeypatch.setattr("trusteq.report.page.page.page", lambda evidence: f"<title>{len(evidence.items)}</title>")


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A demo of seconds: a tiny random Transformer and a hundred made-up sentences in the place of what is fetched."""
    pytest.importorskip("transformers", reason="needs the extra 'transformers'")
    from oracles import tiny_models

    kinds = ("negative", "divided", "neutral", "positive")
    words = ("man", "dog", "film", "book", "people", "good", "bad", "new", "very", "not")
    tweets = [(f"{i}", f"the {words[i % 10]} was {words[i // 10]}", kinds[i % 4]) for i in range(100)]
    sentences = write_sentences(tmp_path / "sentences", tweets=tweets)
    base = tiny_models.save("bert", tmp_path / "base")
    monkeypatch.setattr(demo, "sentence_files", lambda say: sentences)
    monkeypatch.setattr(demo, "minilm", lambda say: base)
    # These take seconds of their own.
    monkeypatch.setattr("trusteq.auditing.audit.measure_costs", lambda *_, **__: None)
    monkeypatch.setattr("trusteq.auditing.compute.slices", lambda *_, **__: [])
    for name, value in {"TRAIN": 30, "DEV": 10, "TEST": 50, "EXPLAINED": 10, "EPOCHS": 1}.items():
        monkeypatch.setattr(demo, name, value)
    without = {name: recipe for name, recipe in demo.CANDIDATES.items() if name == "pruned"}
    monkeypatch.setattr(demo, "CANDIDATES", without)


@pytest.mark.slow
def test_it_leaves_a_run_a_page_and_the_models(small, tmp_path):
    done = run("demo", "--seed", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder, models = tmp_path / "trusteq-run", tmp_path / "trusteq-run-models"
    assert "May it replace large?   50 items" in done.stdout
    for place in ("trusteq-run/report.html", "trusteq show trusteq-run --item ", "trusteq-run-models "):
        assert place in done.stdout
    assert (folder / "report.html").read_text("utf-8") == "<title>50</title>"
    made = ["large", "pruned"]
    assert {file.name for file in models.iterdir()} == {*made, "train.csv", "dev.csv", "test.csv"}
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert manifest["data"]["source"] == "trusteq-run-models/test.csv"
    assert [model["location"] for model in manifest["models"]] == [f"trusteq-run-models/{name}" for name in made]
    for told in (
        "30 to train on, 50 others to audit on",
        "pruned: the smallest 10 %",
        "epoch 1 of 1",
        "write the page",
    ):
        assert told in done.stderr


def test_nothing_is_left_of_a_demo_that_fails(small, tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "TRAIN", 1_000)
    one_line(run("demo", "--quiet", "--out", "new", cwd=tmp_path), "fewer than the 1,060 needed")
    assert {file.name for file in tmp_path.iterdir()} == {"sentences", "base"}


def test_a_method_that_lacks_its_package_is_left_out(small, tmp_path, monkeypatch):
    from trusteq.compress import methods

    lacking = methods.Method("needs what is not there", "pruning:prune_weights", packages=("no-such-package",))
    monkeypatch.setitem(methods.METHODS, "int8-onnx", lacking)
    monkeypatch.setattr(demo, "CANDIDATES", {"int8": demo.Recipe("int8-onnx", "8 bits"), **demo.CANDIDATES})
    monkeypatch.setattr(trusteq, "audit", lambda reference, candidates, items, **_: list(candidates))
    monkeypatch.setattr(demo, "replace", lambda audited, command: (audited, command))
    said = []
    audited, command = demo.audit_sentences(tmp_path / "run", say=said.append)
    assert audited == ["pruned"]
    assert [Path(word).name for word in command[:3]] == ["audit", "large", "pruned"]
    assert "int8 is left out: method int8-onnx needs an optional part: pip install no-such-package" in said


def test_without_the_sentences_digits_are_audited_and_one_line_says_so(tmp_path, monkeypatch):
    def refuse(say):
        raise FetchError("vaderSentiment 3.3.2 cannot be fetched: no package index answers")

    digits = trusteq.audit(*case(200), with_slices=False, resamples=200, costs="none")
    monkeypatch.setattr(demo, "sentence_files", refuse)
    monkeypatch.setattr("trusteq.demo.digits.audit_digits", lambda **_: digits)
    done = run("demo", "--quiet", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        "trusteq: vaderSentiment 3.3.2 cannot be fetched: no package index answers; using digits instead of sentences"
    ]
    assert "small: accuracy" in done.stdout
    assert "trusteq-run-models" not in done.stdout
    assert (tmp_path / "trusteq-run" / "report.html").is_file()
    assert not (tmp_path / "trusteq-run-models").exists()


def test_a_place_that_is_taken_is_refused_before_anything_is_done(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes").touch()
    one_line(run("demo", "--out", "run", cwd=tmp_path), "run: already exists; choose another --out")


def test_a_run_gets_a_number_that_is_free_for_what_lies_beside_it_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trusteq-run").mkdir()
    (tmp_path / "trusteq-run-2-models").mkdir()
    (tmp_path / "trusteq-run-3-tokens").mkdir()
    assert str(demo.free_run()) == "trusteq-run-4"
