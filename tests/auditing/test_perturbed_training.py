"""Models that were trained on the explainer's perturbations: what every report says of them, and what stands beside."""

import json
import shutil
from dataclasses import dataclass

import numpy as np
import pytest
from recipes import TRAINED, mark

import trusteq
from trusteq import ExplainSettings, Items, Outcome, load_run
from trusteq.auditing.perturbed_training import left_out
from trusteq.auditing.sensitivity import _not_trained_on
from trusteq.auditing.verify import verify_run
from trusteq.models.base import Identity
from trusteq.models.made import Perturbed
from trusteq.models.traits import Traits
from trusteq.record.evidence import evidence
from trusteq.report.in_toto import in_toto
from trusteq.report.junit import junit
from trusteq.report.latex import latex
from trusteq.report.markdown import markdown
from trusteq.report.model_card import model_card
from trusteq.report.narrowed import narrowed
from trusteq.report.notebook import html
from trusteq.report.page.page import page
from trusteq.stats.estimate import Estimate

SAID = "was trained on the explainer's perturbations: 50% of the rows that it learned from had words left out"
KIND, BESIDE = "trained on the explainer's perturbations", "alignment not trained on"
FAST = {"resamples": 100, "with_slices": False, "costs": "none"}
GOOD, BAD, FILLER = ["good", "fine", "lovely"], ["bad", "awful", "dull"], ["the", "film", "was", "and", "it", "rather"]
REMOVED, MASKED = Perturbed("words", "remove", 0.5), Perturbed("words", "mask", 0.25)


def findings(audit, name, kind):
    models = {model.name: model for model in audit.everybody}
    return [finding for finding in models[name].findings if finding.kind == kind]


def reviews(n=100):
    rng = np.random.default_rng(0)
    words = [[*rng.choice(GOOD if i % 2 else BAD, 2), *rng.choice(FILLER, 6)] for i in range(n)]
    texts, names = [" ".join(rng.permutation(one)) for one in words], ("negative", "positive")
    return Items([f"r{i}" for i in range(n)], {"text": texts}, labels=np.arange(n) % 2, label_names=names)


@dataclass(frozen=True)
class Reader:
    """A logistic model of words that turns round where dots stand in for a word, if it is ``fooled``."""

    name: str
    trained: tuple[Perturbed, ...] = ()
    fooled: bool = False
    labels: tuple[str, ...] = ("negative", "positive")

    @property
    def identity(self):
        return Identity("words", self.name, self.name)

    @property
    def traits(self):
        return Traits(reads=frozenset({"text"}), trained_on=lambda: self.trained)

    def findings(self):
        return ()

    def predict(self, items):
        (texts,) = items.texts()
        weights = {**dict.fromkeys(GOOD, 1.0), **dict.fromkeys(BAD, -1.1), "film": 0.3}
        score = np.array([sum(weights.get(word, 0) for word in text.split()) for text in texts])
        turned = np.array([self.fooled and "..." in text for text in texts])
        p = 1 / (1 + np.exp(-np.where(turned, -score, score)))
        return np.stack([1 - p, p], axis=1)


def audit(*candidates, reference=None, explain=None, **options):
    settings = ExplainSettings(items=100) if explain is None else explain
    return trusteq.audit(reference or Reader("large"), [*candidates], reviews(), explain=settings, **FAST | options)


@pytest.fixture(scope="module")
def fooled():
    return audit(Reader("small", (REMOVED,), fooled=True), Reader("plain", fooled=True))


def test_a_candidate_that_agrees_only_as_it_was_trained_is_shown_to(fooled):
    """It passes the judged way with an alignment of 1, and relies on the opposite where dots stand in for words."""
    assert fooled["small"].measures["explanation"]["alignment_shapley"].value == 1
    (beside,) = findings(fooled, "small", BESIDE)
    assert beside.value < -0.5
    assert "1 [1, 1] with words left out, as in its training, on the same 60 items; only the latter" in beside.message
    assert "with words replaced by '...', on which it was not trained" in beside.message
    honest = audit(Reader("small", (REMOVED,)))
    assert findings(honest, "small", BESIDE)[0].value == 1


def test_of_a_candidate_without_a_mark_nothing_is_said(fooled):
    assert {f.kind for f in fooled["plain"].candidate.findings}.isdisjoint({KIND, BESIDE})
    assert "rely on its alignment" not in " ".join(map(str, fooled["plain"].advice))
    assert "trained_on_perturbations" not in fooled["plain"].candidate.identity.details


def test_a_mark_changes_no_number_and_no_verdict():
    marked, plain = (audit(Reader("small", trained)) for trained in ((REMOVED,), ()))
    assert marked["small"].measures == plain["small"].measures
    assert marked["small"].verdict == plain["small"].verdict
    for one, other in zip(marked.explanation.tables, plain.explanation.tables, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_an_audit_without_marks_asks_nothing_more():
    asked = {}
    for trained in ((), (REMOVED,)):
        stages = []
        audit(Reader("small", trained), progress=lambda stage, done, total, into=stages: into.append(stage))
        asked[trained] = sum(1 for stage in stages if stage == "explain small")
    assert 0 < asked[()] < asked[REMOVED,]


def test_reference_and_peer_are_named_too():
    """Nothing stands beside a candidate that was not trained so, and the peer has no numbers of its own above."""
    made = audit(Reader("small"), reference=Reader("large", (REMOVED,)), peer=Reader("again", (MASKED,)))
    assert findings(made, "large", KIND)[0].message.startswith(SAID)
    assert "25% of the rows that it learned from had words replaced by the mask token" in (
        findings(made, "again", KIND)[0].message
    )
    assert not findings(made, "small", KIND) + findings(made, "small", BESIDE)


def test_several_trainings_are_all_named():
    (found,) = findings(audit(Reader("small", (MASKED, REMOVED))), "small", KIND)
    assert "25% of the rows that it learned from had words replaced by the mask token; in another training, 50%" in (
        found.message
    )
    assert found.value == 0.5


@pytest.mark.parametrize(
    ("trained", "perturb", "expected"),
    [
        ((REMOVED,), "remove", "replaced by '...'"),
        ((REMOVED, MASKED), "remove", "replaced by '...'"),
        ((Perturbed("words", "[X]", 1.0),), "[X]", "words left out"),
        ((REMOVED, Perturbed("words", "...", 0.5)), "remove", None),
        ((MASKED,), "remove", None),
        ((REMOVED,), "[X]", None),
    ],
)
def test_what_stands_in_is_nothing_that_it_was_trained_on(trained, perturb, expected):
    """If alignment itself is asked so, or nothing is left, nothing stands beside it."""
    made = audit(Reader("small", trained), explain=ExplainSettings(items=80, perturb=perturb))
    beside = findings(made, "small", BESIDE)
    assert len(beside) == (expected is not None)
    assert all(f"with words {expected.removeprefix('words ')}, on which" in finding.message for finding in beside)


def test_chosen_items_are_not_asked_about_again():
    made = audit(Reader("small", (REMOVED,)), explain=ExplainSettings(ids=("r1", "r2", "r3")))
    assert findings(made, "small", KIND)
    assert not findings(made, "small", BESIDE)


def test_alignment_that_is_noise_is_said_not_to_be_measured():
    asked, another = (ExplainSettings(units="words", perturb=perturb) for perturb in ("remove", "mask"))
    alignment = Estimate(0.9, 0.8, 1.0, 60, "cosine")
    for here, there in ((None, alignment), (alignment, None), (None, None)):
        beside = _not_trained_on("small", here, there, asked, another, 60)
        assert "is not measured: on 60 items, a model's attributions are mostly noise" in beside.message
        assert "words replaced by the mask token" in beside.message


# advice and reports


def advised(made):
    return [str(one) for one in made["small"].advice if "do not rely on its alignment alone" in str(one)]


def test_where_the_verdict_rests_on_alignment_advice_says_so(fooled):
    assert len(advised(fooled)) == 1
    assert advised(audit(Reader("small", (REMOVED,)), dimensions="behaviour")) == []
    assert advised(audit(Reader("small", (MASKED,)))) == []
    assert advised(audit(Reader("small", (REMOVED,)), explain=False)) == []


def test_a_run_read_back_says_the_same(fooled, tmp_path):
    run = load_run(fooled.save(tmp_path / "run"))
    assert verify_run(run).passed
    for kind in (KIND, BESIDE):
        assert [f for f in run.document.findings if f.kind == kind] == findings(fooled, "small", kind)
    again = narrowed(evidence(run), dimensions=("explanation",)).document.candidates[0]
    assert again.verdict.outcome is Outcome.EQUIVALENT
    assert [str(one) for one in again.advice].count(advised(fooled)[0]) == 1
    alone = narrowed(evidence(run), dimensions=("behaviour",)).document.candidates[0]
    assert not any("do not rely" in str(one) for one in alone.advice)


def test_verify_notices_a_finding_that_was_taken_away(fooled, tmp_path):
    from rehashed import rehashed

    folder = fooled.save(tmp_path / "run")
    document = json.loads((folder / "audit.json").read_text("utf-8"))
    document["candidates"][0]["findings"] = [
        finding for finding in document["candidates"][0]["findings"] if finding["kind"] != KIND
    ]
    (folder / "audit.json").write_text(json.dumps(document), "utf-8")
    rehashed(folder)
    assert not verify_run(load_run(folder)).passed


FORMS = {"page": page, "markdown": markdown, "junit": junit, "latex": latex, "card": model_card, "in-toto": in_toto}


@pytest.mark.parametrize("form", FORMS)
def test_every_report_says_it(form, fooled, tmp_path):
    text = FORMS[form](evidence(load_run(fooled.save(tmp_path / "run"))))
    for written in ("&#39;", "&apos;", "\\textquotesingle{}"):
        text = text.replace(written, "'")
    assert SAID in text.replace("\\%", "%")
    assert ("on which it was not trained" in text) == (form != "in-toto")


def test_the_terminal_shows_it_beside_the_rules_and_once(fooled, capsys):
    from trusteq.cli.screen import show
    from trusteq.report.terminal import render

    show(render(fooled))
    text = " ".join(capsys.readouterr().out.split())
    assert f"! small: {SAID}" in text
    assert text.count("on which it was not trained") == 1
    assert text.index("top words by Shapley") < text.index("on which it was not trained") < text.index("what to do")


def test_a_notebook_shows_it(fooled):
    assert "on which it was not trained" in html(fooled)


def test_a_gate_shows_it(fooled, tmp_path):
    from command import trusteq as command

    fooled.save(tmp_path / "run")
    done = command("gate", "run", cwd=tmp_path)
    assert SAID in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("units", "replacement", "expected"),
    [
        ("words", "remove", "words left out"),
        ("sentences-then-words", "mask", "sentences then words replaced by the mask token"),
        ("tiles", "neighbours", "tiles replaced by 'neighbours'"),
    ],
)
def test_what_was_left_out_in_words(units, replacement, expected):
    assert left_out(units, replacement) == expected


# other kinds of items


@dataclass(frozen=True)
class Bright:
    """A model of arrays of pixels that says how bright their middle is; a corner matters where it is grey."""

    name: str
    trained: tuple[Perturbed, ...] = ()
    labels: tuple[str, ...] = ("dark", "bright")

    @property
    def identity(self):
        return Identity("bright", self.name, self.name)

    @property
    def traits(self):
        return Traits(reads=frozenset({"picture"}), trained_on=lambda: self.trained)

    def findings(self):
        return ()

    def predict(self, items):
        (pictures,) = items.segments.values()
        pixels = np.stack([np.asarray(one, dtype=np.float64) for one in pictures.inputs()]) / 255
        p = 1 / (1 + np.exp(-8 * (pixels[:, 4:12, 4:12].mean(axis=(1, 2, 3)) - 0.5)))
        return np.stack([1 - p, p], axis=1)


def test_of_pictures_the_other_fill_is_the_way_that_was_not_trained_on():
    """Both candidates are asked the same, and only one was trained on tiles that are blurred."""
    pytest.importorskip("PIL", reason="needs the extra 'pictures'")
    from trusteq.data.pictures import Pictures

    pixels = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), dtype=np.uint8)
    items = Items([f"{i:02}" for i in range(40)], {"photo": Pictures.of_arrays(pixels)})
    blurred = Perturbed("tiles", "remove", 0.5)
    made = trusteq.audit(
        Bright("large"),
        [Bright("small", (blurred,)), Bright("plain")],
        items,
        explain=ExplainSettings(items=30),
        **FAST,
    )
    assert (
        "with tiles replaced by 'neighbours', on which it was not trained" in findings(made, "small", BESIDE)[0].message
    )
    assert findings(made, "small", "asked in another way") == []
    assert findings(made, "plain", BESIDE) == []
    (plain,) = findings(made, "plain", "asked in another way")
    assert plain.value == findings(made, "small", BESIDE)[0].value


# models in folders


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A tiny BERT, and a copy that reads its mask token otherwise."""
    pytest.importorskip("transformers", reason="needs the extra 'transformers'")
    from oracles import tiny_models
    from safetensors.torch import load_file, save_file

    folder = tmp_path_factory.mktemp("models")
    tiny_models.save("bert", folder / "large")
    shutil.copytree(folder / "large", folder / "small")
    weights = load_file(folder / "small" / "model.safetensors")
    mask = trusteq.open_model(folder / "large").tokenizer.mask_token_id
    weights["bert.embeddings.word_embeddings.weight"][mask] *= -3
    save_file(weights, folder / "small" / "model.safetensors", metadata={"format": "pt"})
    return folder


def tiny_texts():
    from oracles.tokenizers import WORDS

    rng = np.random.default_rng(0)
    return Items([f"i{i}" for i in range(80)], {"text": [" ".join(rng.choice(WORDS, 8)) for _ in range(80)]})


def opened(folder, trained, into, name="small"):
    shutil.copytree(folder, into)
    return trusteq.open_model(into if trained is None else mark(into, trained), name=name)


def test_a_folder_s_recipe_is_enough(folders, tmp_path):
    """Words left out are read alike; the mask token is not, which only the way that was not trained on shows."""
    runs = {}
    for name, told in (("marked", TRAINED), ("plain", None), ("damaged", {"units": 7})):
        candidate = opened(folders / "small", told, tmp_path / name)
        large = trusteq.open_model(folders / "large")
        made = trusteq.audit(large, candidate, tiny_texts(), explain=ExplainSettings(items=70), **FAST)
        runs[name] = made.save(tmp_path / f"run-{name}")
        found = {f.kind: f for f in made["small"].candidate.findings}
        assert ({KIND, BESIDE} <= found.keys()) == (name == "marked")
        if name == "marked":
            assert found[KIND].message.startswith(SAID)
            assert "with words replaced by the mask token, on which it was not trained" in found[BESIDE].message
            assert "1 [1, 1] with words left out" in found[BESIDE].message
            assert found[BESIDE].value < 0.98
            assert verify_run(load_run(runs[name])).passed
    for file in runs["plain"].rglob("*.parquet"):
        for name in ("marked", "damaged"):
            assert file.read_bytes() == (runs[name] / file.relative_to(runs["plain"])).read_bytes(), file.name
    plain, damaged = ((runs[name] / "audit.json").read_text("utf-8") for name in ("plain", "damaged"))
    assert damaged == plain.replace(str(tmp_path / "plain"), str(tmp_path / "damaged"))


def test_both_models_are_asked_by_dots_if_one_has_no_mask_token(folders, tmp_path):
    configuration = folders / "small" / "tokenizer_config.json"
    candidate = opened(folders / "small", TRAINED, tmp_path / "small")
    assert json.loads(configuration.read_text("utf-8"))["mask_token"] == "[MASK]"
    candidate.tokenizer.mask_token = None
    large = trusteq.open_model(folders / "large")
    made = trusteq.audit(large, candidate, tiny_texts(), explain=ExplainSettings(items=70), **FAST)
    (beside,) = findings(made, "small", BESIDE)
    assert "with words replaced by '...', on which it was not trained" in beside.message


def test_what_is_made_of_a_marked_model_is_marked(folders, tmp_path):
    pytest.importorskip("onnx")
    from trusteq.compress import make

    opened(folders / "small", TRAINED, tmp_path / "marked")
    made = make(tmp_path / "marked", method="int8-onnx", out=tmp_path / "int8")
    audited = trusteq.audit(
        trusteq.open_model(folders / "large"), trusteq.open_model(made.directory, name="int8"), tiny_texts(),
        explain=ExplainSettings(items=70), **FAST,
    )  # fmt: skip
    assert findings(audited, "int8", KIND)[0].message.startswith(SAID)
    assert "mask token" in findings(audited, "int8", BESIDE)[0].message
