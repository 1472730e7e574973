"""The published protocol, as described and as its scripts do it."""

import json
import os
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import sample_files
from cases import Table
from lime.lime_text import IndexedString
from oracles import calibration

import trusteq
from trusteq import ExplainSettings, ModelError, Outcome
from trusteq.comparing.measures import MEASURES
from trusteq.comparing.published import _variance, pair_agreements, published_measures, word_jaccard
from trusteq.explain.lime import lime_masks
from trusteq.explain.protocol import ProtocolSettings, publish, top_words
from trusteq.explain.respondent import respondents
from trusteq.explain.scripted import lime_string, shap_game, shap_string, shap_tree, split_pair
from trusteq.record.document import document
from trusteq.record.plain import plain
from trusteq.record.run import rejudge
from trusteq.report.latex import latex
from trusteq.report.page.calibration import calibration as calibration_page
from trusteq.report.terminal import context
from trusteq.stats.resampling import Resampling

# Compiling shap's loops takes longer than running them here.
os.environ["NUMBA_DISABLE_JIT"] = "1"
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import shap
    from shap.maskers._text import partition_tree

LABELS = ("no", "yes")
WORDS = [f"w{i}" for i in range(40)]
FEELING = dict(zip(WORDS, np.random.default_rng(1).normal(size=len(WORDS)), strict=True))
FEW = ProtocolSettings(samples=150)


def reads(name, premise=1.0, hypothesis=1.0, asked=None):
    """A model of pairs that weighs the words of both sentences."""

    def feel(text):
        return sum(FEELING.get(word.strip("."), 0.0) for word in text.split())

    def answer(pairs):
        if asked is not None:
            asked.extend(pairs)
        score = np.array([premise * feel(p) - hypothesis * feel(h) for p, h in pairs])
        return np.stack([1 / (1 + np.exp(score)), 1 / (1 + np.exp(-score))], axis=1)

    return trusteq.from_callable(answer, labels=LABELS, name=name)


def pairs(n=4, seed=0, labels=True):
    """Items whose two sentences share no word."""
    rng = np.random.default_rng(seed)
    drawn = [rng.permutation(WORDS) for _ in range(n)]
    segments = {"premise": [" ".join(w[:12]) for w in drawn], "hypothesis": [" ".join(w[12:20]) + "." for w in drawn]}
    known = {"labels": rng.integers(0, 2, n), "label_names": LABELS} if labels else {}
    return trusteq.Items([f"i{i}" for i in range(n)], segments, **known)


def top(models, items, settings=FEW, seed=0):
    predicted = [model.predict(items) for model in models]
    return publish(respondents(models, predicted, LABELS), items, settings, gold=items.gold(LABELS), seed=seed)


def agreements(published, models):
    names = [model.name for model in models]
    return pair_agreements(published, names, Resampling(len(published.positions), resamples=100))


def audit(*models, items=None, **asked):
    asked = {"resamples": 100, "with_slices": False, "protocol": "paper", **asked}
    return trusteq.audit(models[0], {m.name: m for m in models[1:]}, pairs(3) if items is None else items, **asked)


# Known answers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["paper", "paper-scripts"])
def test_a_model_agrees_with_itself_wholly_in_every_run(name):
    models = [reads("large"), reads("copy")]
    for pair in agreements(top(models, pairs(), replace(FEW, name=name)), models):
        assert set(pair.runs) == {1.0}
        assert (pair.mean.value, pair.mean.low, pair.mean.high) == (1, 1, 1)
        assert (pair.variance.value, pair.variance.low, pair.variance.high) == (0, 0, 0)


def test_models_that_read_different_sentences_agree_less_than_chance():
    models = [reads("premise", 1, 0), reads("hypothesis", 0, 1)]
    published = top(models, pairs(), ProtocolSettings())
    for method in ("lime", "shap"):
        scores = word_jaccard(published.tops[method][0][0], published.tops[method][1][0])
        assert (scores < 0.3).all()
    found = published_measures(published, agreements(published, models), "premise", "hypothesis", Resampling(4))
    assert found["jaccard_lime"].value < found["jaccard_lime_chance"].value
    # All that SHAP names for the first are words of a premise.
    for premise, words in zip(pairs().segments["premise"], published.tops["shap"][0][0], strict=True):
        assert set(words) <= set(premise.split())


def test_the_mean_and_the_variance_are_those_of_the_runs():
    models = [reads("large"), reads("small", 1, 0.3)]
    pair = agreements(top(models, pairs(6)), models)[0]
    assert len(set(pair.runs)) > 1
    assert pair.mean.value == pytest.approx(np.mean(pair.runs))
    assert pair.variance.value == pytest.approx(np.var(pair.runs, ddof=1))
    assert pair.mean.low <= pair.mean.value <= pair.mean.high
    assert 0 <= pair.variance.low <= pair.variance.value <= pair.variance.high


def test_clusters_that_are_all_the_same_leave_no_variance_certain():
    scores = np.tile(np.random.default_rng(0).random((3, 8)), 30)
    blocks = Resampling(240, clusters=[str(i // 8) for i in range(240)], resamples=200)
    found = _variance(scores, blocks)
    assert found.low < found.value < found.high


def test_chance_is_that_of_each_items_own_different_words():
    short = trusteq.Items(
        ["a", "b"],
        {"premise": [" ".join(WORDS[:8]), " ".join(WORDS[:11])], "hypothesis": [WORDS[0], WORDS[30]]},
        labels=np.array([0, 1]),
        label_names=LABELS,
    )
    models = [reads("large"), reads("small", 1, 0.3)]
    published = top(models, short)
    assert published.distinct["lime"].tolist() == published.distinct["shap"].tolist() == [8, 12]
    found = published_measures(published, agreements(published, models), "large", "small", Resampling(2))
    # Two random tens of twelve words: 0.718; of eight words all are in both.
    assert found["jaccard_lime_chance"].value == pytest.approx((1 + 0.718) / 2, abs=0.001)


def test_the_ceiling_is_the_reference_against_itself_between_runs():
    models = [reads("large"), reads("small", 1, 0.3)]
    published = top(models, pairs())
    runs = published.tops["lime"][0]
    expected = np.mean([word_jaccard(runs[a], runs[b]) for a, b in ((0, 1), (0, 2), (1, 2))])
    found = published_measures(published, agreements(published, models), "large", "small", Resampling(4))
    assert found["jaccard_lime_ceiling"].value == pytest.approx(expected)
    assert expected < 1


def test_a_set_holds_different_words_and_the_earlier_of_equal_weights():
    words = ("a", "b", "a", "c", "[SEP]", "d")
    weights = np.array([0.5, -0.4, 0.3, 0.1, 0.9, -0.1])
    assert top_words(words, weights, 3, frozenset()) == ("[SEP]", "a", "b")
    assert top_words(words, weights, 3, frozenset({"[SEP]"})) == ("a", "b", "c")


def test_two_empty_sets_do_not_agree():
    assert word_jaccard([(), ("a",)], [(), ("a",)]).tolist() == [0, 1]


# What is asked -----------------------------------------------------------------------------------


def test_pairs_are_asked_as_pairs():
    asked, items = [], pairs(2)
    model = reads("large", asked=asked)
    top([model, reads("small")], items)
    left, right = ({word.strip(".") for text in items.segments[s] for word in text.split()} for s in items.segments)
    for premise, hypothesis in asked:
        assert set(premise.split()) <= left
        assert {word.strip(".") for word in hypothesis.split()} <= right | {""}


def test_a_mask_is_asked_once_however_often_it_is_drawn():
    asked = []
    items = trusteq.Items(
        ["a", "b"], {"premise": ["w1", "w2"], "hypothesis": ["w3", "w4"]}, labels=np.array([0, 1]), label_names=LABELS
    )
    model = reads("large", asked=asked)
    top([model], items)
    # Each item's prediction, its four masks for LIME in all three runs together, and its four for SHAP.
    assert len(asked) == 2 * (1 + 4 + 4)


def test_seeds_change_lime_and_nothing_of_shap():
    models, items = [reads("large"), reads("small", 1, 0.3)], pairs()
    one, other = (top(models, items, seed=seed) for seed in (0, 1))
    assert (one.seeds, other.seeds) == ((0, 1, 2), (1, 2, 3))
    assert one.tops["shap"] == other.tops["shap"]
    assert len(one.tops["shap"][0]) == 1
    runs, later = one.tops["lime"][0], other.tops["lime"][0]
    assert runs[0] != runs[1] != runs[2]
    assert runs[1:] == later[:2]


def test_another_candidate_and_other_items_change_nothing():
    large, small, other = reads("large"), reads("small", 1, 0.3), reads("other", 0, 1)
    items = pairs(5)
    all_ = top([large, other, small], items)
    some = top([large, small], items.take([1, 3]))
    for method in ("lime", "shap"):
        for run, part in zip(all_.tops[method][2], some.tops[method][1], strict=True):
            assert [run[i] for i in (1, 3)] == list(part)


def test_items_can_be_fewer_and_those_without_words_are_told():
    items = pairs(6)
    assert len(top([reads("a")], items, replace(FEW, items=3)).positions) == 3
    wordless = replace(items, segments={name: ["!", *texts[1:]] for name, texts in items.segments.items()})
    published = top([reads("a")], wordless)
    assert published.wordless == ("i0",)
    assert published.positions.tolist() == [1, 2, 3, 4, 5]


# As the scripts do it ----------------------------------------------------------------------------

PAIR = ("A man (with hat) plays, loudly.", "The man isn't  playing but [x] sleeps.")
SCRIPTED = replace(FEW, name="paper-scripts")


def joined(units, mask):
    """The whole string of a perturbation, before it is parted."""
    return replace(units, pair=False).write(mask)[0]


def test_lime_s_words_and_strings_are_those_of_lime():
    units, theirs = lime_string(PAIR), IndexedString(" [SEP] ".join(PAIR))
    assert units.names == tuple(theirs.inverse_vocab)
    assert "SEP" in units.names
    for mask in np.random.default_rng(0).random((50, len(units))) < 0.5:
        assert joined(units, mask) == theirs.inverse_removing(np.flatnonzero(~mask))


def blanks(text, return_offsets_mapping=True):
    spans = [unit[1:] for unit in shap_string((text,)).spans.tolist()] if text.strip() else []
    return {"input_ids": [text[a:b] for a, b in spans], "offset_mapping": [tuple(span) for span in spans]}


@pytest.mark.parametrize("name", ["paper", "paper-scripts"])
def test_the_papers_protocol_alone_holds_the_whole_text_against_the_ordinary_answer(name):
    """The scripts' strings may lose blanks, so that nothing can be said of them."""
    model, items, settings = reads("m"), pairs(), replace(FEW, name=name)
    predicted = [1 - model.predict(items)]
    asked, gold = respondents([model], predicted, LABELS), items.gold(LABELS)
    if name == "paper":
        with pytest.raises(ModelError, match=": with no unit left out, the answer differs"):
            publish(asked, items, settings, gold=gold)
    else:
        assert len(publish(asked, items, settings, gold=gold).positions) == len(items)


def test_shap_s_tokens_and_strings_are_those_of_shap():
    units, masker = shap_string(PAIR), shap.maskers.Text(blanks)
    string = " [SEP] ".join(PAIR)
    assert list(units.names) == masker.feature_names(string)[0]
    for mask in np.random.default_rng(0).random((50, len(units))) < 0.5:
        assert joined(units, mask) == masker(mask, string)[0][0]
    assert joined(units, np.zeros(len(units), bool)) == "..."


@pytest.mark.parametrize(
    "text",
    [
        "a b [SEP] c d e",
        "one",
        "the dog , and ( the cat ) or so . It 's here ! don ' t",
        "he said ' s and ##x but [MASK] no [SEP] ( yes",
        " ".join(PAIR),
    ],
)
def test_the_tree_is_that_of_shap(text):
    tokens = text.split()

    def sets(rows):
        held = [{i} for i in range(len(tokens))]
        for left, right, *_ in rows:
            held.append(held[int(left)] | held[int(right)])
        return {frozenset(s) for s in held}

    ours, todo = set(), [shap_tree(tuple(tokens))]
    while todo:
        group = todo.pop()
        ours.add(frozenset(range(group.start, group.end)))
        todo += group.parts or ()
    assert ours == sets(partition_tree(tokens, []))


@pytest.mark.parametrize("length", [5, 14, 25])
def test_owen_values_of_a_pair_are_those_of_shap_within_its_budget(length):
    # The largest needs 1,700 evaluations.
    texts = (f"({' '.join(WORDS[:length])})", f"{' '.join(WORDS[15 : 15 + length // 2])} but not so.")
    model = reads("large", 0.3, 0.5)

    def predict(strings):
        return model.predict(trusteq.Items([str(i) for i in range(len(strings))], halves(strings), may_be_empty=True))

    def halves(strings):
        return dict(zip(("a", "b"), zip(*map(split_pair, strings), strict=True), strict=True))

    explainer = shap.explainers.Partition(predict, shap.maskers.Text(blanks))
    theirs = explainer([" [SEP] ".join(texts)], max_evals=500, silent=True).values[0]
    units = shap_string(texts)
    game = shap_game(shap_tree(units.names), 500)
    masks, asked = next(game), 0
    while True:
        asked += len(masks)
        try:
            masks = game.send(predict([joined(units, mask) for mask in masks]))
        except StopIteration as done:
            ours = done.value
            break
    assert ours == pytest.approx(theirs, abs=1e-9)
    assert asked - 2 == explainer.last_eval_count <= 498


def test_without_its_separator_a_pair_is_all_premise():
    asked = []
    items = pairs(2)
    top([reads("large", asked=asked)], items, SCRIPTED)
    by_lime = [pair for pair in asked if "[]" in pair[0]]
    assert by_lime
    assert {hypothesis for _, hypothesis in by_lime} == {""}
    by_shap = [pair for pair in asked if "..." in pair[0]]
    assert ("...", "") in by_shap
    assert any(hypothesis == "" and premise.endswith(".") and "w" in premise for premise, hypothesis in by_shap)


def test_more_than_half_of_the_samples_lose_the_separator():
    units = lime_string(tuple(segment[0] for segment in pairs(1).segments.values()))
    assert len(units) == 21
    empty = [hypothesis == "" for _, hypothesis in units.write_many(lime_masks(21, 4000, seed=0))]
    # (n + 1) / 2n
    assert np.mean(empty) == pytest.approx(22 / 42, abs=0.03)


def test_the_separator_s_letters_can_be_a_top_word_and_its_token_cannot():
    published = top([reads("large")], pairs(), SCRIPTED)
    lime, shap_ = ([word for words in published.tops[m][0][0] for word in words] for m in ("lime", "shap"))
    assert "SEP" in lime
    assert not {"[SEP]", "SEP"} & set(shap_)
    assert published.distinct["lime"].tolist() == [21] * 4
    # Twenty words, without the last.
    assert published.distinct["shap"].tolist() == [19] * 4


def test_a_text_alone_has_no_separator():
    items = trusteq.Items(["a", "b"], {"text": ["w1 w2, w3", "w4 w5."]}, labels=np.array([0, 1]), label_names=LABELS)
    asked = []

    def answer(texts):
        asked.extend(texts)
        return np.full((len(texts), 2), 0.5)

    top([trusteq.from_callable(answer, labels=LABELS, name="flat")], items, SCRIPTED)
    assert {" w2, w3", "...w2, w3", "w1 ..."} <= set(asked)
    assert not any("SEP" in text for text in asked)


# In an audit -------------------------------------------------------------------------------------


def test_every_two_models_are_in_the_table_and_in_the_run(tmp_path):
    result = audit(reads("large"), reads("mid", 1, 0.5), reads("small", 1, 0))
    two = [("large", "mid"), ("large", "small"), ("mid", "small")]
    assert [(p.first, p.second, p.method) for p in result.pairs] == [(*t, m) for m in ("lime", "shap") for t in two]
    measures = result["small"].measures["explanation"]
    # SHAP runs once, so it has no ceiling.
    of_protocol = ["jaccard_lime", *(one.name for one in MEASURES if "protocol" in one.needs)]
    assert [*measures, "jaccard_shap_ceiling"] == of_protocol
    assert measures["jaccard_lime"] == result.pairs[1].mean
    assert measures["jaccard_shap_variance"].method.endswith("run once")
    content = json.loads(json.dumps(plain(document(result)), allow_nan=False))["protocol"]
    assert [pair["second"] for pair in content["pairs"]] == ["mid", "small", "small"] * 2
    assert (content["name"], content["items"], content["seeds"]) == ("paper", 3, [0, 1, 2])
    run = trusteq.load_run(result.save(tmp_path / "run"))
    words = run.table("top_words")
    assert len(words) == 3 * 3 * (3 + 1)
    assert list(words.iloc[0]["words"]) == list(result.published.tops["lime"][0][0][0])
    assert rejudge(run, trusteq.read_policy("paper"))["mid"].dimensions[2].outcome is not Outcome.NOT_MEASURED


def test_the_papers_policy_implies_its_protocol_and_judges_it():
    result = audit(reads("large"), reads("copy"), reads("other", 0, 1), policy="paper", protocol=None)
    outcomes = {c.name: c.verdict.dimensions[2].outcome for c in result.comparisons}
    assert outcomes == {"copy": Outcome.EQUIVALENT, "other": Outcome.NOT_EQUIVALENT}
    assert result.settings["protocol"]["name"] == "paper"
    assert result.explanation is None


OVER_QUANTILES = tuple(one.name for one in MEASURES if "scripts" in one.needs)
BINS = {f"{name}_difference": {"at_most": 0.9} for name in ("ece", "ece_quantile", "mce_quantile")}


@pytest.mark.slow
@pytest.mark.parametrize("protocol", [None, "paper", "paper-scripts", "paper-scripts-qqp"])
def test_the_scripts_bins_of_confidence_are_measured_of_all_items_under_their_protocols_alone(protocol):
    policy = {"name": "bins", "min_items": 2, "required": ["calibration"], "rules": {"calibration": BINS}}
    models, items = [reads("large"), reads("small", 1, 0.3)], pairs(23)
    explain = False if protocol is None else ExplainSettings(items=2)
    result = audit(*models, items=items, protocol=protocol, explain=explain, policy=policy)["small"]
    found = dict(result.measures["calibration"])
    scripted = {name: found.pop(name) for name in OVER_QUANTILES if name in found}
    assert found == audit(*models, items=items, protocol=None, explain=False)["small"].measures["calibration"]
    if protocol in (None, "paper"):
        assert scripted == {}
        assert result.verdict.outcome is Outcome.UNDECIDED
        assert (
            "ECE quantile difference was not measured (it needs explanations by a protocol of the published"
            in result.verdict.reason
        )
        return
    assert tuple(scripted) == OVER_QUANTILES
    assert result.verdict.outcome is Outcome.EQUIVALENT
    for side, model in zip(("reference", "candidate"), models, strict=True):
        p = model.predict(items)
        confidence, right = p.max(axis=1), p.argmax(axis=1) == items.gold(LABELS)
        for name in ("ece", "mce"):
            e = scripted[f"{name}_quantile_{side}"]
            expected = getattr(calibration, name)(confidence, right, calibration.scripted_bin(confidence))
            assert (e.value, e.n) == (pytest.approx(expected, abs=1e-12), 23)


@pytest.mark.parametrize("protocol", ["paper", "paper-scripts"])
def test_the_scripts_calibration_errors_are_shown_where_they_were_measured(protocol):
    asked = {"items": pairs(23), "protocol": protocol, "explain": ExplainSettings(items=2)}
    result = audit(reads("large"), reads("small", 1, 0.3), **asked)
    (judged,) = result.evidence.document.candidates
    scores = calibration_page(result.evidence, judged).scores
    shown = (
        "ECE over the published scripts' quantile bins" in [row[0] for row in scores.rows],
        "ECE (quantile) & MCE (quantile)" in latex(result.evidence),
        any("quantile bins, as the published scripts" in line for line in context(judged.flat, judged.tests)),
    )
    assert set(shown) == {protocol == "paper-scripts"}


def test_the_papers_policy_without_models_that_can_be_explained_measures_no_explanation():
    items = pairs(20)
    large, small = (Table(name, dict(zip(items.ids, reads(name).predict(items), strict=True)), LABELS) for name in "ab")
    assert audit(large, small, items=items, policy="paper", protocol=None, explain=False, allow_same=True).pairs == ()


def test_the_default_policy_does_not_imply_it():
    assert trusteq.read_policy("paper").needs_protocol
    assert not trusteq.read_policy("default").needs_protocol


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"items": pairs(3, labels=False)}, "--label"),
        ({"items": pairs(3, labels=False), "protocol": None, "policy": "paper"}, "--label"),
        ({"explain": False}, "--no-explain"),
        ({"protocol": "papers"}, "choose paper or paper-scripts"),
        ({"explain": ExplainSettings(masks=50)}, "only the number of items can be set"),
        ({"peer": reads("twin", 1, 0.9)}, "peer twin has no effect under protocol paper"),
        (
            {
                "protocol": "paper-scripts",
                "items": replace(pairs(3), segments={**pairs(3).segments, "third": ["a", "b", "c"]}),
            },
            "items of 1 or 2 texts, found 3",
        ),
    ],
)
def test_what_cannot_follow_the_protocol_is_told(asked, message):
    with pytest.raises(trusteq.OptionError, match=message):
        audit(reads("large"), reads("small"), **asked)


@pytest.mark.slow
def test_on_the_command_line(tmp_path, capsys, monkeypatch):
    pytest.importorskip("torch")
    from trusteq.cli.main import main

    def run(*words):
        monkeypatch.setattr("sys.argv", ["trusteq", "audit", "models/large", "models/small", *words])
        with pytest.raises(SystemExit) as left:
            main()
        return left.value.code, *capsys.readouterr()

    sample_files.write(tmp_path)
    sample_files.write_models(tmp_path / "models")
    pd.read_csv(tmp_path / "test.csv").head(12).to_csv(tmp_path / "few.csv", index=False)
    monkeypatch.chdir(tmp_path)
    data = ("--data", "few.csv", "--text", "premise,hypothesis", "--quiet", "--resamples", "100", "--no-slices")
    for protocol in ("paper", "paper-scripts"):
        some = ("--label", "label", "--protocol", protocol, "--explain-items", "2", "--out", protocol)
        code, out, err = run(*data, *some)
        assert code in (1, 3), err
        assert f"protocol {protocol}, 2 items, LIME's seeds 0, 1, 2" in out
        assert json.loads((tmp_path / protocol / "audit.json").read_text())["protocol"]["items"] == 2
    for words, message in (
        (("--protocol", "paper"), "--label"),
        (("--protocol", "paper", "--no-explain"), "--protocol and --no-explain exclude each other"),
        (("--protocol", "paper", "-k", "10"), "-k has no effect under protocol paper"),
        (("--policy", "paper", "--label", "label", "--units", "words"), "--units has no effect under protocol paper"),
    ):
        code, _, err = run(*data, *words)
        assert code == 2
        assert message in " ".join(err.split())
