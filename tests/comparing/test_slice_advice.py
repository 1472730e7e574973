"""Sentences about slices: the most certain first, those of a column together."""

from trusteq.auditing.advice import slice_advice
from trusteq.comparing.slices import Slice
from trusteq.stats.estimate import Estimate


def part(value, p, *, share=0.5, column="label", measure="disagreement"):
    measures = {"behaviour": {measure: Estimate(share, share - 0.1, share + 0.1, 50, "")}}
    return Slice(column, value, 50, measures, p_judged={measure: p})


def said(*parts):
    return [advice.sentence for advice in slice_advice(parts)]


def test_one_slice_is_named_with_its_figure():
    (sentence,) = said(part("a", 0.9), part("b", 0.0123))
    assert sentence == "label = b does worse than the rest: disagreement 0.5 [0.4, 0.6] (p = 0.012, Holm)"


def test_no_p_value_is_printed_as_0():
    assert said(part("a", 0.0))[0].endswith("(p < 0.0001, Holm)")


def test_slices_of_one_column_are_in_one_sentence_the_most_certain_first():
    (sentence,) = said(part("a", 0.03, share=0.2), part("b", 1e-9), part("c", 0.01, share=0.3))
    assert sentence.startswith("label = b does worse than the rest: disagreement 0.5 ")
    assert sentence.endswith("; so do c (0.3) and a (0.2)")
    assert said(part("b", 1e-9), part("c", 0.01, share=0.3))[0].endswith("; so does c (0.3)")


def test_of_very_many_ten_are_named_and_the_others_counted():
    (sentence,) = said(*(part(f"v{i:02}", 1e-9 * (i + 1)) for i in range(30)))
    assert sentence.count("v") == 10
    assert sentence.endswith("v09 (0.5) and 20 more")


def test_each_column_and_measure_has_a_sentence_three_at_most():
    many = [
        part("a", 1e-6),
        part("x", 1e-9, column="topic"),
        part("b", 1e-3, measure="js"),
        part("y", 0.04, column="length"),
    ]
    first, second, third = said(*many)
    assert (first[:9], second[:9], third[:9]) == ("topic = x", "label = a", "label = b")
