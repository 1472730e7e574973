"""Audits of models of sounds, from recordings to a verdict and back: a hum that decides is caught and named."""

from itertools import product
from math import comb

import numpy as np
import pytest
from recordings import RATE, wav

import trusteq
from trusteq import ExplainSettings, load_run
from trusteq.auditing.verify import verify_run
from trusteq.data.sounds import Sounds
from trusteq.explain.plan import mask_plan
from trusteq.explain.shapley import shapley
from trusteq.explain.stretches import stretches
from trusteq.record.evidence import evidence
from trusteq.record.stored_responses import read_items
from trusteq.report.item import item_view
from trusteq.report.page.page import page

LABELS = ("low", "high")
N = RATE  # one second
PULSE, HUM = (600.0, 900.0), 3_000.0
AT = np.arange(N) / RATE


def recordings(n=200, seed=0):
    """Recordings with a pulse of a low or of a higher tone at some time, and a quiet hum in those labelled high."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    clips = []
    for label in labels:
        start = rng.uniform(0.1, 0.6)
        pulse = np.exp(-(((AT - start - 0.1) / 0.06) ** 2))
        clip = rng.uniform(0.2, 0.4) * pulse * np.sin(2 * np.pi * PULSE[label] * AT + rng.uniform(0, 6))
        clip += 0.01 * rng.normal(size=N)
        if label:
            clip[6000:7000] += 0.02 * np.sin(2 * np.pi * HUM * AT[6000:7000])
        clips.append(clip)
    return [wav(clip) for clip in clips], labels


def strength(samples, hz):
    """How strong a tone is in the samples, wherever it is: the magnitude of one bin of 0.125 s, the largest."""
    parts = samples[: len(samples) // 1000 * 1000].reshape(-1, 1000).astype(np.float64)
    wave = np.exp(-2j * np.pi * hz * np.arange(1000) / RATE)
    return np.abs(parts @ wave).max() / 500


def by_pulse(samples):
    return 25 * (strength(samples, PULSE[1]) - strength(samples, PULSE[0]))


def by_hum(samples):
    return 400 * (strength(samples, HUM) - 0.01)


def answers(score):
    def of(inputs):
        assert all(samples.dtype == np.float32 for samples in inputs)
        p = 1 / (1 + np.exp(-np.clip([score(samples) for samples in inputs], -8, 8)))
        return np.stack([1 - p, p], axis=1)

    return of


def model(score, name):
    return trusteq.from_callable(answers(score), labels=LABELS, name=name)


LARGE, NEARLY, SHORTCUT = (
    model(by_pulse, "large"),
    model(lambda x: 0.95 * by_pulse(x), "nearly"),
    model(by_hum, "shortcut"),
)


def items_of(files, labels):
    return trusteq.Items([f"r{i:03}" for i in range(len(files))], {"clip": Sounds.of(files)}, labels, LABELS)


@pytest.fixture(scope="module")
def audited():
    return trusteq.audit(
        LARGE,
        [NEARLY, SHORTCUT],
        items_of(*recordings()),
        explain=ExplainSettings(items=60),
        resamples=200,
        costs="none",
    )


@pytest.fixture(scope="module")
def saved(audited, tmp_path_factory):
    return audited.save(tmp_path_factory.mktemp("sounds") / "run")


def test_a_model_that_hears_the_hum_answers_alike_for_another_reason(audited):
    found = {c.name: c.measures for c in audited.comparisons}
    for name in ("nearly", "shortcut"):
        assert found[name]["behaviour"]["agreement"].value > 0.99
    assert found["nearly"]["explanation"]["alignment_shapley"].value > 0.99
    assert found["shortcut"]["explanation"]["alignment_shapley"].high < 0.5
    assert audited["shortcut"].verdict.outcome.name != "EQUIVALENT"


def test_the_unit_that_carries_the_hum_is_named(audited):
    first = audited["shortcut"].words.rows[0]
    assert first.word == "0.75-0.88 s, high"
    assert first.q_value < 1e-6
    assert first.lean_candidate > 5 * abs(first.lean_reference)
    for row in audited["nearly"].words.rows:
        assert row.lean_candidate == pytest.approx(row.lean_reference, rel=0.1, abs=0.01)


def test_it_is_sliced_by_what_is_measured_in_sounds(audited):
    measures = audited.items.segments["clip"].measures()
    sliced = {part.column for part in audited["nearly"].slices} & measures.keys()
    assert sliced == {"loudness in decibels", "spectral centroid in hertz"}  # the others are the same for all


def test_what_changed_items_have_in_common_is_looked_for_in_how_they_sound():
    rng = np.random.default_rng(3)
    loud = rng.uniform(0.05, 0.5, 400)
    waves = [scale * np.sin(2 * np.pi * PULSE[i % 2] * AT[:1000]) for i, scale in enumerate(loud)]
    items = trusteq.Items([str(i) for i in range(400)], {"clip": Sounds.of_arrays(waves, rate=RATE)})

    def sure(samples):
        return 3.0 * np.sign(by_pulse(samples))

    def deaf(samples):  # to what is quiet, which it takes for the other
        return sure(samples) * np.sign(np.square(samples).mean() - 0.01)

    made = trusteq.audit(model(sure, "sure"), model(deaf, "deaf"), items, explain=False, resamples=100, costs="none")
    first = made["deaf"].common().iloc[0]
    assert first["condition"].startswith("have a loudness in decibels of at most -20")
    assert first["inside"] > 0.9


def test_a_model_against_itself_is_one_and_against_chance_is_near_none():
    items = items_of(*recordings(80, seed=1))
    rng = np.random.default_rng(0)
    windows = rng.normal(size=N)
    unrelated = model(lambda x: 0.2 * float(windows[: len(x)] @ x), "unrelated")
    made = trusteq.audit(
        LARGE,
        [model(by_pulse, "again"), unrelated],
        items,
        explain=ExplainSettings(items=60),
        resamples=100,
        costs="none",
        with_slices=False,
    )
    found = {c.name: c.measures["explanation"]["alignment_shapley"] for c in made.comparisons}
    assert found["again"].value == pytest.approx(1, abs=1e-6)
    assert found["unrelated"].low < 0 < found["unrelated"].high


def test_attributions_of_few_units_are_the_exact_shapley_values():
    sound = items_of(*recordings(1)).segments["clip"][0]
    units = stretches((sound,))
    few = type(units)(sound, units.ends[[0, 2, 5, 8]], units.edges)  # three stretches of two bands
    plan = mask_plan("clip", 6, masks=64)
    assert plan.exact
    values = np.array([np.tanh(by_pulse(samples)) for samples in few.render(plan.masks, "remove")[0].inputs()])
    worth = {tuple(mask): value for mask, value in zip(plan.masks.tolist(), values, strict=True)}
    exact = np.zeros(6)
    for unit, (mask, value) in product(range(6), worth.items()):
        if not mask[unit]:
            joined = worth[(*mask[:unit], True, *mask[unit + 1 :])]
            exact[unit] += (joined - value) / 6 / comb(5, sum(mask))
    estimated, _ = shapley(plan, values[:, None])
    np.testing.assert_allclose(estimated[:, 0], exact, atol=1e-9)
    assert np.abs(exact).max() > 0.1


def test_a_run_gives_the_recordings_back_and_comes_to_the_same(audited, saved):
    run = load_run(saved)
    back = read_items(run)
    assert back.content() == audited.items.content()
    assert [sound.encoded for sound in back.segments["clip"]] == [s.encoded for s in audited.items.segments["clip"]]
    found = verify_run(run)
    assert found.differences == ()
    assert (found.rounded, found.largest) == (0, 0.0)


def test_the_run_says_where_each_unit_is(saved):
    frame = load_run(saved).table("attributions")
    row = frame[frame["word"] == "0.75-0.88 s, high"].iloc[0]
    assert [row[name] for name in ("start", "end", "low", "high")] == [750, 875, 1114, 4000]


def test_items_and_page_show_sounds_and_stretches(audited, saved):
    run = load_run(saved)
    explained = audited.items.ids[audited.explanation.positions[0]]
    view = str(item_view(evidence(run), explained, "shortcut"))
    assert "clip: sound of 1.00 s at 8,000 Hz" in view
    assert "0.00-0.12 s, low" in view
    assert "what each stretch contributes to" in view
    made = page(evidence(run))
    assert "0.75-0.88 s, high" in made
    assert "stretches" in made
    assert "stretchs" not in made
