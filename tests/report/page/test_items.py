"""What the item browser is given."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from report.page import made_up

from trusteq.comparing.weight_similarity import cosine
from trusteq.report.page import explained_items, items
from trusteq.report.page.items import browser


@pytest.fixture(scope="module")
def made():
    return browser(made_up.evidence())


def test_answers_and_confidences_are_the_predictions(made):
    p = made_up.evidence().probabilities
    assert made.items["answers"] == p.argmax(axis=2).tolist()
    np.testing.assert_allclose(np.array(made.items["confidences"]) / made.items["digits"], p.max(axis=2), atol=5e-5)
    rows = np.array(made.items["probabilities"]).reshape(p.shape)
    np.testing.assert_allclose(rows / made.items["digits"], p, atol=5e-5)
    assert made.left_out == ()


def test_explained_items_are_found_by_their_place(made):
    frame = made_up.evidence().attributions
    ids = frame["id"].unique().tolist()
    assert [made.items["ids"][at] for at in made.items["explained"]] == ids


def test_every_word_has_its_place_and_its_weight_in_every_model(made):
    frame, words = made_up.evidence().attributions, made.words
    for m, model in enumerate(made_up.evidence().models):
        for i, (_, own) in enumerate(frame[frame["model"] == model].groupby("id", sort=False)):
            assert (
                np.array(words["spans"][i]).reshape(-1, 3).tolist()
                == own[["segment", "start", "end"]].to_numpy().tolist()
            )
            assert words["targets"][m][i] == made.items["labels"].index(own["label"].iloc[0])
            for k, method in enumerate(words["methods"]):
                np.testing.assert_allclose(np.array(words["values"][k][m][i]) / words["digits"], own[method], atol=5e-6)
                got = np.array(words["errors"][k][m][i]) / words["digits"]
                np.testing.assert_allclose(got, own[f"{method}_error"], atol=5e-6)


@pytest.mark.parametrize(("place", "method", "said"), [(0, "shapley", "Shapley"), (1, "lime", "LIME")])
def test_agreement_is_the_cosine_of_each_methods_attributions(made, place, method, said):
    frame = made_up.evidence().attributions
    small, large = (frame[frame["model"] == name][method].to_numpy() for name in ("shortcut", "large"))
    first = int((frame[frame["model"] == "large"]["id"] == frame["id"].iloc[0]).sum())
    wanted = cosine(large[None, :first], small[None, :first], np.array([first]))[0]
    agreement = made.items["agreement"][place]
    assert made.words["methods"][place] == method
    assert agreement["name"] == f"cosine, {said}"
    assert agreement["what"] == f"cosine of the two {said} attributions"
    assert agreement["values"][1][0] == pytest.approx(wanted, abs=1e-4)


def test_how_more_items_are_explained_is_said(made):
    assert made.items["unexplained"] == (
        "This item was not explained. An audit explains a random sample, here 43 of 110 items; --explain-items N "
        "explains more, --explain-items all explains every one."
    )


def test_slices_are_the_runs_own(made):
    columns = {column["name"]: column for column in made.items["columns"]}
    assert list(columns) == ["label", "genre", "text length"]
    genre = columns["genre"]
    assert [genre["values"][code] for code in genre["codes"]] == list(made_up.evidence().items["column genre"])
    lengths = columns["text length"]["values"]
    assert lengths == sorted(lengths, key=lambda value: int(value.split("-")[0].split()[0]))
    in_run = {s.value for s in made_up.evidence().document.candidates[0].slices if s.column == "text length"}
    assert in_run <= set(lengths)


# limits


def test_of_too_many_items_the_telling_ones_stay(monkeypatch):
    everything = made_up.evidence()
    answers = everything.probabilities.argmax(axis=2)
    explained = everything.attributions["id"].unique().tolist()
    telling = set(explained) | set(everything.items["id"][(answers[1:] != answers[0]).any(axis=0)])
    assert len(explained) < len(telling) < 60
    monkeypatch.setattr(items, "MOST_ITEMS", len(telling))
    made = browser(everything)
    assert set(made.items["ids"]) == telling
    assert [made.items["ids"][at] for at in made.items["explained"]] == explained
    assert f"{len(telling)} of 110 items" in made.left_out[0]


def test_texts_that_are_too_long_together_are_cut_and_it_is_said(monkeypatch):
    monkeypatch.setattr(items, "MOST_CHARACTERS", 5_000)
    made = browser(made_up.evidence())
    lengths = [len(text) for texts in made.items["texts"] for text in texts]
    assert sum(lengths) <= 5_000
    assert f"truncated after {max(lengths)} characters" in made.left_out[0]


def test_of_too_many_words_changed_and_least_aligned_items_stay(monkeypatch):
    monkeypatch.setattr(explained_items, "MOST_NUMBERS", 6_000)
    made, whole = browser(made_up.evidence()), browser(made_up.evidence())
    monkeypatch.undo()
    whole = browser(made_up.evidence())
    kept = set(made.items["explained"])
    assert 0 < len(kept) < 43
    assert f"{len(kept)} of 43 explained items" in made.left_out[0]
    assert made.items["unexplained"].startswith(
        "This page has no word weights for this item: it was not explained, or "
    )
    answers = np.array(whole.items["answers"])
    changed = {at for at in whole.items["explained"] if (answers[1:, at] != answers[0, at]).any()}
    assert changed <= kept or kept <= changed
    least = np.nanmin(np.array(whole.items["agreement"][0]["values"], dtype=float), axis=0)
    by_place = dict(zip(whole.items["explained"], least, strict=True))
    unchanged = [by_place[at] for at in kept - changed]
    left = [by_place[at] for at in set(by_place) - kept]
    assert max(unchanged) <= min(left)


def test_of_many_labels_an_item_shows_those_that_matter():
    made = many_labels(40)
    p, shown = made.probabilities, browser(made).items["shown"]
    for i, labels in enumerate(shown):
        top = {k for model in p for k in np.argsort(-model[i], kind="stable")[:3].tolist()}
        assert set(labels) == top | {made.gold[i]}
    values = browser(made).items["probabilities"]
    assert values[1][7] == [round(p[1, 7, k] * 10_000) for k in shown[7]]


def many_labels(many):
    """The made-up run with as many labels."""
    made, n = made_up.evidence(), 110
    labels = [f"l{k}" for k in range(many)]
    rng = np.random.default_rng(0)
    tables = {
        file.removesuffix(".parquet"): pd.DataFrame(rng.dirichlet(np.full(many, 0.1), size=n), columns=labels)
        for file in (model["predictions"] for model in made.manifest["models"])
    }
    tables["items"] = made.items.assign(label=rng.choice(labels, size=n))
    return replace(made, document=replace(made.document, labels=tuple(labels)), table=lambda name: tables.get(name))
