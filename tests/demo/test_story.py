"""What the demo says in the end: only what its numbers say."""

from types import SimpleNamespace

import pytest

from trusteq import Outcome
from trusteq.demo.story import item_to_show, story


def compared(name, accuracy, changed, *, where=(), outcome=Outcome.NOT_EQUIVALENT, wide=0.0, mass=None):
    """As much of a comparison as the story reads. wide: half the width of intervals; mass: the reference's and own."""

    def measures(share):
        values = {"accuracy_difference": accuracy, "disagreement": share}
        if mass is not None:
            before, after = mass
            values |= {"mass_reference": before, "mass_candidate": after, "mass_difference": after - before}
        return {
            "behaviour": {
                key: SimpleNamespace(value=value, low=value - wide, high=value + wide) for key, value in values.items()
            }
        }

    slices = [SimpleNamespace(column="people", value=value, measures=measures(share)) for value, share in where]
    verdict = SimpleNamespace(outcome=outcome)
    return SimpleNamespace(name=name, measures=measures(changed), slices=slices, verdict=verdict)


def told(*comparisons):
    return story(SimpleNamespace(comparisons=comparisons))


def test_each_candidate_has_a_line_with_its_numbers():
    assert told(compared("int8", -0.0124, 0.0561, outcome=Outcome.UNDECIDED)) == [
        "int8: accuracy -1.2 points, 5.6% of the answers changed, UNDECIDED"
    ]


@pytest.mark.parametrize(
    ("accuracy", "changed", "hides"),
    [(-0.009, 0.05, True), (0.03, 0.02, True), (-0.01, 0.05, False), (0.0, 0.019, False)],
)
def test_that_accuracy_hides_something_is_said_only_where_it_does(accuracy, changed, hides):
    lines = told(compared("int8", accuracy, changed))
    assert any("accuracy alone would have let int8 pass" in line for line in lines) == hides


@pytest.mark.parametrize("outcome", [Outcome.EQUIVALENT, Outcome.UNDECIDED])
def test_nothing_is_hidden_of_a_candidate_that_was_not_refused(outcome):
    assert len(told(compared("int8", 0.0, 0.05, outcome=outcome))) == 1


def test_the_one_that_hides_most_is_told():
    *_, last = told(compared("a", 0, 0.03), compared("b", 0, 0.08), compared("c", -0.05, 0.2))
    assert last.startswith("accuracy alone would have let b pass")
    assert last.endswith("(+0.0 points), but 8.0% of its answers have changed")


def test_where_people_are_divided_is_compared_with_where_they_agree():
    where = [("agree", 0.021), ("are divided", 0.13)]
    _, line = told(compared("int8", -0.02, 0.05, where=where))
    assert line == (
        "int8 changes 13.0% of the answers where people are divided about a sentence, and 2.1% where they agree"
    )


@pytest.mark.parametrize(("wide", "hides"), [(0.031, True), (0.029, False)])
def test_a_test_of_accuracy_that_finds_nothing_is_told_from_no_loss(wide, hides):
    lines = told(compared("int4", -0.03, 0.13, wide=wide))
    assert (
        any(
            line
            == "a test of accuracy alone would have let int4 pass (-3.0 points, not significant), but 13.0% of its "
            "answers have changed"
            for line in lines
        )
        is hides
    )


def test_the_candidate_whose_choices_became_least_probable_is_told():
    *_, line = told(
        compared("int8", -0.02, 0.01, mass=(0.065, 0.074)), compared("int4", -0.1, 0.2, mass=(0.065, 0.012))
    )
    assert line == ("int4 gives all choices together 1.2% of the probability of what may come next, the reference 6.5%")


def test_next_tokens_have_a_line_of_their_own():
    values = {"token_kl_excess": 0.00412, "same_top": 0.9652, "nll_per_byte_ratio": 1.0023}
    measures = {"distribution": {name: SimpleNamespace(value=value) for name, value in values.items()}}
    candidate = SimpleNamespace(name="int8", measures=measures, verdict=SimpleNamespace(outcome=Outcome.UNDECIDED))
    assert told(candidate) == [
        "int8, next tokens: KL 0.004 nats, the most probable token is the same at 96.5%, NLL per byte +0.2%, UNDECIDED"
    ]


@pytest.mark.parametrize(
    ("flips", "explained", "shown"),
    [(["b", "c"], [2], "c"), (["b", "c"], [0], "b"), (["b", "c"], None, "b"), ([], [1], "a"), ([], None, "a")],
)
def test_the_item_to_look_at_is_one_whose_answer_changed_and_was_explained(flips, explained, shown):
    comparisons = [SimpleNamespace(flips=[]), SimpleNamespace(flips=[{"id": id_} for id_ in flips])]
    explanation = None if explained is None else SimpleNamespace(positions=explained)
    items = SimpleNamespace(ids=["a", "b", "c"])
    assert item_to_show(SimpleNamespace(comparisons=comparisons, explanation=explanation, items=items)) == shown
