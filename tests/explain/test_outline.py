"""Long texts: sentences are left out first, then the words of those that matter most to the reference."""

import shutil
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import tiny_language_models as tiny
from rehashed import rehashed

import trusteq
from trusteq import ExplainSettings, OptionError, RunError, load_run
from trusteq.auditing.explanations import explain_settings
from trusteq.auditing.verify import verify_run
from trusteq.explain.explanation import explain, outline_plans
from trusteq.explain.outline import FEW_WORDS, OPENED_WORDS, Outline, sentences_then_words
from trusteq.explain.plan import mask_plan
from trusteq.explain.respondent import respondents
from trusteq.explain.units import CUTS, SENTENCES_THEN_WORDS, cut_named
from trusteq.explain.words import sentences, words
from trusteq.models.open import open_model

FEW = settings(derandomize=True, deadline=None, max_examples=150)
TEXTS = st.lists(st.text(max_size=40), min_size=1, max_size=3).map(tuple)
LABELS = ["negative", "positive"]
FILLER = ["the", "film", "was", "and", "it", "seemed", "rather", "quite", "very", "to", "me", "in", "all", "of"]
TELLING = {"superb": 2.0, "lovely": 1.5, "awful": -2.5, "dull": -1.5}
HONEST = {**TELLING, "film": 0.05, "was": -0.05}
OTHER = {"superb": 0.5, "lovely": 3.0, "awful": -0.5, "dull": -3.0}
SETTINGS = ExplainSettings(units=SENTENCES_THEN_WORDS)
FAST = {"resamples": 100, "with_slices": False, "costs": "none"}


def long_text(rng, telling, n=200):
    """Sentences of 8 to 15 words, ``n`` words or a few more; the telling words are at random places of one sentence."""
    parts = []
    while sum(map(len, parts)) < n:
        parts.append(list(rng.choice(FILLER, rng.integers(8, 16))))
    part = parts[rng.integers(len(parts))]
    for place, word in zip(rng.choice(len(part), len(telling), replace=False), telling, strict=True):
        part[place] = word
    return " ".join(f"{' '.join(part)}." for part in parts)


def reviews(n=12, words_each=200):
    """Long reviews, of which every sixth is short."""
    rng = np.random.default_rng(0)
    telling = [("awful", "dull"), ("superb", "lovely")]
    texts = [long_text(rng, telling[i % 2], 20 if i % 6 == 5 else words_each) for i in range(n)]
    return trusteq.Items([f"r{i}" for i in range(n)], {"text": texts}, np.arange(n) % 2, tuple(LABELS))


def reader(weights, name, seen=None):
    """A model whose log-odds are the sum of the weights of a text's words; texts that it reads are added to seen."""

    def predict(texts):
        if seen is not None:
            seen.extend(texts)
        odds = [sum(weights.get(word.strip("."), 0.0) for word in text.split()) for text in texts]
        p = 1 / (1 + np.exp(-np.array(odds)))
        return np.stack([1 - p, p], axis=1)

    return trusteq.from_callable(predict, labels=LABELS, name=name)


def explained(models, items, settings=SETTINGS):
    answers = [model.predict(items) for model in models]
    return explain(respondents(models, answers, LABELS), items, replace(settings, scale="log-odds"), gold=items.labels)


# The units ----------------------------------------------------------------------------------------


def parts(*lengths):
    return (" ".join(" ".join(f"w{i}x{k}" for k in range(n)) + "." for i, n in enumerate(lengths)),)


def test_short_items_and_single_sentences_are_cut_into_words():
    assert sentences_then_words(parts(30, 30)).names == words(parts(30, 30)).names
    assert sentences_then_words(parts(200)).names == words(parts(200)).names
    long = sentences_then_words(parts(30, FEW_WORDS - 29))
    assert isinstance(long, Outline)
    assert long.names == sentences(parts(30, 31)).names


def test_words_of_all_segments_count_together():
    assert isinstance(sentences_then_words((*parts(20, 20), *parts(21))), Outline)


@pytest.mark.parametrize(
    ("weights", "opened"),
    [
        ((0.1, -3, 0.2, 1), {1, 3}),  # by the absolute value
        ((0.1, 1, 1, 1), {1, 2}),  # of equal ones the earlier
        ((0, 1, 1 + 1e-15, 0), {1, 2}),  # equal but for rounding
        ((9, 0.1, 0.3, 0.2), {0}),  # the first of all, however long; then no other
        ((0.1, 1, 0.5, 0.4), {1, 2}),  # together at most so many words
        ((0, 0, 0, 0), {0}),
    ],
)
def test_the_largest_sentences_are_opened_up_to_a_number_of_words(weights, opened):
    assert OPENED_WORDS == 40
    texts = parts(50, 20, 20, 20)
    units = sentences_then_words(texts).opened(np.array(weights, dtype=float))
    expected = [
        name
        for i, (whole, n) in enumerate(zip(sentences(texts).names, (50, 20, 20, 20), strict=True))
        for name in ([f"w{i}x{k}" for k in range(n)] if i in opened else [whole])
    ]
    assert list(units.names) == expected


def test_a_whole_sentence_is_left_out_with_its_punctuation(monkeypatch):
    monkeypatch.setattr("trusteq.explain.outline.OPENED_WORDS", 2)
    outline = Outline(*(vars(sentences(("One two. Three!",)))[name] for name in ("texts", "spans", "unit")))
    units = outline.opened(np.array([1.0, 0.0]))
    assert units.names == ("One", "two", "Three!")
    assert units.write(np.array([True, False, True])) == ("One. Three!",)
    assert units.write(np.array([False, True, False])) == ("two.",)


@FEW
@given(TEXTS, st.data())
def test_no_word_is_lost_or_counted_twice(texts, data):
    whole = sentences(texts)
    if not len(whole):
        return
    weights = data.draw(st.lists(st.integers(-3, 3), min_size=len(whole), max_size=len(whole)))
    units = Outline(whole.texts, whole.spans, whole.unit).opened(np.array(weights, dtype=float))
    covered = {(s, i) for s, start, end in units.spans.tolist() for i in range(start, end)}
    assert all((s, i) in covered for s, start, end in words(texts).spans.tolist() for i in range(start, end))
    assert units.write(np.ones(len(units), dtype=bool)) == texts


# Explanations -------------------------------------------------------------------------------------


def by_place(units, weights):
    return dict(zip(map(tuple, units.spans.tolist()), weights, strict=True))


def important_words_error(explanation, items):
    """The root mean square error of the first model's weights of the telling words, and the masks of an item."""
    wrong = []
    whole = explanation.attributions()["shapley"][0].whole
    for i, (position, units) in enumerate(zip(explanation.positions, explanation.units, strict=True)):
        given = by_place(units, whole[i, : len(units)])
        sign = 1 if items.labels[position] else -1
        for place, name in zip(words(units.texts).spans.tolist(), words(units.texts).names, strict=True):
            if name in TELLING:
                wrong.append(given.get(tuple(place), 0.0) - sign * TELLING[name])
    return np.sqrt(np.mean(np.square(wrong))), np.mean([len(plan) for plan in explanation.plans])


def test_important_words_get_the_right_weights_from_a_fraction_of_the_masks():
    items = reviews(5)
    models = [reader(HONEST, "honest"), reader(HONEST, "copy")]
    made = explained(models, items)
    first = np.mean([len(table) for table in made.outlined])
    error, masks = important_words_error(made, items)
    throughout, more = important_words_error(
        explained(models, items, ExplainSettings(units="words", masks=int(2 * masks))), items
    )
    assert masks < 200
    assert masks + first < 280 < more
    assert error < 1e-6
    assert throughout > 0.5


def test_only_the_reference_is_asked_about_sentences_and_only_about_long_items():
    items, seen, heard = reviews(), [], []
    models = [reader(HONEST, "honest", seen), reader(HONEST, "copy", heard)]
    answers = [model.predict(items) for model in models]
    seen.clear()
    heard.clear()
    explanation = explain(respondents(models, answers, LABELS), items, SETTINGS, gold=None)
    masks = sum(map(len, explanation.plans))
    asked = [table for table in explanation.outlined if table is not None]
    assert [table is None for table in explanation.outlined] == [i % 6 == 5 for i in range(12)]
    assert (len(heard), len(seen)) == (masks, masks + sum(map(len, asked)))


def test_another_candidate_changes_nothing_about_the_first():
    items = reviews()
    models = [reader(weights, f"m{i}") for i, weights in enumerate((HONEST, OTHER, {"film": 2.0}))]
    few, more = explained(models[:2], items), explained(models, items)
    assert [units.content() for units in few.units] == [units.content() for units in more.units]
    assert few.content() == more.content()
    for model in (0, 1):
        for one, other in zip(few.tables[model], more.tables[model], strict=True):
            assert np.array_equal(one, other)
    other_reference = explained([models[2], models[0]], items)
    assert few.content() != other_reference.content()


def test_a_candidate_s_own_answer_does_not_choose_sentences():
    labels = ["a", "b", "c"]
    filler = " ".join(["it"] * 24)
    items = trusteq.Items(["x", "y"], {"text": [f"{filler} superb. {filler} dull. {filler} film."] * 2})

    def of_three(weights):
        def predict(texts):
            shown = np.array([[word in text for word in ("superb", "dull", "film")] for text in texts])
            raw = shown * np.array(weights)
            return np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)

        return trusteq.from_callable(predict, labels=labels, name=f"of {weights}")

    def units(*models):
        answers = [model.predict(items) for model in models]
        settings = replace(SETTINGS, target="own", scale="log-odds")
        return explain(respondents(models, answers, labels), items, settings, gold=None).units[0].names

    reference, other = of_three((3.0, 2.9, 0.0)), of_three((0.0, 4.0, 0.0))
    assert "superb" in units(reference, other)
    assert "dull" not in units(reference, other)
    assert units(reference, other) == units(reference, reference)


def test_sentences_are_left_out_by_other_masks_than_the_units_afterwards():
    outline = sentences_then_words(parts(*[5] * 20))
    (first,) = outline_plans(["x"], [outline], SETTINGS, seed=0)
    assert first.units == 20
    again = mask_plan("x", 20, masks=80, seed=0)
    assert not np.array_equal(first.masks[:40], again.masks[:40])
    assert outline_plans(["x"], [words(("a b",))], SETTINGS, seed=0) == [None]


# Runs ---------------------------------------------------------------------------------------------


def audited(**settings):
    items = reviews(24, words_each=80)
    models = reader(HONEST, "honest"), {"other": reader(OTHER, "other")}
    return trusteq.audit(*models, items, explain=ExplainSettings(units=SENTENCES_THEN_WORDS, **settings), **FAST)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return audited(items=12).save(tmp_path_factory.mktemp("outline") / "run")


@pytest.mark.parametrize(
    "settings",
    [
        {"items": 12},
        {"items": 12, "masks": 24, "target": "own"},
        {"until": "decided"},
        {"items": 6, "until": "stable", "k": 2, "masks": 64},
    ],
    ids=str,
)
def test_a_finished_run_reads_back_to_the_bit(settings, tmp_path):
    run = load_run(audited(**settings).save(tmp_path / "run"))
    found = verify_run(run)
    assert (found.differences, found.rounded) == ((), 0)
    assert set(run.table("sentences").columns) == {"id", *LABELS}


def test_the_run_says_who_chose_the_sentences(saved):
    (finding,) = [f for f in load_run(saved).document.items.findings if f.kind == "sentences first"]
    assert "in 9 of 12 explained items" in finding.message
    assert "matter most to honest were cut into words; no candidate had a say" in finding.message


def edited(saved, tmp_path, change):
    run = shutil.copytree(saved, tmp_path / "run")
    path = run / "sentences.parquet"
    table = pq.read_table(path)
    frame = change(table.to_pandas())
    pq.write_table(pa.Table.from_pandas(frame, table.schema, preserve_index=False), path)
    rehashed(run)
    return load_run(run)


def renamed(frame):
    return frame.assign(id=frame["id"].replace("r0", "r5"))


def without_end(frame):
    return frame.assign(positive=np.where(frame.index == 3, -np.inf, frame["positive"]))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda frame: frame.iloc[:-3], "rows, but the plan has"),
        (lambda frame: frame[frame["id"] != frame["id"].iloc[0]], "these are not the items whose sentences"),
        (lambda frame: frame.assign(id=frame["id"].iloc[::-1].to_numpy()), "these are not the items whose sentences"),
        (lambda frame: frame.assign(id="elsewhere"), "'elsewhere', which is not in this run"),
        (without_end, "holds a number that no model could give"),
    ],
)
def test_damaged_answers_are_refused_in_one_line(saved, tmp_path, change, said):
    run = edited(saved, tmp_path, change)
    with pytest.raises(RunError, match=said) as caught:
        verify_run(run)
    assert "\n" not in str(caught.value)
    assert "sentences.parquet" in str(caught.value)


def test_answers_that_open_other_sentences_do_not_verify(saved, tmp_path):
    def shuffled(frame):
        first = frame["id"] == frame["id"].iloc[0]
        values = frame.loc[first, LABELS].to_numpy(copy=True)
        values[2:] = np.random.default_rng(0).permutation(values[2:])
        frame.loc[first, LABELS] = values
        return frame

    with pytest.raises(RunError, match="masks of item 'r0', but seed and settings give"):
        verify_run(edited(saved, tmp_path, shuffled))
    # With as many masks for every item, the plan tells nothing.
    equal = audited(items=12, masks=24).save(tmp_path / "equal")
    assert not verify_run(edited(equal, tmp_path / "changed", shuffled)).passed


def test_a_run_without_the_table_is_refused(saved, tmp_path):
    run = shutil.copytree(saved, tmp_path / "run")
    (run / "sentences.parquet").unlink()
    with pytest.raises(RunError, match=r"incomplete: no sentences\.parquet"):
        load_run(run)
    rehashed(run)
    with pytest.raises(RunError, match="no table 'sentences'"):
        verify_run(load_run(run))


# Defaults and refusals ----------------------------------------------------------------------------


def long_items(words_each, **fields):
    """Sentences of words that are one or two tokens each."""
    rng = np.random.default_rng(0)
    texts = [
        " ".join(f"a {' '.join(rng.choice(['good', 'bad', 'good', 'a'], 11))}." for _ in range(0, words_each, 12))
        for _ in range(8)
    ]
    return trusteq.Items([f"t{i}" for i in range(8)], {"text": texts}, **fields)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("language")
    tiny.save(folder / "large")
    tiny.save(folder / "small", seed=2)
    return folder


TASK = {"task": "choices", "prompt": "Text: {{ text }}\nIt is", "choices": {"no": " bad", "yes": " good"}}
OWN = {"task": "choices", "prompt": "Q: {{ text }}\nA:", "options": "answers"}


def asked(place, name, task=TASK):
    return open_model(place / name, name=name, options={"task": task})


def test_long_texts_in_prompts_are_cut_this_way_by_default(place):
    model, classifier = asked(place, "large"), reader(HONEST, "honest")
    assert explain_settings(None, [model], long_items(110)).units == SENTENCES_THEN_WORDS
    assert explain_settings(True, [model], long_items(110)).units == SENTENCES_THEN_WORDS
    assert explain_settings(None, [model], long_items(80)).units == "words"
    assert explain_settings(None, [classifier], long_items(110)).units == "words"
    assert explain_settings(ExplainSettings(units="words"), [model], long_items(110)).units == "words"


@pytest.mark.parametrize("own", [False, True])
def test_language_models_are_explained_by_sentences_and_words(place, own, tmp_path):
    task = OWN if own else TASK
    options = [("a good", "a bad", "so")[: 2 + i % 2] for i in range(8)]
    fields = {"labels": np.arange(8) % 2, "label_names": ("0", "1", "2")[: 3 if own else 2]}
    items = long_items(70, **fields, **({"options": options} if own else {}))
    if not own:
        items = replace(items, label_names=("no", "yes"))
    models = [asked(place, name, task) for name in ("large", "small")]
    made = trusteq.audit(models[0], models[1], items, explain=ExplainSettings(units=SENTENCES_THEN_WORDS), **FAST)
    lengths = made.explanation.lengths
    assert all(table is not None for table in made.explanation.outlined)
    assert max(lengths) < 70
    found = verify_run(load_run(made.save(tmp_path / "run")))
    assert (found.differences, found.rounded) == ((), 0)


def test_items_of_more_than_texts_are_refused(monkeypatch):
    rows = replace(cut_named("words"), kinds=frozenset({"array"}))
    monkeypatch.setitem(CUTS, "rows", rows)
    items = trusteq.Items(["a", "b"], {"text": ["x y", "z"], "photo": np.zeros((2, 4))})
    model = reader(HONEST, "honest")
    with pytest.raises(OptionError, match="only for items of nothing but texts; use words"):
        explain_settings(replace(SETTINGS, units=f"{SENTENCES_THEN_WORDS}+rows"), [model], items)


def test_the_published_protocol_refuses_them():
    items = reviews()
    with pytest.raises(OptionError, match="only the number of items can be set"):
        trusteq.audit(reader(HONEST, "a"), reader(OTHER, "b"), items, protocol="paper", explain=SETTINGS, **FAST)
