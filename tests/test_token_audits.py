"""An audit of language models that read the same texts: from models to a page."""

import importlib
import io

import numpy as np
import pytest
from command import trusteq as command
from oracles import tiny_causal
from oracles.tiny_readers import TinyReader, texts
from rich.console import Console

import trusteq
from trusteq import ModelError, load_run
from trusteq.auditing.verify import verify_run
from trusteq.cli.report import FORMATS
from trusteq.models.base import Identity
from trusteq.models.traits import Traits
from trusteq.record.evidence import evidence
from trusteq.record.run import rejudge
from trusteq.report.difference import difference
from trusteq.report.figures.catalog import FIGURES, make
from trusteq.report.figures.file import rendered
from trusteq.report.page.page import page
from trusteq.report.terminal import render
from trusteq.tasks.rows import Rows
from trusteq.tasks.tokens import token_rows

POLICY = {
    "name": "close",
    "min_items": 20,
    "required": ["distribution"],
    "rules": {
        "calibration": {"smooth_ece_difference": {"at_most": 0.2}},
        "distribution": {
            "token_kl_excess": {"at_most": 0.05},
            "same_top": {"at_least": 0.8},
            "nll_per_byte_ratio": {"at_most": 1.1},
        },
    },
}


def tiny(name, by=0.0, **shape):
    return TinyReader(name, tiny_causal.moved(tiny_causal.model(**shape), by=by))


def audited(*candidates, items=None, **options):
    options = {"policy": POLICY, "costs": "none", "resamples": 200, **options}
    return trusteq.audit(tiny("large"), list(candidates), items or texts(), **options)


@pytest.fixture(scope="module")
def result():
    return audited(tiny("close", 0.002), tiny("far", 0.3))


def test_models_are_judged_by_what_they_expect_next(result):
    assert {name: result[name].verdict.outcome for name in result} == {"close": "EQUIVALENT", "far": "NOT EQUIVALENT"}
    assert [d.dimension for d in result["far"].verdict.dimensions] == ["calibration", "distribution"]
    made = result["far"].measures["distribution"]
    assert made["token_kl"].n == 36  # nothing is predicted of the four texts that are one token
    assert 0 <= made["token_kl_floor"].value < 1e-5
    assert made["token_kl"].value > 0.1


def test_documents_are_resampled_not_their_tokens(result):
    made = result["far"].measures["distribution"]
    for name in ("token_kl", "token_kl_excess", "same_top", "nll_per_byte_ratio"):
        assert "clusters" in made[name].method, made[name].method


def test_a_candidate_with_the_same_weights_is_equivalent_with_differences_of_exactly_0():
    made = audited(tiny("copy"), allow_same=True)["copy"]
    assert made.verdict.outcome == "EQUIVALENT"
    assert made.measures["distribution"]["token_kl"].high == 0
    assert made.measures["distribution"]["same_top"].value == 1
    assert made.measures["distribution"]["nll_per_byte_ratio"].high == 1


def test_a_run_is_stored_checked_and_judged_again(result, tmp_path):
    run = load_run(result.save(tmp_path / "run"))
    assert verify_run(run).passed
    loose = {**POLICY, "name": "loose", "rules": {"distribution": {"token_kl": {"at_most": 50.0}}}}
    assert {v.outcome for v in rejudge(run, trusteq.read_policy(loose)).values()} == {"EQUIVALENT"}
    assert difference(evidence(run), evidence(run)).match.paired


@pytest.mark.parametrize("name", sorted(FORMATS.keys() - {"badge"}))
def test_it_is_told_in_every_format(result, name, tmp_path):
    module, _, function = FORMATS[name].partition(":")
    run = load_run(result.save(tmp_path / "run"))
    assert "far" in getattr(importlib.import_module(module), function)(evidence(run))


def test_the_terminal_tells_what_was_judged(result):
    out = io.StringIO()
    Console(file=out, width=160).print(render(result))
    assert "token KL excess" in out.getvalue()
    assert "same top token" in out.getvalue()


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_every_figure_is_drawn_or_left_out(result, name):
    figure = make(result.evidence, name, "far" if FIGURES[name].per_candidate else None)
    assert figure is None or rendered(figure, "svg")


def test_a_document_is_shown_without_an_empty_table_of_answers(result, tmp_path):
    path = result.save(tmp_path / "run")
    done = command("show", path, "--item", result.items.ids[0])
    assert done.returncode == 0, done.stderr
    assert f"item {result.items.ids[0]}: " in done.stdout
    assert "probability" not in done.stdout
    assert "not explained" not in done.stdout


def test_the_page_shows_what_was_measured_and_nothing_else(result):
    html = page(result.evidence)
    for shown in (
        "What the models expect next",
        "of the reference against itself",
        "reference confidence = 0.25 to 0.5",
    ):
        assert shown in html
    for absent in ("Which answers change", "What the models look at"):
        assert absent not in html


def test_all_is_measured_by_the_references_confidence_and_by_position(result):
    outcomes = result.evidence.outcomes
    kl = outcomes[2].numbers["kl-from-reference"]
    by_value = {(s.column, s.value): s for s in result["far"].slices}
    inside = (outcomes[0].confidence >= 0.25) & (outcomes[0].confidence < 0.5)
    part = by_value["reference confidence", "0.25 to 0.5"]
    assert part.measures["distribution"]["token_kl"].value == pytest.approx(kl[inside].mean())
    assert part.n == len(np.unique(outcomes[0].item[inside]))
    position = outcomes[0].numbers["position"]
    part = by_value["tokens before", "8 to 32"]
    inside = (position >= 8) & (position < 32)
    assert part.measures["distribution"]["token_kl"].value == pytest.approx(kl[inside].mean())
    assert {"nll_per_byte_ratio", "same_top", "token_probability_change_rms"} <= set(part.measures["distribution"])


def test_models_with_other_vocabularies_are_compared_by_bytes_alone():
    other = tiny("other", 0.3)
    other.tokenizer.add_tokens(["guitar"])
    other.model.resize_token_embeddings(len(other.tokenizer), mean_resizing=False)
    made = audited(other)["other"]
    assert set(made.measures) == {"distribution"}
    assert set(made.measures["distribution"]) == {
        f"nll_per_byte_{end}" for end in ("reference", "candidate", "difference", "ratio")
    }
    reasons = [rule.reason for d in made.verdict.dimensions for rule in d.rules]
    assert "same top token was not measured (it needs tokens that both models cut the texts into)" in reasons
    assert made.measures["distribution"]["nll_per_byte_ratio"].n == 40


def test_a_padded_vocabulary_is_another_one():
    """Its logits have other places, and a padding token's probability belongs to no token of the other model."""
    padded = tiny("padded", 0.3)
    padded.model.resize_token_embeddings(len(padded.tokenizer) + 7, mean_resizing=False)
    measured = audited(padded)["padded"].measures["distribution"]
    assert measured["nll_per_byte_ratio"].n == 40
    assert "same_top" not in measured


def test_a_token_that_a_model_does_not_know_is_one_line():
    large, other = tiny("large"), tiny("other", 0.3)
    for one in (large, other):
        one.tokenizer.add_tokens(["guitar hero"])
    items = trusteq.Items([f"d{i}" for i in range(30)], {"text": ["the film"] * 29 + ["a guitar hero plays"]})
    known = large.vocabulary
    says = (
        rf"^model large: item 'd29': its tokenizer gives token \d+ \('guitar hero'\), but the model knows only {known}"
    )
    with pytest.raises(ModelError, match=says):
        trusteq.audit(large, [other], items, policy=POLICY, costs="none")


def test_a_run_of_whole_documents_is_stored_and_told(tmp_path):
    other = tiny("other", 0.3)
    other.tokenizer.add_tokens(["guitar"])
    other.model.resize_token_embeddings(len(other.tokenizer), mean_resizing=False)
    run = load_run(audited(other).save(tmp_path / "run"))
    assert verify_run(run).passed
    for module, _, function in (path.partition(":") for name, path in FORMATS.items() if name != "badge"):
        assert "other" in getattr(importlib.import_module(module), function)(evidence(run))


def test_the_same_tokens_read_otherwise_are_refused():
    other = tiny("other")
    other.tokenizer.backend_tokenizer.normalizer = importlib.import_module("tokenizers").normalizers.Lowercase()
    items = trusteq.Items([f"d{i}" for i in range(30)], {"text": [f"GOOD film {i}" for i in range(30)]})
    with pytest.raises(ModelError, match=r"^model other: item 'd\d+': it reads other tokens than large, although both"):
        audited(other, items=items, allow_same=True)


@pytest.mark.parametrize("contexts", [(64, 9), (9, 64)])
def test_models_with_other_contexts_read_chunks_of_the_same_length(contexts):
    reference, near = tiny("large"), tiny("close", 0.002)
    reference.context, near.context = contexts
    shorter, close = tiny("large"), tiny("close", 0.002)
    shorter.context = close.context = 9
    settings = {"policy": POLICY, "costs": "none", "resamples": 200}
    made, expected = (
        trusteq.audit(first, [second], texts(), **settings) for first, second in ((reference, near), (shorter, close))
    )
    assert made["close"].measures == expected["close"].measures


def test_outcomes_about_other_tokens_are_refused():
    class Stored:
        labels = ()
        traits = Traits(task="tokens", runs=False, changeable=False)

        def __init__(self, name, own):
            self.name, self.own, self.identity = name, own, Identity("stored", name, name)

        def predict(self, items):
            log_half = np.full((2, 2), np.log(0.5))
            rows = token_rows(np.array(self.own), np.ones(2), np.arange(1, 3), log_half, log_half)
            return Rows(np.tile(rows, (len(items), 1)), np.full(len(items), 2))

        def findings(self):
            return ()

    with pytest.raises(ModelError, match="item 'd000': the right answer of its outcome 2 is 0, but 1 in model large"):
        trusteq.audit(Stored("large", [0, 1]), [Stored("other", [0, 0])], texts(), policy=POLICY, costs="none")


def test_documents_of_one_cluster_are_resampled_together():
    alone, grouped = (
        audited(tiny("far", 0.3), items=texts(40, clusters=clusters))["far"].measures["distribution"]["token_kl"]
        for clusters in (None, [str(i % 8) for i in range(40)])
    )
    assert alone.value == grouped.value
    assert (alone.low, alone.high) != (grouped.low, grouped.high)


def test_the_order_of_documents_changes_nothing(result):
    items = texts()
    shuffled = items.take(np.random.default_rng(0).permutation(len(items)))
    assert audited(tiny("close", 0.002), tiny("far", 0.3), items=shuffled)["far"].measures == result["far"].measures
