"""What columns are taken for, by their names and values."""

import pandas as pd
import pytest

from trusteq.proposal.columns import cluster_of, label_of, look_at_columns, slices_of, texts_of

LABELS = ("no", "yes")
N = 100


@pytest.fixture
def seen(tmp_path):
    """The columns of a table with these values, read from a file."""

    def look(**columns):
        path = tmp_path / "t.csv"
        pd.DataFrame(columns).to_csv(path, index=False)
        return look_at_columns(str(path))

    return look


def texts(words, n=N):
    return [f"{words} {i}" for i in range(n)]


@pytest.mark.parametrize(
    ("columns", "labels", "expected"),
    [
        ({"a": ["yes", "no"], "b": [1, 2]}, LABELS, ("a", ())),
        ({"other": ["yes", "no"], "gold": ["no", "yes"]}, LABELS, ("gold", ())),
        ({"gold": ["yes", "no", "-"]}, LABELS, ("gold", ("ignore_label",))),
        ({"label": [0, 1, -1]}, LABELS, ("label", ("label_names", "ignore_label"))),
        ({"label": [0, 2]}, LABELS, None),
        ({"size": [0, 1]}, LABELS, None),
        ({"a": ["yes", "perhaps"]}, LABELS, None),
        ({"target": ["x", "y"]}, (), ("target", ())),
        ({"x": ["x", "y"]}, (), None),
        ({"one": ["yes", "no"], "two": ["no", "yes"]}, LABELS, None),  # either may hold answers
        ({"predicted": ["yes", "no"], "truth": ["no", "yes"]}, LABELS, ("truth", ())),
        ({"pred_label": ["yes", "no"]}, LABELS, None),
    ],
)
def test_a_label_column_has_the_models_labels_or_their_codes(seen, columns, labels, expected):
    found = label_of(seen(**columns), labels)
    assert (found and (found.value, tuple(key for key, _, _ in found.more))) == expected


@pytest.mark.parametrize("codes", [False, True])
def test_what_always_names_the_largest_score_beside_it_is_an_answer(seen, codes):
    """As some tools name it "label", the reference would be right on every item."""
    scores = {"yes": [i / N for i in range(N)], "no": [1 - i / N for i in range(N)]}
    answers = ["yes" if i / N > 0.5 else "no" for i in range(N)]
    answers = [LABELS.index(answer) for answer in answers] if codes else answers
    assert label_of(seen(**scores, label=answers), LABELS) is None
    right = [answers[-1], *answers[1:]]
    assert label_of(seen(**scores, label=right), LABELS).value == "label"


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"hypothesis": texts("b"), "Premise": texts("a"), "text": texts("c")}, ["Premise", "hypothesis"]),
        ({"long": texts("a b c d"), "sentence": texts("a")}, ["sentence"]),
        ({"long": texts("a b c d"), "short": texts("a"), "count": range(N)}, ["long"]),
        ({"long": texts("a b c d"), "other": texts("e f g h")}, None),
        ({"tweet_id": texts("a b c d")}, None),
        ({"count": range(N)}, None),
    ],
)
def test_texts_are_a_usual_pair_a_usual_name_or_the_only_ones(seen, columns, expected):
    found = texts_of(seen(**columns), ())
    assert (None if found is None else found.value) == expected


def test_what_items_share_is_one_of_their_texts_or_says_so(seen):
    half = [f"tale number {i // 2}" for i in range(N)]
    columns = seen(premise=half, other=half, author=[f"a{i // 2}" for i in range(N)], label=["yes", "no"] * (N // 2))
    assert cluster_of(columns, ["premise"], ()).value == "premise"
    assert cluster_of(columns, [], ()).value == "author"
    assert cluster_of(columns, [], ["author"]) is None
    assert cluster_of(seen(premise=texts("a")), ["premise"], ()) is None


def test_slices_have_a_few_short_values_and_no_other_part(seen):
    columns = seen(
        genre=["a", "b"] * (N // 2),
        label=["yes", "no"] * (N // 2),
        one=["x"] * N,
        text=texts("a"),
        user_id=[1, 2] * (N // 2),
        width=[0.5, 1.5] * (N // 2),
        year=[1990, 2000] * (N // 2),
    )
    assert slices_of(columns, ["label"]).value == ["genre", "year"]
    assert slices_of(columns, ["label", "genre", "year"]) is None
