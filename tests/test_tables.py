"""Tables from reading to the verdict: estimators, exported graphs, what is found, and the columns that decide."""

import itertools
import json
import sys
from math import factorial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from command import trusteq as cli
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

import trusteq
from trusteq import ExplainSettings, ModelError, load_run
from trusteq.auditing.verify import verify_run
from trusteq.models.frames import as_fitted

FAST = {"resamples": 200, "costs": "none"}


def people(n=600, seed=0):
    rng = np.random.default_rng(seed)
    data = pd.DataFrame(
        {
            "age": rng.integers(18, 80, n),
            "income": np.where(rng.random(n) < 0.1, np.nan, rng.lognormal(3, 0.5, n)),
            "hours": rng.normal(40, 8, n),
            "job": np.array(["clerk", "smith", "baker", None], dtype=object)[rng.integers(4, size=n)],
        }
    )
    score = 0.08 * (data["age"] - 45) + 0.15 * (data["hours"] - 40) + 0.9 * (data["job"] == "smith")
    data["label"] = np.where(score + rng.normal(size=n) > 0, "yes", "no")
    return data


COLUMNS = ["age", "income", "hours", "job"]


def pipeline(data, model=None):
    prepare = ColumnTransformer([("job", OneHotEncoder(handle_unknown="ignore"), ["job"])], remainder="passthrough")
    return make_pipeline(prepare, model or HistGradientBoostingClassifier(random_state=0)).fit(
        data[COLUMNS], data["label"]
    )


@pytest.fixture(scope="module")
def trained():
    data = people(1200, seed=1)
    return pipeline(data), pipeline(data, HistGradientBoostingClassifier(max_iter=5, random_state=0))


@pytest.fixture(scope="module")
def audited(trained):
    items = trusteq.read_items(people(), columns=COLUMNS, label="label")
    large, small = (trusteq.from_estimator(m, name=n) for m, n in zip(trained, ("large", "small"), strict=True))
    return trusteq.audit(large, small, items, **FAST)


def alignment(made, name):
    return made[name].measures["explanation"]["alignment_shapley"]


def test_a_pipeline_with_categories_and_gaps_is_audited_like_any_model(audited):
    assert audited.settings["explain"]["units"] == "column-groups"
    assert audited.settings["explain"]["background"] == 100
    assert audited.settings["explain"]["k"] == 1  # a quarter of four columns
    assert audited["small"].verdict.outcome != "EQUIVALENT"
    assert 0.3 < alignment(audited, "small").value < 1
    sliced = {part.column for part in audited["small"].slices}
    assert {"age", "hours", "job"} <= sliced


def test_a_model_is_equivalent_to_itself(trained):
    items = trusteq.read_items(people(), columns=COLUMNS, label="label")
    twin = trusteq.from_estimator(trained[0], name="twin")
    made = trusteq.audit(trusteq.from_estimator(trained[0], name="large"), twin, items, **FAST)
    assert made["twin"].verdict.outcome == "EQUIVALENT"
    assert alignment(made, "twin").value == 1


def test_columns_in_another_order_and_columns_too_many_change_nothing(trained, audited):
    data = people()
    data.insert(0, "noise", np.arange(len(data)) % 7)
    items = trusteq.read_items(data[["label", "job", "hours", "noise", "income", "age"]], columns="all", label="label")
    answers = trusteq.from_estimator(trained[0], name="large").predict(items)
    np.testing.assert_array_equal(answers, audited.reference.rows.values[np.argsort(_order(audited, items))])


def _order(audited, items):
    place = {id_: i for i, id_ in enumerate(items.ids)}
    return [place[id_] for id_ in audited.items.ids]


def test_a_run_comes_back_to_the_bit(audited, tmp_path):
    run = load_run(audited.save(tmp_path / "run"))
    found = verify_run(run)
    assert found.differences == ()
    assert (found.rounded, found.largest) == (0, 0.0)
    assert "arrays" not in " ".join(found.unchecked)
    plan = run.table("plan")
    assert plan["background_row"].between(0, 99).all()
    rows = audited.explanation.plans[0].drawn
    assert plan["background_row"][: len(rows)].tolist() == rows.tolist()


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Two graphs that read eight columns, one as a scaled regression and one as a tree, and a table for them."""
    skl2onnx = pytest.importorskip("skl2onnx")
    data = load_breast_cancer(as_frame=True).frame
    columns, folder = [*data.columns[:8]], tmp_path_factory.mktemp("graphs")
    for name, model in (
        ("large", make_pipeline(StandardScaler(), LogisticRegression())),
        ("tree", DecisionTreeClassifier(max_depth=3, random_state=0)),
    ):
        fitted = model.fit(data[columns][:300].to_numpy(), data["target"][:300])
        graph = skl2onnx.to_onnx(fitted, data[columns][:1].to_numpy(np.float32))
        (folder / f"{name}.onnx").write_bytes(graph.SerializeToString())
    data[[*columns, "target"]].iloc[300:450].to_csv(folder / "t.csv", index=False)
    return folder


def test_two_workers_give_the_same_bytes(exported, tmp_path):
    items = trusteq.read_items(exported / "t.csv", columns="all", label="target")
    made = []
    for workers in (1, 2):
        models = [trusteq.open_model(exported / f"{name}.onnx") for name in ("large", "tree")]
        with trusteq.executor(workers=workers, keep=tmp_path / f"work{workers}") as executor:
            options = {"explain": ExplainSettings(items=40), "executor": executor, "with_slices": False, **FAST}
            made.append(trusteq.audit(*models, items, **options))
    assert made[0]["tree"].measures == made[1]["tree"].measures


def test_the_same_row_has_the_same_plan_whatever_else_is_audited(audited, trained):
    other = trusteq.from_estimator(pipeline(people(300, seed=9)), name="third")
    items = trusteq.read_items(people(), columns=COLUMNS, label="label")
    made = trusteq.audit(trusteq.from_estimator(trained[0], name="large"), other, items, **FAST)
    first = {
        made.items.ids[p]: plan.content()
        for p, plan in zip(made.explanation.positions, made.explanation.plans, strict=True)
    }
    shared = [
        (first[audited.items.ids[p]], plan.content())
        for p, plan in zip(audited.explanation.positions, audited.explanation.plans, strict=True)
        if audited.items.ids[p] in first
    ]
    assert len(shared) > 100
    assert all(a == b for a, b in shared)


# Truth ---------------------------------------------------------------------------------------------------------------


def enumerated(predict, x, background):
    n = len(x)
    masks = np.array(list(itertools.product([False, True], repeat=n)))
    rows = np.where(masks[:, None], x, background).reshape(-1, n)
    values = predict(rows).reshape(len(masks), len(background)).mean(axis=1)
    value = dict(zip(map(tuple, masks.tolist()), values, strict=True))
    phi = np.zeros(n)
    for mask, without in value.items():
        for unit in range(n):
            if not mask[unit]:
                weight = factorial(sum(mask)) * factorial(n - sum(mask) - 1) / factorial(n)
                phi[unit] += weight * (value[*mask[:unit], True, *mask[unit + 1 :]] - without)
    return phi


@pytest.mark.slow
def test_agreement_is_that_of_all_masks_and_rows_by_enumeration():
    """Ten columns, every one of 1,024 masks beside every row of the background, for both models."""
    data = load_diabetes(as_frame=True)
    frame, target = data.data, (data.target > data.target.median()).map({True: "high", False: "low"})
    gbm = GradientBoostingClassifier(random_state=0, n_estimators=20).fit(frame[:300], target[:300])
    tree = DecisionTreeClassifier(max_depth=4, random_state=0).fit(frame[:300], target[:300])
    items = trusteq.Items(
        [str(i) for i in range(30)],
        {"row": trusteq.Rows.of_frame(frame[300:330], background=frame[:20])},
        (target[300:330] == "low").to_numpy().astype(int),
        ("high", "low"),
    )
    models = [trusteq.from_estimator(m, name=n) for m, n in ((gbm, "gbm"), (tree, "tree"))]
    settings = ExplainSettings(items=None, units="columns", per_unit=30)
    made = trusteq.audit(*models, items, explain=settings, **FAST)
    background = frame[:20].to_numpy()
    true = []
    for m in (gbm, tree):
        phi = []
        for i, x in enumerate(frame[300:330].to_numpy()):
            label = made.explanation.targets[0, made.items.ids.index(str(i))]

            def predict(rows, m=m, label=label):
                return m.predict_proba(pd.DataFrame(rows, columns=frame.columns))[:, label]

            phi.append(enumerated(predict, x, background))
        centred = np.array(phi)
        true.append(centred - centred.mean(axis=1, keepdims=True))
    cosine = (true[0] * true[1]).sum() / np.sqrt((true[0] ** 2).sum() * (true[1] ** 2).sum())
    found = alignment(made, "tree")
    assert found.value == pytest.approx(cosine, abs=0.05)
    assert found.low - 0.02 < cosine < found.high + 0.02
    whole = made.explanation.attributions()["shapley"][0].whole
    place = [made.items.ids.index(str(i)) for i in range(30)]
    centred = whole[place] - whole[place].mean(axis=1, keepdims=True)
    assert np.corrcoef(centred.ravel(), true[0].ravel())[0, 1] > 0.9


@pytest.mark.slow
def test_attributions_are_those_of_shaps_tree_explainer_up_to_the_noise_stated():
    shap = pytest.importorskip("shap")
    data = load_breast_cancer(as_frame=True)
    gbm = GradientBoostingClassifier(random_state=0, n_estimators=30).fit(data.data[:300], data.target[:300])
    background = data.data[:50]
    items = trusteq.Items(
        [f"{i:03}" for i in range(30)],
        {"row": trusteq.Rows.of_frame(data.data[300:330], background=background)},
        data.target[300:330].to_numpy(),
        ("0", "1"),
    )
    model = trusteq.from_estimator(gbm, name="gbm", labels=["0", "1"])
    small = GradientBoostingClassifier(random_state=0, n_estimators=3).fit(data.data[:300], data.target[:300])
    settings = ExplainSettings(items=None, units="columns", per_unit=100)
    made = trusteq.audit(
        model, trusteq.from_estimator(small, name="small", labels=["0", "1"]), items, explain=settings, **FAST
    )
    explainer = shap.TreeExplainer(gbm, background, feature_perturbation="interventional", model_output="probability")
    theirs = explainer.shap_values(data.data[300:330], check_additivity=False)
    sign = np.where(made.explanation.targets[0] == 1, 1, -1)[:, None]
    ours = made.explanation.attributions()["shapley"][0]
    # A part of the noise is that of v(none), which is common to an item's columns.
    difference = ours.whole - sign * theirs
    difference -= difference.mean(axis=1, keepdims=True)
    assert np.sqrt((difference**2).mean()) < 1.3 * np.sqrt((ours.error**2).mean())
    centred = theirs * sign - (theirs * sign).mean(axis=1, keepdims=True)
    assert np.sqrt((difference**2).mean()) < 0.5 * np.sqrt((centred**2).mean())


# A column that decides -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def leaked():
    """Two models of the same accuracy, one of which reads a column that happens to hold the answer as well."""
    rng = np.random.default_rng(0)
    n = 1500
    signal, copy = rng.normal(size=n), rng.normal(size=n)
    label = signal + 0.6 * rng.normal(size=n) > 0
    copy = np.where(label, 1, -1) * 0.8 + rng.normal(size=n) * 0.88
    data = pd.DataFrame({"signal": signal, "copy": copy, "noise": rng.normal(size=n)})
    data["label"] = np.where(label, "yes", "no")
    fit = {
        name: LogisticRegression().fit(data[[column]].to_numpy(), data["label"])
        for name, column in (("honest", "signal"), ("shortcut", "copy"))
    }
    return data, fit


def test_a_shortcut_through_another_column_is_caught_and_named(leaked):
    data, fit = leaked
    items = trusteq.read_items(data, columns=["signal", "copy", "noise"], label="label")

    def on(column, model):
        return trusteq.from_callable(
            lambda frame: model.predict_proba(frame[[column]].to_numpy()), labels=["no", "yes"], name=column
        )

    made = trusteq.audit(on("signal", fit["honest"]), {"copy": on("copy", fit["shortcut"])}, items, **FAST)
    accuracy = made["copy"].measures["behaviour"]["accuracy_difference"]
    assert abs(accuracy.value) < 0.05
    assert made["copy"].verdict.outcome == "NOT EQUIVALENT"
    assert alignment(made, "copy").high < 0.5
    leans = {row.word: row for row in made["copy"].words.rows}
    assert leans["copy"].lean_candidate > 3 * leans["copy"].lean_reference
    assert leans["signal"].lean_reference > 3 * leans["signal"].lean_candidate


def test_rescaled_confidence_of_the_same_columns_agrees(leaked):
    data, fit = leaked
    items = trusteq.read_items(data, columns=["signal", "copy", "noise"], label="label")

    def scaled(by, name):
        def predict(frame):
            z = by * fit["honest"].decision_function(frame[["signal"]].to_numpy())
            p = 1 / (1 + np.exp(-z))
            return np.stack([1 - p, p], axis=1)

        return trusteq.from_callable(predict, labels=["no", "yes"], name=name)

    made = trusteq.audit(scaled(1, "large"), scaled(0.97, "near"), items, **FAST)
    assert alignment(made, "near").low > 0.95


# What is found -------------------------------------------------------------------------------------------------------


def found(made, kind):
    return [f for f in (*made.item_findings, *made.reference.findings) if f.kind == kind]


def test_constant_columns_a_hidden_label_and_unseen_categories_are_said(trained):
    data = people()
    data["same"], data["code"] = 3, np.where(data["label"] == "yes", 1.0, 0.0) + np.linspace(0, 0.4, len(data))
    data.loc[:9, "job"] = "pilot"
    items = trusteq.read_items(data, columns="all", label="label")
    large, small = (trusteq.from_estimator(m, name=n) for m, n in zip(trained, ("large", "small"), strict=True))
    made = trusteq.audit(large, small, items, explain=False, **FAST)
    assert [f.message for f in found(made, "constant columns")] == [
        "'same' has one value in all 600 items, so nothing shows whether a model uses it"
    ]
    (hidden,) = found(made, "hidden label")
    assert hidden.message.startswith("column 'code' alone tells the label of 100.0% of the items")
    (unseen,) = found(made, "unseen categories")
    assert "column 'job' holds values that it never saw in training ('pilot') in 10 of 600 items" in unseen.message


@pytest.mark.parametrize("columns", [1, 2])
def test_tables_of_one_or_two_columns_are_explained(columns):
    rng = np.random.default_rng(0)
    data = pd.DataFrame(rng.normal(size=(150, columns)), columns=["a", "b"][:columns])

    def model(weight, name):
        def predict(frame):
            p = 1 / (1 + np.exp(-weight * frame["a"].to_numpy()))
            return np.stack([1 - p, p], axis=1)

        return trusteq.from_callable(predict, labels=["no", "yes"], name=name)

    items = trusteq.Items([f"{i:03}" for i in range(150)], {"row": data})
    made = trusteq.audit(model(1, "large"), model(0.9, "small"), items, explain=ExplainSettings(items=100), **FAST)
    assert len(made.explanation.units[0]) == columns
    if columns > 1:  # a single column is all that models can look at
        assert alignment(made, "small").value > 0.99


def test_a_column_that_is_constant_in_the_background_is_said(tmp_path):
    """A candidate that obeys a rare switch passes where the background never shows the switch turned."""
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"a": rng.normal(size=400), "switch": np.where(np.arange(400) < 2, "off", "on")})
    data["label"] = np.where(data["a"] > 0, "yes", "no")

    def by(name, obeys):
        def predict(frame):
            yes = 1 / (1 + np.exp(-3 * frame["a"].to_numpy()))
            yes = np.where(obeys & (frame["switch"] == "off"), 1 - yes, yes)
            return np.stack([1 - yes, yes], axis=1)

        return trusteq.from_callable(predict, labels=["no", "yes"], name=name)

    for background, said in ((data[2:], True), (data, False)):
        items = trusteq.read_items(data, columns="all", label="label", background=background[["a", "switch"]])
        made = trusteq.audit(by("large", False), by("small", True), items, explain=ExplainSettings(items=20), **FAST)
        messages = [f.message for f in found(made, "constant in background")]
        assert [m.startswith("'switch' has one value ('on') in all ") for m in messages] == [True] * said
        assert all("and in 398 of 400 items" in message for message in messages)
        assert verify_run(load_run(made.save(tmp_path / str(said)))).passed


def test_honest_tables_have_no_such_finding(audited):
    assert not {"constant columns", "hidden label", "unseen categories"} & {
        f.kind for f in (*audited.item_findings, *audited.reference.findings)
    }


def test_single_columns_are_shown_beside_groups():
    rng = np.random.default_rng(0)
    n = 400
    x = rng.normal(size=n)
    data = pd.DataFrame({"a": x, "b": x + 0.01 * rng.normal(size=n), "c": rng.normal(size=n)})

    def on(column):
        def predict(frame):
            p = 1 / (1 + np.exp(-(2 * frame[column] + 0.5 * frame["c"]).to_numpy()))
            return np.stack([1 - p, p], axis=1)

        return trusteq.from_callable(predict, labels=["no", "yes"], name=column)

    items = trusteq.Items([f"{i:03}" for i in range(n)], {"row": data})
    made = trusteq.audit(on("a"), on("b"), items, explain=ExplainSettings(items=150), **FAST)
    assert alignment(made, "b").low > 0.95  # twins exchanged: one unit
    (other,) = [f for f in made["b"].candidate.findings if f.kind == "asked in another way"]
    assert other.value < 0.5
    assert "columns in place of column groups" in other.message
    assert "on the same 60 items" in other.message


# Exported graphs -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_exported_graphs_are_audited_from_the_command_line(exported, tmp_path):
    graphs = [exported / "large.onnx", exported / "tree.onnx"]
    words = ["audit", *graphs, "--data", exported / "t.csv", "--label", "target", "--quiet"]
    ended = cli(*words, "--out", tmp_path / "run", "--resamples", "200", "--costs", "none")
    assert ended.returncode in (1, 3), ended.stderr
    assert "EQUIVALENT" in ended.stdout or "UNDECIDED" in ended.stdout
    assert verify_run(load_run(tmp_path / "run")).passed
    audit = json.loads((tmp_path / "run" / "audit.json").read_text())
    assert audit["settings"]["explain"]["units"] == "column-groups"
    ended = cli(*words, "--columns", "mean radius", "--out", tmp_path / "other")
    assert ended.returncode == 2
    assert "the graph reads 8 columns, but the items have 1" in ended.stderr
    assert not (tmp_path / "other").exists()


@pytest.mark.slow
def test_rows_that_rounding_puts_across_a_threshold_are_counted(tmp_path):
    skl2onnx = pytest.importorskip("skl2onnx")
    rng = np.random.default_rng(0)
    # Neighbouring values that are one number in 32 bits.
    x = 2.0**25 + rng.integers(0, 8, size=(400, 1)) + np.where(rng.random((400, 1)) < 0.5, 0, 4000)
    y = ((x[:, 0] - 2.0**25) % 4000 > 3.5).astype(int)
    tree = DecisionTreeClassifier(random_state=0).fit(x, y)
    (tmp_path / "t.onnx").write_bytes(skl2onnx.to_onnx(tree, x[:1].astype(np.float32)).SerializeToString())
    items = trusteq.Items([f"{i:03}" for i in range(400)], {"row": pd.DataFrame(x, columns=["x"])}, y, ("0", "1"))

    def precise(frame):
        v = (frame["x"].to_numpy() - 2.0**25) % 4000 > 3.5
        return np.stack([~v, v], axis=1).astype(float)

    reference = trusteq.from_callable(precise, labels=["0", "1"], name="tree")
    made = trusteq.audit(reference, trusteq.open_model(tmp_path / "t.onnx", name="graph"), items, explain=False, **FAST)
    moved = [f for f in made["graph"].candidate.findings if f.kind == "moved by rounding"]
    differ = int((made.reference.rows.values.argmax(1) != made["graph"].candidate.rows.values.argmax(1)).sum())
    assert 0 < differ < 200
    assert moved[0].value >= differ
    assert f"({differ} answers change)" in moved[0].message


def test_an_estimator_that_misses_a_column_says_which_and_how_all_are_read(trained):
    items = trusteq.read_items(people(), columns=["age", "income", "job"], label="label")
    estimator = trained[0]
    model = trusteq.from_estimator(estimator, name="large")
    with pytest.raises(trusteq.ModelError, match="it was fitted on column 'hours', which the items do not") as caught:
        model.predict(items)
    keyword, _, said = str(caught.value).rpartition(", with ")[2].partition("=")
    columns = eval(said, {"estimator": estimator})  # noqa: S307
    assert model.predict(trusteq.read_items(people(), **{keyword: columns}, label="label")).shape == (len(people()), 2)


@pytest.mark.parametrize(("version", "refused"), [("3.0.5", True), ("2.1.4", True), ("3.1.0", False), ("10.0", False)])
def test_xgboost_that_forgets_the_categories_it_was_fitted_on_is_refused(monkeypatch, version, refused):
    class Booster:
        __module__ = "xgboost.sklearn"
        feature_names_in_ = np.array(COLUMNS)

    monkeypatch.setitem(sys.modules, "xgboost", SimpleNamespace(__version__=version))
    data = people(20, seed=3)
    if refused:
        with pytest.raises(ModelError, match=f"^model m: column 'job' holds categories, and XGBoost {version} takes"):
            as_fitted(data, Booster(), name="m")
        numbers = data.assign(job=1.0)
        assert as_fitted(numbers, Booster(), name="m").equals(numbers[COLUMNS])
    else:
        assert as_fitted(data, Booster(), name="m")["job"].dtype == "category"


def test_boosted_trees_of_other_packages_take_categories():
    lightgbm = pytest.importorskip("lightgbm")
    data = people(800, seed=3).astype({"job": "category"})
    fitted = lightgbm.LGBMClassifier(n_estimators=20, verbose=-1, random_state=0).fit(data[COLUMNS], data["label"])
    held_out = people(200, seed=4)
    expected = fitted.predict_proba(held_out[COLUMNS].astype({"job": data["job"].dtype}))
    items = trusteq.read_items(held_out, columns=COLUMNS, label="label")  # texts, as a file has them
    np.testing.assert_allclose(trusteq.from_estimator(fitted, name="lgbm").predict(items), expected)
