import unicodedata

import pytest

from trusteq.data.label_sets import difference, listed, remedy


def test_labels_are_quoted_so_that_spaces_show():
    assert listed(["no", "yes "]) == "{'no', 'yes '}"


def test_a_long_list_is_cut_and_counted():
    said = listed([f"l{i}" for i in range(500)])
    assert said.endswith("'l9' and 490 more}")
    assert "'l10'" not in said
    assert "more" not in listed([f"l{i}" for i in range(10)])


def test_only_the_labels_that_differ_are_named():
    said = difference("large", ["no", "maybe", "yes"], "small", ["yes", "no", "perhaps"])
    assert said == (
        "labels differ: only large has {'maybe'}, only small has {'perhaps'} (2 are shared); "
        "if they mean the same, rename the columns of a file of predictions, or the labels of a checkpoint "
        "(or of an estimator, by trusteq.from_estimator) with "
        "--labels small=no,maybe,yes"
    )


def test_a_missing_label_is_said_of_the_one_that_has_it():
    said = difference("large", ["no", "maybe", "yes"], "small", ["yes", "no"])
    assert said.startswith("labels differ: only large has {'maybe'} (2 are shared); both need the same labels: ")


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ("yes", "yes ", "'yes' and 'yes ' differ only in leading or trailing spaces"),
        ("Yes", "yes", "'Yes' and 'yes' differ only in case"),
        (
            unicodedata.normalize("NFC", "café"),
            unicodedata.normalize("NFD", "café"),
            r"'caf\xe9' and 'cafe\u0301' differ only in Unicode normal form",
        ),
    ],
)
def test_names_that_look_alike_are_told_apart(one, other, said):
    assert said in difference("large", ["no", one], "small", ["no", other])


def test_many_labels_are_not_all_repeated_in_the_advice():
    said = difference("large", [f"a{i}" for i in range(500)], "small", [f"b{i}" for i in range(500)])
    assert said.count("and 490 more") == 2
    assert said.endswith("--labels small=...")
    assert len(said) < 400


def test_labels_that_are_codes_need_their_names():
    said = "if these are codes, name the label of each: --label-names no,yes"
    assert remedy(["0", "1"], ["no", "yes"]) == remedy(["0.0", "1.0"], ["no", "yes"]) == said


def test_labels_that_differ_little_are_to_be_written_alike():
    assert remedy(["Yes", "no"], ["no", "yes"]) == "'yes' and 'Yes' differ only in case; rename one of them"
    assert remedy(["0", "1", "7"], ["0", "1"]) == remedy(["up", "no"], ["no", "yes"]).replace("up", "7")
    alike = "write them as the models do (choices in a task file, columns of predictions, or --labels for other models)"
    assert remedy(["up", "no"], ["no", "yes"]) == f"{alike}, or drop them with --ignore-label up"
    assert remedy(["oh no", "up", "no"], ["no", "yes"]) == f"{alike}, or drop them with --ignore-label 'oh no,up'"
    # Nothing would be left, or the option would read two labels.
    assert remedy(["up", "down"], ["no", "yes"]) == remedy(["up, or down", "no"], ["no", "yes"]) == alike


def test_outputs_that_are_only_numbered_are_to_be_named():
    numbered, say = ["LABEL_0", "LABEL_1"], "the model only numbers its outputs; name them, in its own order: --labels"
    assert remedy(["bad", "good"], numbered) == f"{say} bad,good, if LABEL_0 is 'bad'"
    assert remedy(["bad", "good", "so, so"], numbered) == f"{say} ..."
    assert remedy(["0", "1"], numbered) == "if these are codes, name the label of each: --label-names LABEL_0,LABEL_1"
    # Some of them are the model's own names: then they are no mere numbers.
    assert "--ignore-label bad" in remedy(["LABEL_0", "bad"], numbered)
