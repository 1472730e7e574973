import numpy as np
import pytest

from trusteq.comparing.answers import Answers
from trusteq.comparing.chance import MOST_LABELS, misfit
from trusteq.stats.resampling import Resampling
from trusteq.tasks.outcomes import most_probable

LABELS = ("contradiction", "entailment", "neutral")


def told(gold, answer, *, clusters=None, labels=LABELS):
    gold, answer = np.asarray(gold), np.asarray(answer)
    p = np.full((len(gold), len(labels)), 0.1)
    p[np.arange(len(gold)), answer] = 0.8
    return misfit(Answers(most_probable(p, gold), Resampling(len(gold), clusters=clusters)), labels)


def model(n, *, accuracy=0.9, shares=(0.34, 0.33, 0.33), seed=0):
    """Gold labels and the answers of a model that is right so often, and else wrong at random."""
    rng = np.random.default_rng(seed)
    gold = rng.choice(len(shares), n, p=shares)
    wrong = (gold + rng.integers(1, len(shares), n)) % len(shares)
    return gold, np.where(rng.random(n) < accuracy, gold, wrong)


@pytest.mark.parametrize("n", [4, 12, 30, 100, 5_000])
@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_said_of_a_good_model_however_few_the_items(n, seed):
    assert told(*model(n, seed=seed)) is None


def test_reversed_names_are_told_with_the_names_that_would_fit():
    gold, answer = model(600)
    kind, message = told(gold, 2 - answer)
    assert kind == "labels misnamed"
    assert message.startswith(f"right in {(gold == 2 - answer).mean():.1%} of 600 items, but in ")
    assert f"in {(gold == answer).mean():.1%} if " in message
    assert "'neutral' meant 'contradiction'" in message
    assert "'contradiction' meant 'neutral'" in message


def test_reversed_names_are_told_where_a_label_that_stays_makes_most_of_them_right():
    gold, answer = model(300, shares=(0.15, 0.7, 0.15))
    assert (gold == 2 - answer).mean() > 0.6
    assert told(gold, 2 - answer)[0] == "labels misnamed"


def test_codes_shifted_by_one_are_told():
    gold, answer = model(200)
    assert told(gold, (answer + 1) % 3)[0] == "labels misnamed"
    two, other = model(200, shares=(0.5, 0.5))
    assert told(two, 1 - other, labels=("no", "yes"))[0] == "labels misnamed"


@pytest.mark.parametrize("shift", [1, 7])
@pytest.mark.parametrize("shares", [(1 / 3, 1 / 3, 1 / 3), (0.6, 0.3, 0.1), (0.5, 0.5)])
def test_answers_to_other_items_are_told(shift, shares):
    gold, answer = model(2_000, shares=shares)
    kind, message = told(gold, np.roll(answer, shift))
    assert kind in {"chance", "below majority"}
    assert "check --label-names, --labels and how rows are matched (--id)" in message


def test_a_model_that_is_right_less_often_than_one_answer_to_all_is_told():
    """As one is that was tuned to find the rare label; what it finds is far beyond chance."""
    rng = np.random.default_rng(0)
    gold = (rng.random(4_000) < 0.03).astype(int)
    answer = np.where(gold == 1, rng.random(4_000) < 0.9, rng.random(4_000) < 0.08).astype(int)
    kind, message = told(gold, answer, labels=("no", "yes"))
    assert kind == "below majority"
    assert "always answering 'no' would be right in 9" in message
    assert "unless the model is meant to find rare labels" in message


def test_a_good_model_of_rare_labels_is_not_told_for_a_few_wrong_ones():
    gold = np.zeros(1_000, dtype=int)
    gold[:50] = 1
    answer = gold.copy()
    answer[30:50] = 0
    answer[50:80] = 1  # right in 95.0 %, as "no" to all is
    assert told(gold, answer, labels=("no", "yes")) is None


def test_rare_labels_that_happen_to_fit_better_under_other_names_are_not_told():
    rng = np.random.default_rng(0)
    gold = rng.integers(0, 200, 1_000)
    answer = np.where(rng.random(1_000) < 0.7, gold, rng.integers(0, 200, 1_000))
    assert told(gold, answer, labels=tuple(map(str, range(200)))) is None


def own(n, confidence, *, clusters=None, wrong=0):
    """What is said of a model that is this sure of n answers, and wrong in so many of them."""
    gold = np.arange(n) % 3
    answer = np.where(np.arange(n) < wrong, (gold + 1) % 3, gold)
    p = np.full((n, 3), (1 - confidence) / 2)
    p[np.arange(n), answer] = confidence
    return misfit(Answers(most_probable(p, gold), Resampling(n, clusters=clusters)), LABELS)


def test_a_model_that_is_right_everywhere_though_it_is_not_that_sure_is_told():
    """0.9 ** 131 is 1.01e-6, 0.9 ** 132 is 9.1e-7."""
    kind, message = own(132, 0.9)
    assert kind == "own answers"
    assert message.startswith(
        "right in all 132 items; right as often as it is sure, it would be wrong in about 13: unless "
    )
    assert "leave --label out" in message
    assert own(131, 0.9) is None
    assert own(132, 0.9, wrong=1) is None
    assert own(20_000, 0.999) is not None
    assert own(10_000, 1.0) is None


def test_few_items_show_nothing_by_chance():
    assert told([0, 1, 2, 0, 1], [0, 1, 1, 2, 2]) is None
    assert told([0, 1] * 14, [0, 0, 1, 1] * 7, labels=("no", "yes")) is None
    assert told([0, 1] * 16, [0, 0, 1, 1] * 8, labels=("no", "yes"))[0] == "chance"


def test_items_of_one_label_and_models_of_one_answer_are_not_told():
    assert told([0] * 100, [0, 1] * 50) is None
    assert told([0, 1] * 50, [1] * 100) is None
    p = np.full((10, 2), 0.5)
    assert misfit(Answers(most_probable(p, None), Resampling(10)), ("no", "yes")) is None


def test_clusters_are_worth_fewer_items():
    gold, answer = model(60, accuracy=0.6, shares=(0.5, 0.5), seed=3)
    gold, answer = np.repeat(gold, 10), np.repeat(answer, 10)
    labels = ("no", "yes")
    assert told(gold, answer, labels=labels) is None
    assert told(gold, answer, clusters=[str(i // 10) for i in range(600)], labels=labels)[0] == "chance"


def test_of_thousands_of_labels_no_other_names_are_tried():
    gold = np.arange(MOST_LABELS + 1)
    assert told(gold, np.roll(gold, 1), labels=tuple(map(str, gold)))[0] != "labels misnamed"
    assert told(gold[1:], np.roll(gold[1:], 1), labels=tuple(map(str, gold)))[0] != "labels misnamed"
