"""A candidate audited before and after healing, on items that it did not learn from."""

import json
from dataclasses import replace

import numpy as np
import pytest

import trusteq
import trusteq.compress
from trusteq import DataError, ExplainSettings, Items, OptionError
from trusteq.compress.apart import set_aside
from trusteq.compress.before_and_after import AFTER, BEFORE, EXPLAINED, BeforeAndAfter
from trusteq.compress.original import Original
from trusteq.data.groups import together
from trusteq.data.repeats import contents

QUICK = {"rows": 320, "rate": 1e-3, "explain_items": 30}


@pytest.fixture(autouse=True, scope="module")
def _audited_quickly():
    """Audits are whole here: they are what is looked at."""


@pytest.fixture(scope="module")
def small(large, tmp_path_factory):
    out = tmp_path_factory.mktemp("small") / "small"
    return trusteq.compress.make(large, method="prune-heads", share=0.5, out=out).directory


@pytest.fixture(scope="module")
def data(large, texts):
    """Labelled texts, each in the data twice, under another id and in other whitespace."""
    once = texts(200, 31)
    items = Items([f"d{i}" for i in range(400)], {"text": [*once, *(f" {text} " for text in once)]})
    model = trusteq.open_model(large)
    return replace(items, labels=model.predict(items).argmax(axis=1), label_names=model.labels)


@pytest.fixture(scope="module")
def test(large, texts, data):
    known = set(contents(data))
    new = [*dict.fromkeys(texts(120, 32))]
    items = Items([f"t{i}" for i in range(len(new))], {"text": new})
    kept = items.take([i for i, content in enumerate(contents(items)) if content not in known])
    model = trusteq.open_model(large)
    return replace(kept, labels=model.predict(kept).argmax(axis=1), label_names=model.labels)


def healed(small, large, items, out, **options):
    return trusteq.compress.make(small, method="heal", original=large, items=items, out=out, **QUICK | options)


@pytest.fixture(scope="module")
def by_test(small, large, data, test, tmp_path_factory):
    return healed(small, large, data, tmp_path_factory.mktemp("healed") / "healed", test=test)


@pytest.fixture
def learned(monkeypatch):
    """What the original is asked about while the candidate learns, call by call."""
    asked = []
    real = Original.answers

    def answers(self, items):
        asked.append(set(contents(items)))
        return real(self, items)

    monkeypatch.setattr(Original, "answers", answers)
    return asked


def test_what_is_set_aside_is_neither_learned_from_nor_chosen_by(small, large, data, learned, tmp_path):
    made = healed(small, large, data, tmp_path / "healed")
    unseen = set(contents(made.test))
    dev, taught = learned[:2]
    assert unseen.isdisjoint(set().union(*learned))
    assert dev.isdisjoint(taught)
    assert len(dev | taught | unseen) == len(set(contents(data)))
    assert 0.15 < len(made.test) / len(data) <= 0.2
    assert made.recipe["audit"]["items"] == {
        "source": "items",
        "items": len(made.test),
        "content": made.test.content(),
        "set aside": True,
    }
    assert made.notes[-1].startswith(f"audited on {len(made.test)} of the 400 items of items, set aside")
    assert made.recipe["items"]["items"] + made.recipe["dev"]["items"] + len(made.test) == len(data)


def test_what_is_set_aside_depends_on_the_seed_alone(data):
    first, second, shuffled, other = (
        set_aside(items, None, seed=seed)[1].ids
        for items, seed in ((data, 3), (data, 3), (data.take(np.arange(400)[::-1]), 3), (data, 4))
    )
    assert first == second
    assert set(first) == set(shuffled)
    assert set(first) != set(other)


def test_nothing_set_aside_is_among_the_items_to_choose_by(data):
    dev = Items([f"v{i}" for i in range(150)], {"text": data.segments["text"][:150]})
    rest, aside = set_aside(data, dev, seed=0)
    assert set(contents(aside)).isdisjoint({*contents(dev), *contents(rest)})
    assert len(rest) + len(aside) == len(data)
    assert len(aside) > 20


def test_nothing_set_aside_is_of_a_cluster_to_choose_by():
    ids = [f"i{i}" for i in range(200)]
    data = Items(ids, {"text": [f"text {i}" for i in range(200)]}, clusters=[f"c{i // 2:03}" for i in range(200)])
    dev = Items([*"ab"], {"text": ["another", "one more"]}, clusters=["c001", "c002"])
    for seed in range(20):
        assert {"c001", "c002"}.isdisjoint(set_aside(data, dev, seed=seed)[1].clusters)


def test_clusters_that_share_a_content_are_one():
    items = Items([*"abcdef"], {"text": ["x", "y", "y ", "z", "w", "v"]}, clusters=["1", "1", "2", "2", "3", "4"])
    assert together(items).clusters == ["1", "1", "1", "1", "3", "4"]
    apart = items.take([0, 3, 4])
    assert together(apart) is apart
    bare = Items([*"ab"], {"text": ["x", "y"]})
    assert together(bare) is bare


def test_too_few_items_to_set_some_aside(one_line):
    with pytest.raises(DataError) as caught:
        set_aside(Items([*"abcd"], {"text": [*"wxyz"]}), None, seed=0)
    one_line(caught, "too few items (4)", "--test", "--no-audit")


@pytest.mark.parametrize("which", ["items", "dev"])
def test_items_that_were_learned_from_are_refused(which, small, large, data, test, tmp_path, one_line):
    repeated = Items(
        [f"o{i}" for i in range(len(test) + 5)],
        {"text": [*test.segments["text"], *(f"{text}\n" for text in data.segments["text"][:5])]},
    )
    given = {"items": data} if which == "items" else {"items": test, "dev": data}
    given |= {"test": repeated.take(range(len(test), len(repeated)))} if which == "dev" else {"test": repeated}
    with pytest.raises(DataError) as caught:
        healed(small, large, out=tmp_path / "healed", **given)
    some = f"5 of {len(given['test'])} items are"
    one_line(
        caught,
        f"items: {some} also among the items to learn from",
        f"'o{len(test)}', 'o{len(test) + 1}'",
        "...; remove them",
    )
    assert not list(tmp_path.iterdir())


def test_equal_rows_of_a_table_may_be_chance():
    import pandas as pd

    from trusteq.compress.apart import seen

    rows = Items([*"ab"], {"row": trusteq.read_items(pd.DataFrame({"x": [1.0, 2.0]}), columns=("x",)).segments["row"]})
    assert "2 of 2 items are also among" in seen(rows, rows, None)
    assert "may be chance in a table" in seen(rows, rows, None)
    assert "1 item is also" in seen(rows.take([0]), rows, None)
    assert seen(rows.take([0]), rows.take([1]), rows.take([1])) is None


def test_items_with_nothing_or_something_else_to_read(data, test, one_line):
    from trusteq.compress.apart import seen

    with pytest.raises(DataError) as caught:
        together(Items([*"ab"]))
    one_line(caught, "no text column named")
    pairs = replace(test, segments={"a": test.segments["text"], "b": test.segments["text"]})
    with pytest.raises(DataError) as caught:
        seen(pairs, data, None)
    one_line(caught, "items holds text to read, and items text and text")


def test_the_figures_are_those_of_an_audit(by_test, small, large, test):
    models = {BEFORE: trusteq.open_model(small), AFTER: trusteq.open_model(by_test.directory)}
    settings = ExplainSettings(items=30)
    other = trusteq.audit(trusteq.open_model(large), models, test, explain=settings, costs="none")
    for name in models:
        assert by_test.audit[name].flat == other[name].flat
        assert by_test.audit[name].verdict == other[name].verdict
    assert by_test.test is test


def test_the_change_is_paired(by_test, test, large, small):
    p, before, after = (trusteq.open_model(place).predict(test) for place in (large, small, by_test.directory))
    found = {one.measure: one for one in by_test.change.changes}
    assert all(found[name].paired for name in ("accuracy_difference", "smooth_ece_difference", "disagreement"))
    flips = [(p.argmax(1) != q.argmax(1)).mean() for q in (before, after)]
    assert found["disagreement"].change.value == pytest.approx(flips[1] - flips[0])
    kl = [(p * np.log(p / q)).sum(1).mean() for q in (before, after)]
    assert found["kl_reference_candidate"].before.value == pytest.approx(kl[0], rel=1e-4)
    assert found["kl_reference_candidate"].change.value == pytest.approx(kl[1] - kl[0], rel=1e-4)
    assert found["kl_reference_candidate"].direction == "moved"


def test_the_recipe_holds_verdicts_and_the_figures_that_decide(by_test, small, large, data, test, tmp_path):
    recipe = json.loads((by_test.directory / "trusteq-recipe.json").read_text("utf-8"))
    about = recipe["audit"]
    assert about["verdicts"]["before"]["verdict"] == str(by_test.audit[BEFORE].verdict.outcome)
    assert set(about["verdicts"]["after"]) == {"verdict", "behaviour", "calibration", "explanation"}
    estimate = by_test.audit[AFTER].flat["accuracy_difference"]
    expected = [float(f"{x:.6g}") for x in (estimate.value, estimate.low, estimate.high)]
    assert about["measures"]["accuracy_difference"]["after"] == expected
    assert {"disagreement", "kl_reference_candidate", "alignment_lime"} <= set(about["measures"])
    again = healed(small, large, data, tmp_path / "healed", test=test)
    first, second = ((made.directory / "trusteq-recipe.json").read_bytes() for made in (by_test, again))
    assert first == second


def test_a_saved_audit_is_an_ordinary_run(by_test, large, small, tmp_path):
    run = trusteq.load_run(by_test.audit.save(tmp_path / "run"))
    assert [*run] == ["before", "after"]
    places = [model["location"] for model in run.manifest["models"]]
    assert places == [str(large), str(small), str(by_test.directory)]
    assert run["after"].verdict == by_test.audit[AFTER].verdict


def test_the_candidate_is_audited_with_its_recipe_beside_it(small, large, data, test, tmp_path, monkeypatch):
    recipes = []
    real = BeforeAndAfter.audited

    def audited(self, reference, before, after, **options):
        recipes.append(json.loads((after / "trusteq-recipe.json").read_text("utf-8")))
        return real(self, reference, before, after, **options)

    monkeypatch.setattr(BeforeAndAfter, "audited", audited)
    made = healed(small, large, data, tmp_path / "healed", test=test)
    assert recipes == [{name: value for name, value in made.recipe.items() if name != "audit"}]


def test_an_interrupted_audit_is_taken_up_without_training_again(small, large, data, tmp_path, monkeypatch):
    import trusteq.compress.before_and_after as audits

    trained = []

    def stop(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(audits, "run_audit", stop)
        with pytest.raises(KeyboardInterrupt):
            healed(small, large, data, tmp_path / "healed")
    assert not (tmp_path / "healed").exists()
    made = healed(small, large, data, tmp_path / "healed", tell=lambda stage, done, total: trained.append(stage))
    assert not [stage for stage in trained if stage.startswith("round")]
    assert made.audit is not None
    assert [path.name for path in tmp_path.iterdir()] == ["healed"]


def test_labels_that_do_not_fit_are_an_error_before_training(small, large, data, test, learned, tmp_path):
    wrong = replace(test, labels=np.zeros(len(test), dtype=int), label_names=("positive", "negative"))
    with pytest.raises(trusteq.LabelError):
        healed(small, large, data, tmp_path / "healed", test=wrong)
    assert learned == []
    assert not list(tmp_path.iterdir())


def test_without_an_audit_nothing_is_set_aside(small, large, data, tmp_path):
    options = {"rows": 320, "rate": 1e-3}
    out = tmp_path / "healed"
    made = trusteq.compress.make(small, method="heal", original=large, items=data, out=out, audit=False, **options)
    assert (made.audit, made.test, made.change, made.document()["audit"]) == (None, None, None, None)
    assert "audit" not in made.recipe
    assert made.recipe["items"]["items"] + made.recipe["dev"]["items"] == len(data)


def test_an_audit_has_options_where_there_is_one(small, large, data, test, tmp_path, one_line):
    for arguments, words in (
        ({"method": "fp16", "test": test}, "test has no effect on method fp16, which audits nothing"),
        ({"method": "fp16", "audit": False}, "audit has no effect on method fp16"),
        (
            {"method": "heal", "original": large, "items": data, "audit": False, "policy": "default"},
            "policy has no effect without an audit",
        ),
    ):
        with pytest.raises(OptionError) as caught:
            trusteq.compress.make(small, out=tmp_path / "x", **arguments)
        one_line(caught, words)


def test_the_command_names_the_default_number_of_explained_items():
    from trusteq.cli.compress import compress

    help_ = next(option.help for option in compress.params if option.name == "explain_items")
    assert f"[default: {EXPLAINED}]" in help_


def test_a_task_file_for_a_classifier(small, large, data, tmp_path, one_line):
    with pytest.raises(OptionError) as caught:
        trusteq.compress.make(
            small, method="heal", original=large, items=data, out=tmp_path / "out", task={"task": "tokens"}
        )
    one_line(caught, "task has no effect on large, which is a classifier")
    assert not (tmp_path / "out").exists()
