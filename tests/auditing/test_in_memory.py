"""``trusteq.compare``: what it takes, that it is the audit of files with the same predictions, and what it refuses."""

import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.dummy import DummyClassifier

import trusteq
from trusteq.auditing import in_memory
from trusteq.data.predictions import softmax
from trusteq.data.score_table import is_named

LABELS = ["neg", "neutral", "pos"]
ITEMS = 150


@pytest.fixture(scope="module")
def made():
    """Logits of two models [items, labels], codes and names of gold labels, and two columns."""
    rng = np.random.default_rng(5)
    large = rng.normal(size=(ITEMS, 3)) * 3
    small = large * 0.8 + rng.normal(size=large.shape) * 0.3
    codes = (large + rng.gumbel(size=large.shape)).argmax(axis=1)
    return SimpleNamespace(
        large=large,
        small=small,
        p=softmax(large),
        q=softmax(small),
        codes=codes,
        names=np.array(LABELS)[codes],
        genre=np.array(["a", "b"])[rng.integers(0, 2, ITEMS)],
        author=np.arange(ITEMS) // 2,
    )


def compare(*given, **settings):
    return trusteq.compare(*given, **{"resamples": 100, **settings})


def answers(*given, **settings):
    """Each model's answers in the order of the reference's labels, and the gold codes: all that an audit is made of."""
    labels = settings.pop("labels", None)
    reference, candidates, items = in_memory.given(*given, labels=labels and tuple(map(str, labels)), **settings)
    rows = [reference.predict(items)]
    for model in candidates:
        order = [model.labels.index(label) for label in reference.labels]
        rows.append(model.predict(items)[:, order])
    return SimpleNamespace(rows=np.stack(rows), labels=reference.labels, gold=items.gold(reference.labels), items=items)


def same(one, other):
    assert one.labels == other.labels
    assert np.allclose(one.rows, other.rows, rtol=0, atol=1e-15)  # a row's sum depends on the order of its columns
    assert np.array_equal(one.gold, other.gold)


@pytest.fixture(scope="module")
def plain(made):
    return answers(made.p, made.q, made.codes, labels=LABELS)


@pytest.fixture(scope="module")
def audited(made):
    return compare(made.p, made.q, made.codes, labels=LABELS)


@pytest.mark.parametrize("sliced", [False, True])
def test_the_numbers_are_those_of_an_audit_of_files_to_the_bit(made, tmp_path, sliced):
    for name, scores in (("reference", made.p), ("candidate", made.q)):
        frame = pd.DataFrame(scores, columns=LABELS)
        frame.assign(gold=made.names, genre=made.genre, author=made.author).to_csv(tmp_path / f"{name}.csv")
    items = trusteq.read_items(
        tmp_path / "reference.csv", label="gold", cluster="author", slices="genre" if sliced else ()
    )
    files = [
        trusteq.open_model(tmp_path / f"{name}.csv", not_labels=("author",)) for name in ("reference", "candidate")
    ]
    audited = trusteq.audit(
        *files, items, dimensions=["behaviour", "calibration"], resamples=100, with_slices=sliced, costs="none"
    )
    compared = compare(
        made.p,
        made.q,
        made.names,
        labels=LABELS,
        clusters=made.author,
        slices={"genre": made.genre} if sliced else None,
    )
    pd.testing.assert_frame_equal(compared.estimates(), audited.estimates(), check_exact=True)
    assert compared["candidate"].verdict == audited["candidate"].verdict
    assert len(compared.estimates()) > (300 if sliced else 90)
    pd.testing.assert_frame_equal(compared.flips(), audited.flips(), check_exact=True)


def test_an_array_a_list_a_frame_and_a_tensor_of_the_same_numbers_are_one_audit(made, plain):
    p, q = (pd.DataFrame(scores, columns=LABELS) for scores in (made.p, made.q))
    other_order = q[["pos", "neg", "neutral"]]
    lists = answers(made.p.tolist(), made.q.tolist(), made.codes.tolist(), labels=LABELS)
    assert np.array_equal(lists.rows, plain.rows)
    same(plain, lists)
    same(plain, answers(p, other_order, pd.Series(made.names)))
    same(plain, answers(p, other_order, made.codes))
    same(plain, answers(pa.table(p), pa.table(other_order), pa.array(made.names)))
    same(plain, answers(pd.DataFrame(made.p), pd.DataFrame(made.q), made.names, labels=LABELS))


def test_a_tensor_of_torch_is_an_array(made, plain):
    torch = pytest.importorskip("torch")
    p, q = torch.tensor(made.p, requires_grad=True), torch.tensor(made.q)
    same(plain, answers(p, q, torch.tensor(made.codes), labels=LABELS))


def test_frames_of_polars_are_frames(made, plain):
    polars = pytest.importorskip("polars")
    p, q = (polars.DataFrame(scores, schema=LABELS) for scores in (made.p, made.q))
    same(plain, answers(p, q.select(LABELS[::-1]), polars.Series(made.names)))


def test_gold_labels_are_names_where_all_are_names_and_else_positions(made, plain):
    sevens = ["7", "8", "9"]
    by_name = answers(made.p, made.q, made.codes + 7, labels=[7, 8, 9])
    assert by_name.labels == tuple(sevens)
    assert np.array_equal(by_name.gold, made.codes)
    assert np.array_equal(answers(made.p, made.q, made.codes.astype(float), labels=sevens).gold, made.codes)
    assert np.array_equal(
        answers(made.p, made.q, pd.Series(pd.Categorical(made.names)), labels=LABELS).gold, made.codes
    )
    # 0 and 1 are names here, so that they are not positions.
    swapped = answers(made.p[:, :2] / made.p[:, :2].sum(axis=1)[:, None], made.q[:, [0]], made.codes % 2,
                      labels=["1", "0"])  # fmt: skip
    assert np.array_equal(swapped.gold, 1 - made.codes % 2)


def test_one_column_is_the_probability_of_the_second_label(made):
    two = softmax(made.large[:, :2])
    other = softmax(made.small[:, :2])
    gold = made.codes % 2
    both = answers(two, other, gold)
    same(both, answers(1 - two[:, 0], other[:, [1]], gold.astype(bool)))
    assert answers(two[:, 1], other[:, 1], gold, labels=["ham", "spam"]).labels == ("ham", "spam")
    margin = made.large[:, 1] - made.large[:, 0]
    as_logits = answers(margin, made.small[:, 1] - made.small[:, 0], gold, scores="logits")
    assert np.allclose(as_logits.rows[0], two, atol=1e-12)


def test_logits_are_logits_only_if_that_is_said(made, plain):
    logits = answers(made.large, made.small, made.codes, labels=LABELS, scores="logits")
    assert np.allclose(logits.rows[0], made.p, atol=1e-12)


@pytest.mark.usefixtures("python_words")
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: {"p_large": m.large}, ["array of reference: row 1", "is not a probability", "use scores='logits'"]),
        (lambda m: {"p_small": m.small}, ["array of candidate: row 1", "use scores='logits'"]),
        (lambda m: {"scores": "logits"}, ["array of reference", "look like probabilities, not logits"]),
        (lambda m: {"p_large": m.large[:, 0], "labels": ["n", "y"]}, ["of reference: row", "use scores='logits'"]),
        (lambda m: {"p_large": m.p[:, 0], "scores": "logits"}, ["between 0 and 1", "not logits"]),
        (lambda m: {"scores": "logit"}, ["scores is 'logit'", "'probabilities' or 'logits'"]),
        (lambda m: {"p_large": m.codes}, ["array of reference: holds answers", "predict_proba"]),
        (lambda m: {"p_small": m.names}, ["array of candidate: holds answers", "'"]),
        (lambda m: {"p_small": m.codes.astype(float)}, ["array of candidate: holds answers"]),
        (lambda m: {"p_small": m.names.tolist()}, ["array of candidate: holds answers"]),
        (lambda m: {"p_small": [m.q, m.q]}, ["shape [2, 150, 3]", "a mapping from names"]),
        (lambda m: {"p_small": m.q[:-1]}, ["149 rows", "150 items"]),
        (lambda m: {"p_small": m.q[:, :2]}, ["2 columns, but 3 labels"]),
        (lambda m: {"p_small": m.q * 100}, ["percentages", "divide them by 100"]),
        (lambda m: {"p_small": np.where(m.q > 0.9, np.nan, m.q)}, ["every value must be finite"]),
        (lambda m: {"p_small": np.ma.masked_greater(m.q, 0.9)}, ["values are masked"]),
        (
            lambda m: {"p_small": DummyClassifier().fit([[0]] * 2, [0, 1])},
            ["array of candidate: found DummyClassifier, a model", "or audit models with trusteq.audit"],
        ),
        (lambda m: {"p_small": "small.csv"}, ["found str 'small.csv'", "files are audited by trusteq.audit("]),
        (lambda m: {"p_small": None}, ["found NoneType"]),
        (lambda m: {"p_large": m.p[:0]}, ["no rows"]),
        (lambda m: {"p_large": [[0.5, 0.5], [1.0]]}, ["rows of unequal length"]),
        (lambda m: {"p_large": [["a", "b"], ["c", "d"]]}, ["'a' is not a number"]),
        (lambda m: {"labels": "abc"}, ["a list of names", "'abc'"]),
        (lambda m: {"labels": ["a", "a", "b"]}, ["'a' appears twice"]),
        (lambda m: {"y": m.names, "labels": None}, ["have no names", "labels=['neg', 'neutral', 'pos']", "classes_"]),
        (lambda m: {"y": m.names[:-1]}, ["y: 149 values for 150 items"]),
        (lambda m: {"y": m.codes - 1}, ["y: row ", "'-1' is not one of the labels", "positions from 0 to 2"]),
        (lambda m: {"y": m.codes + 0.5}, ["y: row 1", "is a fraction"]),
        (lambda m: {"y": pd.Series(m.codes).where(m.codes > 0)}, ["y: row ", "has no value"]),
        (lambda m: {"y": np.eye(3)[m.codes]}, ["y: shape [150, 3]", "numpy.argmax(y, axis=1)"]),
        (lambda m: {"y": m.codes[:, None]}, ["numpy.ravel(y)"]),
        (lambda m: {"y": pd.DataFrame({"gold": m.codes})}, ["y: found a data frame", "one value per item"]),
        (lambda m: {"y": "gold"}, ["y: found the text 'gold'"]),
        (lambda m: {"ids": ["a"] * ITEMS}, ["ids: 'a' appears twice"]),
        (lambda m: {"slices": ["genre"]}, ["slices is a list", "mapping"]),
        (lambda m: {"names": ["one"]}, ["names has 1", "the reference and the candidate"]),
        (lambda m: {"names": ["one", "one"]}, ["two models are named 'one'"]),
        (lambda m: {"p_small": m.p.copy()}, ["is the same model as", "allow_same=True"]),
        (lambda m: {"p_small": pd.DataFrame(m.q, columns=LABELS), "labels": None}, ["candidate names its labels"]),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused_in_one_line(made, one_line, change, says):
    given = {"p_large": made.p, "p_small": made.q, "y": made.names, "labels": LABELS} | change(made)
    with pytest.raises(trusteq.TrusteqError) as caught:
        trusteq.compare(**given)
    one_line(caught, *says)


def test_rows_of_frames_are_matched_by_the_ids_that_they_share(made, plain):
    p, q = (pd.DataFrame(scores, columns=LABELS) for scores in (made.p, made.q))
    p.insert(0, "item_id", [f"i{i:03}" for i in range(ITEMS)])
    q.insert(0, "item_id", p["item_id"])
    shuffled = q.sample(frac=1, random_state=1).reset_index(drop=True)
    matched = answers(p, shuffled, made.names)
    same(matched, answers(p, q, made.names))
    same(matched, answers(p, made.q, made.names, labels=LABELS))
    assert matched.items.ids[1] == "i001"


@pytest.mark.usefixtures("python_words")
def test_an_index_in_another_order_is_refused(made, one_line):
    p, q = (pd.DataFrame(scores, columns=LABELS) for scores in (made.p, made.q))
    with pytest.raises(trusteq.DataError) as caught:
        answers(p.sample(frac=1, random_state=1), q, made.names)
    one_line(caught, "candidate: its index has the same values as that of reference, in another order", "reset_index")
    groups = pd.Series(np.arange(ITEMS) // 4)
    for name, more in {
        "ids": {"ids": pd.Series([f"i{i}" for i in range(ITEMS)]).sample(frac=1, random_state=1)},
        "clusters": {"clusters": groups.sample(frac=1, random_state=1)},
        "slices": {"slices": groups.to_frame("g").sample(frac=1, random_state=1)},
        "slices['g']": {"slices": {"g": groups.sample(frac=1, random_state=1)}},
    }.items():
        with pytest.raises(trusteq.DataError) as caught:
            answers(p, q, made.names, **more)
        one_line(caught, f"{name}: its index has the same values as that of reference, in another order")
    items = p.assign(label=made.names)
    with pytest.raises(trusteq.DataError) as caught:
        trusteq.audit(items, q.sample(frac=1, random_state=1), items, label="label", costs="none")
    one_line(caught, "candidate 1: its index has the same values as that of items, in another order")


def test_slices_with_the_shared_ids_are_matched_by_them(made, one_line):
    p, q = (pd.DataFrame(scores, columns=LABELS) for scores in (made.p, made.q))
    p.insert(0, "id", [f"i{i:03}" for i in range(ITEMS)])
    slices = pd.DataFrame({"id": p["id"], "half": ["first"] * (ITEMS // 2) + ["second"] * (ITEMS - ITEMS // 2)})
    shuffled = slices.sample(frac=1, random_state=1).reset_index(drop=True)
    same(answers(p, q, made.names, slices=slices), answers(p, q, made.names, slices=shuffled))
    assert answers(p, q, made.names, slices=shuffled).items.columns == {"half": slices["half"].tolist()}
    with pytest.raises(trusteq.DataError) as caught:
        answers(p, q, made.names, slices=slices.assign(id=slices["id"].str.upper()))
    one_line(caught, "slices: its column 'id' has not the same ids as that of the predictions")


def test_ids_that_are_given_do_not_switch_matching_off(made, one_line):
    p, q = (pd.DataFrame(scores, columns=LABELS) for scores in (made.p, made.q))
    for one in (p, q):
        one.insert(0, "id", [f"i{i:03}" for i in range(ITEMS)])
    shuffled = q.sample(frac=1, random_state=1).reset_index(drop=True)
    same(answers(p, q, made.names), answers(p, shuffled, made.names, ids=p["id"]))
    with pytest.raises(trusteq.DataError) as caught:
        answers(p, shuffled, made.names, ids=[f"x{i}" for i in range(ITEMS)])
    one_line(caught, "ids: differ from the reference's column 'id', by which rows are matched")


def test_a_policy_of_ones_own_means_what_it_says(made):
    own = {
        "name": "ours",
        "required": ["behaviour", "explanation"],
        "rules": {
            "behaviour": {"disagreement": {"at_most": 0.9}},
            "explanation": {"alignment_shapley": {"at_least": 0.1}},
        },
    }
    assert (
        trusteq.compare(made.p, made.q, made.codes, policy=own, resamples=200)["candidate"].verdict.outcome
        == "UNDECIDED"
    )
    chosen = trusteq.compare(made.p, made.q, made.codes, policy=own, dimensions="behaviour", resamples=200)
    assert chosen["candidate"].verdict.outcome == "EQUIVALENT"
    assert trusteq.compare(made.p, made.q, made.codes, resamples=200).policy.required == ("behaviour", "calibration")


def test_a_column_that_gave_the_gold_labels_is_no_label_of_the_models_and_must_agree(made, plain, one_line):
    p = pd.DataFrame(made.p, columns=LABELS).assign(gold=made.codes)
    q = pd.DataFrame(made.q, columns=LABELS)
    same(plain, answers(p, q, p["gold"]))
    with pytest.raises(trusteq.DataError) as caught:
        answers(p, q.assign(gold=np.roll(made.codes, 1)), p["gold"])
    one_line(caught, "data frame of candidate: row ", "column 'gold' says", "items conflict")


def test_a_column_of_scores_is_a_label_s_even_if_the_gold_labels_are_named_like_it(made):
    p = pd.DataFrame(softmax(made.large[:, :2]), columns=["ham", "spam"])
    q = pd.DataFrame(softmax(made.small[:, :2]), columns=["ham", "spam"])
    assert answers(p, q, pd.Series(made.codes % 2, name="spam")).labels == ("ham", "spam")


def test_candidates_of_a_mapping_keep_their_names(made):
    several = {"int8": made.q, "pruned": softmax(made.small * 2)}
    reference, candidates, _ = in_memory.given(made.p, several, made.codes, names=["bert"])
    assert [model.name for model in (reference, *candidates)] == ["bert", "int8", "pruned"]
    reference, candidates, _ = in_memory.given(made.p, made.q, made.codes, names=["bert", "tiny"])
    assert [model.name for model in (reference, *candidates)] == ["bert", "tiny"]
    assert list(compare(made.p, several, made.codes)) == ["int8", "pruned"]


def test_equivalent_is_never_said_of_what_was_not_measured():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(400, 3)) * 3
    p, close = softmax(logits), softmax(logits * 1.0001)
    gold = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    told = compare(p, close, gold)
    assert told.policy.required == ("behaviour", "calibration")
    assert told["candidate"].verdict.outcome == "EQUIVALENT"
    assert told.policy.description.endswith("Required here: behaviour, calibration.")
    assert "(not judged)" in told._repr_html_()
    asked = compare(p, close, gold, dimensions=["behaviour", "calibration", "explanation"])
    assert asked["candidate"].verdict.outcome == "UNDECIDED"
    without_gold = compare(p, close)
    assert without_gold["candidate"].verdict.outcome == "UNDECIDED"
    assert "cannot be measured: name the label column (label=)" in without_gold._repr_html_()
    measured = without_gold["candidate"].measures
    assert "disagreement" in measured["behaviour"]
    assert "accuracy_difference" not in measured["behaviour"]


def test_the_run_is_saved_read_and_verified_like_any_other(audited, tmp_path):
    run = trusteq.load_run(audited.save(tmp_path / "run"))
    same_numbers = run.estimates()
    pd.testing.assert_frame_equal(same_numbers, audited.estimates(), check_exact=True)
    kinds = [(model["kind"], model["location"]) for model in run.manifest["models"]]
    assert kinds == [("predictions in memory", "array [150 x 3]")] * 2
    assert run.manifest["models"][0]["content"] != run.manifest["models"][1]["content"]
    assert audited._repr_html_()


def test_the_same_arrays_and_seed_give_the_same_content(made, audited):
    again = compare(made.p.copy(), np.asfortranarray(made.q), made.names, labels=LABELS)
    assert [m.identity for m in again.models] == [m.identity for m in audited.models]
    other = compare(made.p, made.q + 0.0, made.names, labels=LABELS, seed=1)
    assert not np.array_equal(other.estimates()["low"], audited.estimates()["low"])


def test_a_frame_made_of_an_array_has_no_names(made):
    assert not is_named(pd.DataFrame(made.p))
    assert is_named(pd.DataFrame(made.p, columns=LABELS))
    assert not is_named(made.p)
    assert "torch" not in sys.modules or is_named(pd.DataFrame({"a": [1.0]}))


def test_compare_is_the_function_even_after_its_module_was_imported():
    import trusteq.auditing.in_memory

    assert trusteq.compare is trusteq.auditing.in_memory.compare
