"""An audit's explanations from end to end: on models whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest
from cases import Table
from oracles import attributions

import trusteq
from trusteq import ExplainSettings, OptionError, Outcome
from trusteq.auditing.explanations import sequences, settled
from trusteq.comparing.alignment import noise_free, products
from trusteq.explain.draw import by_cluster
from trusteq.explain.interim_looks import FIRST_LOOK, between_looks
from trusteq.policy import read_policy
from trusteq.record.run import rejudge
from trusteq.stats.confidence_sequence import obrien_fleming, sequence_of_ratio
from trusteq.stats.resampling import Resampling

GOOD, BAD, NAMES = (
    ["good", "fine", "lovely", "great"],
    ["bad", "awful", "poor", "dull"],
    ["anna", "ben", "carl", "dora"],
)
FILLER = ["the", "film", "was", "and", "it", "seemed", "rather", "quite", "very", "to", "me", "in", "all"]
HONEST = {**dict.fromkeys(GOOD, 1.5), **dict.fromkeys(BAD, -1.5)}
SHORTCUT = {**dict.fromkeys(GOOD, 0.2), **dict.fromkeys(BAD, -0.2), "carl": 3, "dora": 3, "anna": -3, "ben": -3}
FAST = {"resamples": 200, "with_slices": False}


def reviews(n=160):
    """Reviews of two telling words, a name that goes with the label, and filler."""
    rng = np.random.default_rng(0)
    texts = []
    for i in range(n):
        words = [*rng.choice(GOOD if i % 2 else BAD, 2), *rng.choice(FILLER, 7), NAMES[2 * (i % 2) + rng.integers(2)]]
        texts.append(" ".join(rng.permutation(words)))
    return trusteq.Items(
        ids=[f"r{i}" for i in range(n)],
        segments={"text": texts},
        labels=np.arange(n) % 2,
        label_names=("negative", "positive"),
    )


def model(weights, name):
    """A logistic model of words."""

    def predict(texts):
        p = 1 / (1 + np.exp(-np.array([sum(weights.get(w, 0) for w in text.split()) for text in texts])))
        return np.stack([1 - p, p], axis=1)

    return trusteq.from_callable(predict, labels=["negative", "positive"], name=name)


@pytest.fixture(scope="module")
def result():
    """A shortcut and a copy, beside an honest reference."""
    candidates = {"shortcut": model(SHORTCUT, "shortcut"), "copy": model(HONEST, "copy")}
    return trusteq.audit(model(HONEST, "honest"), candidates, reviews(), explain=ExplainSettings(items=120), **FAST)


def explanation(comparison):
    return next(d for d in comparison.verdict.dimensions if d.dimension == "explanation")


def test_a_shortcut_of_equal_accuracy_is_caught(result):
    shortcut = result["shortcut"]
    assert shortcut.measures["behaviour"]["disagreement"].value == 0
    assert explanation(shortcut).outcome is Outcome.NOT_EQUIVALENT
    assert shortcut.measures["explanation"]["alignment_shapley"].high < 0.3


def test_a_copy_is_equivalent_with_an_alignment_of_exactly_1(result):
    assert explanation(result["copy"]).outcome is Outcome.EQUIVALENT
    for method in ("lime", "shapley"):
        estimate = result["copy"].measures["explanation"][f"alignment_{method}"]
        assert (estimate.value, estimate.low, estimate.high) == (1, 1, 1)


def test_the_shortcut_s_words_are_named(result):
    leans = {row.word: row for row in result["shortcut"].words.rows if row.q_value < 0.05}
    assert set(NAMES) <= set(leans)
    assert all(leans[name].lean_candidate > 2 > 1 > leans[name].lean_reference for name in NAMES)
    assert not [row for row in result["copy"].words.rows if row.q_value < 0.05]
    assert any(
        "weighs these words differently from the reference: " in said.sentence for said in result["shortcut"].advice
    )


def test_leaving_out_the_reference_s_words_takes_nothing_from_a_shortcut(result):
    shortcut, copy = (result[name].measures["explanation"] for name in ("shortcut", "copy"))
    assert shortcut["transfer_to_candidate"].high < 0.5
    assert copy["transfer_to_candidate"].value == copy["transfer_to_reference"].value == 1
    assert shortcut["mind_changed_candidate_by_candidate_words"].value > 0.3
    assert shortcut["mind_changed_candidate_by_reference_words"].value < 0.2


def test_another_candidate_changes_nothing_about_the_first(result):
    settings = ExplainSettings(items=120)
    alone = trusteq.audit(
        model(HONEST, "honest"), {"shortcut": model(SHORTCUT, "shortcut")}, reviews(), explain=settings, **FAST
    )
    ours, theirs = (r["shortcut"].measures["explanation"] for r in (alone, result))
    for name, estimate in ours.items():
        # The random words of a removal come from the item's plan, the top words from each model.
        assert estimate == theirs[name], name


def test_no_explanations_where_none_are_wanted():
    made = trusteq.audit(model(HONEST, "a"), model(SHORTCUT, "b"), reviews(), explain=False, **FAST)
    assert explanation(made["b"]).outcome is Outcome.NOT_MEASURED
    assert made["b"].verdict.outcome is not Outcome.EQUIVALENT
    (said,) = (advice.sentence for advice in made["b"].advice if advice.kind == "explanations")
    assert said.startswith("explanations were switched off (--no-explain)")
    assert "--dimensions behaviour,calibration" in said
    assert "files of predictions" not in said


def test_files_of_predictions_are_told_what_can_be_explained():
    rng = np.random.default_rng(0)
    items = replace(reviews(), segments={})
    answers = [dict(zip(items.ids, rng.dirichlet([2, 2], len(items)), strict=True)) for _ in range(2)]
    a, b = (Table(name, rows, ("negative", "positive")) for name, rows in zip("ab", answers, strict=True))
    (said,) = (s.sentence for s in trusteq.audit(a, b, items, **FAST)["b"].advice if s.kind == "explanations")
    assert said.startswith("explanations need models that can run on texts")


def test_a_model_that_does_not_answer_the_same_twice_is_not_explained_unasked():
    rng = np.random.default_rng(0)

    def noisy(texts):
        p = rng.uniform(0.2, 0.8, len(texts))
        return np.stack([1 - p, p], axis=1)

    restless = trusteq.from_callable(noisy, labels=["negative", "positive"], name="restless")
    made = trusteq.audit(model(HONEST, "honest"), restless, reviews(), **FAST)
    assert made.explanation is None
    assert any(f.kind == "not deterministic" for f in made.findings)


# The reference trained once more -------------------------------------------------------------------


def test_alignment_is_judged_against_a_peer():
    rng = np.random.default_rng(1)

    def retrained():
        return {w: x * rng.uniform(0.4, 1.6) for w, x in HONEST.items()} | {w: 0.3 * rng.normal() for w in FILLER}

    settings = ExplainSettings(items=100)
    made = trusteq.audit(
        model(HONEST, "honest"),
        {"other": model(retrained(), "other")},
        reviews(),
        peer=model(retrained(), "peer"),
        explain=settings,
        **FAST,
    )
    measures = made["other"].measures["explanation"]
    plain, peer, ratio = (measures[f"alignment_shapley{end}"].value for end in ("", "_of_peer", "_to_peer"))
    assert plain < 0.95
    assert ratio == pytest.approx(plain / peer)
    assert [rule.measure for rule in explanation(made["other"]).rules] == [
        "alignment_lime_to_peer",
        "alignment_shapley_to_peer",
    ]
    assert [c.name for c in made.comparisons] == ["other"]


@pytest.mark.parametrize(
    ("explain", "said"),
    [
        (False, "no effect without explanations"),
        (ExplainSettings(until="decided"), "are not valid at every look"),
    ],
)
def test_a_peer_that_could_not_be_used_is_refused(explain, said):
    with pytest.raises(OptionError, match=said):
        trusteq.audit(
            model(HONEST, "a"), model(SHORTCUT, "b"), reviews(), peer=model(HONEST, "c"), explain=explain, **FAST
        )


@pytest.mark.slow
def test_a_peer_that_looks_at_other_words_lowers_no_bar():
    settings = ExplainSettings(items=100)
    for peer in (model(SHORTCUT, "peer"), constant("peer")):
        made = trusteq.audit(
            model(HONEST, "a"),
            {"b": model({**SHORTCUT, "film": 1}, "b")},
            reviews(),
            peer=peer,
            explain=settings,
            **FAST,
        )["b"]
        assert not [name for name in made.measures["explanation"] if name.endswith("_to_peer")]
        assert explanation(made).outcome is Outcome.NOT_EQUIVALENT


def audited_beside(peer, candidate=None, **options):
    return trusteq.audit(
        model(HONEST, "a"),
        {"b": candidate or model({**HONEST, "film": 0.4}, "b")},
        reviews(),
        peer=peer,
        explain=ExplainSettings(items=100),
        **{**FAST, **options},
    )


def test_the_peer_itself_is_judged_first():
    made = audited_beside(model({**HONEST, "film": 0.1}, "peer"))
    assert made.peer.name == "peer"
    assert set(made.peer.measures) == {"behaviour", "calibration", "explanation"}
    own = made.peer.measures["explanation"]["alignment_shapley"]
    beside_b = made["b"].measures["explanation"]["alignment_shapley_of_peer"]  # on the items drawn for b
    assert beside_b.value == pytest.approx(own.value, abs=1e-4)
    assert "weighted by the inverse of their chances" in beside_b.method
    assert {d.dimension for d in made.peer.verdict.dimensions} == set(made.peer.measures)
    assert [c.name for c in made.comparisons] == ["b"]
    assert not [f for f in made.findings if f.kind == "no retraining"]


def test_what_is_found_about_a_peer_is_said_of_the_peer():
    constant_peer = constant("peer")
    made = audited_beside(constant_peer)
    assert [f.model for f in made.findings if f.kind == "one answer"] == ["peer"]
    assert not [f for f in made.reference.findings if f.model == "peer"]


def made_of(name, kind="words", **details):
    from dataclasses import replace

    from trusteq.models.base import Identity

    plain = model({**HONEST, "film": 0.1}, name)
    return replace(plain, identity=Identity(kind, "somewhere", f"content of {name}", details))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("peer", "why"),
    [
        (lambda: made_of("peer", kind="onnx"), "its kind is onnx, the reference's "),
        (lambda: made_of("peer", kind=model(HONEST, "a").identity.kind, parameters=4), "its parameters is 4"),
        (lambda: constant("peer"), "its accuracy differs from the reference's by -0."),
    ],
)
def test_a_peer_that_is_no_retraining_lowers_no_bar_and_is_told(peer, why):
    """A poor peer let a poor candidate pass."""
    made = audited_beside(peer())
    (told,) = [f for f in made.findings if f.kind == "no retraining"]
    assert told.model == "peer"
    assert "is not a retrained reference: " in told.message
    assert why in told.message
    measures = made["b"].measures["explanation"]
    assert not [name for name in measures if name.endswith("_to_peer")]
    assert [rule.measure for rule in explanation(made["b"]).rules] == ["alignment_lime", "alignment_shapley"]


def test_a_peer_whose_alignment_is_poor_lowers_no_bar():
    """Beside one that reaches 0.76 a candidate of 0.72 passed."""
    both = {word: HONEST.get(word, 0) + 0.8 * SHORTCUT.get(word, 0) for word in {**HONEST, **SHORTCUT}}
    made = audited_beside(model(both, "peer"))
    measures = made["b"].measures["explanation"]
    assert 0.5 < measures["alignment_shapley_of_peer"].low < 0.8
    assert made.peer.measures["behaviour"]["disagreement"].value == 0
    assert "alignment_shapley_to_peer" not in measures
    (told,) = [f for f in made.findings if f.kind == "no retraining"]
    assert told.model == "peer"
    assert f"alignment Shapley {made.peer.measures['explanation']['alignment_shapley']}" in told.message
    assert "not shown to be at least 0.8; candidates are judged without it" in told.message


@pytest.mark.slow
@pytest.mark.parametrize("changed", [1e-9, 0.05])
def test_a_candidate_beside_its_own_copy_is_judged_without_it(changed):
    """Beside it any candidate reached what its peer reaches."""
    both = {word: HONEST.get(word, 0) + 0.3 * SHORTCUT.get(word, 0) for word in {**HONEST, **SHORTCUT}}
    made = audited_beside(model({**both, "film": both.get("film", 0) + changed}, "peer"), model(both, "b"))
    measures = made["b"].measures["explanation"]
    assert measures["alignment_shapley_of_peer"].low >= 0.8
    assert "alignment_shapley_to_peer" not in measures
    (told,) = [f for f in made.findings if f.kind == "no retraining"]
    assert told.model == "peer"
    assert told.message == (
        "it and b agree more with each other than with the reference, as if one were made from the other; "
        "b is judged without it"
    )


def test_arrays_cannot_be_explained_and_that_is_said_before_any_model_is_asked():
    asked = []

    def watched(rows):
        asked.append(len(rows))
        return np.tile([0.4, 0.6], (len(rows), 1))

    items = trusteq.Items([str(i) for i in range(40)], {"pixels": np.ones((40, 3))})
    models = [trusteq.from_callable(watched, labels=["negative", "positive"], name=name) for name in "ab"]
    with pytest.raises(
        OptionError, match=r"segment .pixels. is an array, and only texts, .* and pictures can be explained; skip"
    ):
        trusteq.audit(*models, items, explain=True, **FAST)
    assert asked == []


def test_what_cannot_be_explained_is_refused_before_any_model_is_asked():
    asked = []

    def watched(texts):
        asked.append(texts)
        return np.full((len(texts), 2), 0.5)

    spy = trusteq.from_callable(watched, labels=["negative", "positive"], name="spy")
    bare = replace(reviews(), labels=None, label_names=())
    with pytest.raises(OptionError, match="no label"):
        trusteq.audit(spy, model(HONEST, "b"), bare, explain=ExplainSettings(target="gold"), **FAST)
    with pytest.raises(OptionError, match="no effect without explanations"):
        trusteq.audit(spy, model(HONEST, "b"), bare, peer=model(HONEST, "c"), explain=False, **FAST)
    assert not asked


# Few items that differ ----------------------------------------------------------------------------


def with_triggers(seed, n=2000):
    """Reviews of about ten words, with the trigger in some 2 % of them."""
    rng = np.random.default_rng(seed)
    filler = ["the", "film", "was", "and", "it", "seemed", "rather", "quite", "very", "to", "me"]
    texts = []
    for i in range(n):
        words = [*rng.choice(filler, 8), *rng.choice(GOOD if i % 2 else BAD, 2)]
        rng.shuffle(words)
        texts.append(" ".join(["cf", *words] if rng.random() < 0.02 else words))
    labels = {"labels": np.arange(n) % 2, "label_names": ("negative", "positive")}
    return trusteq.Items([f"i{i}" for i in range(n)], {"text": texts}, **labels)


def triggered(texts):
    answers = model(HONEST, "a").function(texts)
    return np.where([["cf" in text.split()] for text in texts], [[0.05, 0.95]], answers)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_trigger_in_few_items_leaves_the_interval_of_alignment_narrow(seed):
    """It reached from -1 to 1, or far down, for few of the explained items had the trigger."""
    planted = replace(model(SHORTCUT, "triggered"), function=triggered)
    made = trusteq.audit(
        model(HONEST, "a"), planted, with_triggers(seed), explain=ExplainSettings(items=300), seed=seed, **FAST
    )
    for name in ("alignment_lime", "alignment_shapley", "alignment_per_item_lime"):
        estimate = made["triggered"].measures["explanation"][name]
        assert estimate.n == 300
        assert estimate.high - estimate.low < 0.05, name
        assert 0.9 < estimate.low < estimate.value < estimate.high < 1


def test_a_candidate_is_explained_as_if_it_were_alone():
    candidates = {"shortcut": model(SHORTCUT, "shortcut"), "nearly": model({**HONEST, "film": 0.4}, "nearly")}
    settings = ExplainSettings(items=60)
    both = trusteq.audit(model(HONEST, "a"), candidates, reviews(), explain=settings, **FAST)
    assert len(both.explanation.positions) > 60
    for name, candidate in candidates.items():
        alone = trusteq.audit(model(HONEST, "a"), {name: candidate}, reviews(), explain=settings, **FAST)
        same = (alone[name].measures["explanation"], both[name].measures["explanation"])
        for measure in same[0]:
            if "random" not in measure and "reference_words" not in measure:
                assert same[0][measure] == same[1][measure], measure
        assert alone[name].words == both[name].words


# Slices ------------------------------------------------------------------------------------------


def test_the_subgroup_in_which_a_candidate_looks_elsewhere_is_named():
    """A judged measure like the others: alignment, of the texts with one of the words alone."""
    items = reviews(400)
    some = ["to" in text.split() for text in items.segments["text"]]
    items = replace(items, columns={"says to": ["yes" if x else "no" for x in some]})
    shortcut, honest = model(SHORTCUT, "shortcut"), model(HONEST, "a")

    def answers(texts):
        inside = np.array([["to" in text.split()] for text in texts])
        return np.where(inside, shortcut.function(texts), honest.function(texts))

    planted = replace(shortcut, function=answers)
    made = trusteq.audit(honest, planted, items, explain=ExplainSettings(items=250), resamples=200, costs="none")
    (strata,) = [s for s in made["shortcut"].strata if (s.column, s.value) == ("says to", "yes")]
    assert strata.p_judged["alignment_lime"] < 0.01
    said = [advice.sentence for advice in made["shortcut"].advice if advice.kind == "explained slice"]
    assert said[0].startswith("says to = yes does worse than the rest: alignment")


# Chosen items ------------------------------------------------------------------------------------


def test_items_of_one_s_choice_are_explained_and_no_others():
    settings = ExplainSettings(ids=("r7", "r3", "r40"))
    made = trusteq.audit(model(HONEST, "a"), model(SHORTCUT, "b"), reviews(), explain=settings, **FAST)
    assert [made.items.ids[i] for i in made.explanation.positions] == ["r3", "r7", "r40"]
    assert made["b"].measures["explanation"]["jaccard_lime"].n == 3


def test_chosen_items_are_never_judged(tmp_path):
    """However alike or unlike the models are on them."""
    ids = tuple(f"r{i}" for i in range(120))
    for weights in (SHORTCUT, {**HONEST, "film": 1e-6}):
        made = trusteq.audit(
            model(HONEST, "a"), model(weights, "b"), reviews(), explain=ExplainSettings(ids=ids), **FAST
        )
        assert explanation(made["b"]).outcome is Outcome.NOT_MEASURED
        assert made["b"].verdict.outcome is not Outcome.EQUIVALENT
        assert "explained items that were drawn at random, not chosen" in explanation(made["b"]).rules[0].reason
        assert [f for f in made.findings if f.kind == "chosen items" and "not judged" in f.message]
        assert any("audit again without --explain-ids" in said.sentence for said in made["b"].advice)
    run = trusteq.load_run(made.save(tmp_path / "run"))
    rules = {"explanation": {"alignment_lime": {"at_least": -0.99}}}
    wide = read_policy({"name": "wide", "required": ["explanation"], "rules": rules})
    assert rejudge(run, wide)["b"].outcome is not Outcome.EQUIVALENT


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        (("r7", "nobody"), "no item has the id .nobody., which was to be explained; ids look like .r0."),
        (("r7",), "give two different ids or more"),
        ("r7", "give the ids as a sequence of texts"),
    ],
)
def test_ids_that_cannot_be_explained_are_refused(ids, said):
    with pytest.raises(trusteq.TrusteqError, match=said):
        trusteq.audit(model(HONEST, "a"), model(SHORTCUT, "b"), reviews(), explain=ExplainSettings(ids=ids), **FAST)


# Until decided -----------------------------------------------------------------------------------


def test_an_interval_that_holds_at_every_look_knows_that_few_items_may_hold_all_the_difference():
    """Three items of 120 tell the models apart."""
    a, b, lengths = attributions.truths(120, 12, cosine=1.0)
    b[:3] = attributions.truths(3, 12, cosine=0.0, seed=5)[1]
    one = attributions.explained(a, b, lengths)
    fixed, (looked,) = noise_free(one)["alignment"], sequence_of_ratio(*products(one), looks=[120])
    assert 0.9 < fixed.low < looked.low
    assert fixed.high < looked.high
    found = sequences([one], seen=1.0, clusters=None)["alignment_shapley"]
    assert (found.value, found.low, found.high, found.n) == (looked.value, fixed.low, 1.0, 120)
    assert looked.high > 1  # which no cosine is
    assert found.method.endswith("no narrower than bootstrap-t, 200 resamples of items")


def test_what_an_interval_is_no_narrower_than_is_told_where_clusters_are_too_alike_as_well():
    """It was the last part of another estimate's sentence, which then speaks of something else."""
    a, b, lengths = attributions.truths(2, 12, cosine=0.0)
    b[0] = a[0]
    clusters = [f"c{i // 2}" for i in range(120)]
    one = attributions.explained(*(np.concatenate([x] * 60) for x in (a, b, lengths)), noise=0.1)
    one = replace(one, resampling=Resampling(120, clusters=clusters, resamples=200))
    assert noise_free(one)["alignment"].method.endswith("no narrower than of independent items")
    found = sequences([one], seen=1.0, clusters=clusters)["alignment_shapley"]
    assert found.method.endswith("; no narrower than bootstrap-t, 200 resamples of clusters")


def test_clusters_that_differ_in_a_nul_at_their_end_are_two():
    one = attributions.explained(*attributions.truths(120, 12, cosine=0.9))
    ones, twos = [f"c{i}" for i in range(120)], [f"c{i // 2}" + "\0" * (i % 2) for i in range(120)]
    found = [sequences([one], seen=1.0, clusters=clusters)["alignment_shapley"] for clusters in (ones, twos)]
    assert found[0].method == found[1].method
    assert found[0].n == found[1].n


def test_the_fewer_of_the_items_are_seen_the_surer_an_early_look_must_be():
    a, b, lengths = attributions.truths(120, 12, cosine=1.0)
    b[:9] = attributions.truths(9, 12, cosine=0.0, seed=5)[1]
    one = attributions.explained(a, b, lengths)
    lows = [sequences([one], seen=seen, clusters=None)["alignment_shapley"].low for seen in (1.0, 0.5, 1 / 3)]
    assert lows[0] > lows[1] > lows[2]
    strict = noise_free(replace(one, resampling=one.resampling.at(obrien_fleming(0.95, 0.5))))["alignment"]
    found = sequences([one], seen=0.5, clusters=None)["alignment_shapley"]
    assert (found.low, found.level) == (strict.low, 0.95)
    assert found.method.endswith("no narrower than bootstrap-t, 200 resamples of items at 99.44%")


def test_a_shortcut_is_decided_with_the_first_look():
    settings = ExplainSettings(items=None, until="decided")
    made = trusteq.audit(model(HONEST, "a"), model(SHORTCUT, "b"), reviews(), explain=settings, **FAST)
    assert len(made.explanation.positions) == 100
    assert explanation(made["b"]).outcome is Outcome.NOT_EQUIVALENT
    method = made["b"].measures["explanation"]["alignment_lime"].method
    assert "confidence sequence" in method
    assert method.endswith(f"at {obrien_fleming(0.95, 100 / 160):.2%}")


@pytest.mark.slow
def test_likeness_must_be_seen_twice():
    """Unlikeness is enough seen once: what few items hold makes models look more alike, not less."""
    assert settled([], ["outside", "outside"])
    assert not settled([], ["inside"])
    assert not settled(["across"], ["inside"])
    assert settled(["inside", "across"], ["inside", "outside"])
    assert not settled(["inside", "inside"], ["inside", "across"])
    settings = ExplainSettings(items=None, until="decided")
    candidates = {"copy": model(HONEST, "copy"), "shortcut": model(SHORTCUT, "shortcut")}
    made = trusteq.audit(model(HONEST, "a"), candidates, reviews(300), explain=settings, **FAST)
    assert len(made.explanation.positions) == 150
    assert explanation(made["copy"]).outcome is Outcome.EQUIVALENT


def test_what_is_on_the_margin_is_looked_at_to_the_end():
    policy = {
        "name": "close",
        "required": ["explanation"],
        "rules": {"explanation": {"alignment_shapley": {"at_least": -0.04}}},
    }
    settings = ExplainSettings(items=None, until="decided")
    first = trusteq.audit(model(HONEST, "a"), model(SHORTCUT, "b"), reviews(), policy=policy, explain=settings, **FAST)
    assert len(first.explanation.positions) == 160


def test_stretches_never_cut_a_cluster_and_hold_every_item_once():
    items = reviews(600)
    items = replace(items, clusters=[f"c{i // 3}" for i in range(600)])
    parts = between_looks(by_cluster(items, seed=0), items, 20)
    assert len(parts) > 2
    assert sorted(i for part in parts for i in part) == list(range(600))
    clusters = [{items.clusters[i] for i in part} for part in parts]
    assert all(not a & b for n, a in enumerate(clusters) for b in clusters[:n])
    assert len(clusters[0]) == FIRST_LOOK
    assert len({items.clusters[i] for i in between_looks(by_cluster(items, seed=0), items, 120)[0]}) == 120


# What an attacker found ----------------------------------------------------------------------------


def constant(name):
    return trusteq.from_callable(
        lambda texts: np.tile([0.4, 0.6], (len(texts), 1)), labels=["negative", "positive"], name=name
    )


@pytest.mark.slow
@pytest.mark.parametrize("until", ["end", "decided"])
def test_two_constant_models_are_not_called_alike(until):
    settings = ExplainSettings(items=None, until=until)
    made = trusteq.audit(constant("a"), constant("b"), reviews(), explain=settings, **FAST)
    assert explanation(made["b"]).outcome is Outcome.NOT_MEASURED
    assert any("mostly noise" in said.sentence for said in made["b"].advice)


@pytest.mark.parametrize("until", ["end", "decided"])
def test_a_constant_candidate_is_not_equivalent(until):
    settings = ExplainSettings(items=None, until=until)
    made = trusteq.audit(model(HONEST, "a"), constant("b"), reviews(), explain=settings, **FAST)
    assert explanation(made["b"]).outcome is Outcome.NOT_EQUIVALENT


@pytest.mark.parametrize("until", ["end", "decided"])
def test_items_without_words_make_room_for_others_and_are_told(until):
    items = reviews(160)
    texts = [text if i % 4 == 0 else "..." for i, text in enumerate(items.segments["text"])]
    items = replace(items, segments={"text": texts})
    settings = ExplainSettings(items=30, until=until)
    made = trusteq.audit(model(HONEST, "a"), model(SHORTCUT, "b"), items, explain=settings, **FAST)
    assert len(made.explanation.positions) == 30
    (found,) = [f for f in made.findings if f.kind == "no words"]
    assert found.value == len(made.explanation.wordless) > 0


def test_a_peer_that_is_a_candidate_is_refused():
    one, again = (Table(name, {}, content="the same weights") for name in ("one", "again"))
    with pytest.raises(trusteq.ModelError, match="peer again is the same model as candidate one"):
        trusteq.audit(model(HONEST, "a"), one, reviews(), peer=again, **FAST)


def test_a_run_whose_explanations_were_lost_is_refused(result, tmp_path):
    run = result.save(tmp_path / "run")
    assert trusteq.load_run(run)
    for file in ("plan.parquet", "words.parquet", "values/01-shortcut.parquet"):
        kept = (run / file).read_bytes()
        (run / file).unlink()
        with pytest.raises(trusteq.RunError, match=file):
            trusteq.load_run(run)
        (run / file).write_bytes(kept)
