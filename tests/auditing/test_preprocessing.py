"""What models do to pictures is compared before anything else, and what that alone changes is counted."""

from dataclasses import dataclass, field

import numpy as np
import pytest

import trusteq
from trusteq import Items
from trusteq.auditing.models import Models
from trusteq.auditing.preprocessing import different_preprocessing
from trusteq.data.pictures import Pictures
from trusteq.errors import DataError
from trusteq.models.base import Identity
from trusteq.models.preprocessing import Preprocessing
from trusteq.models.traits import Traits

pytest.importorskip("PIL", reason="needs the extra 'pictures'")

from trusteq.models.picture_input import picture_inputs


def how(**changes):
    return Preprocessing.model_validate({"size": (8, 8), "resize": "bilinear", "layout": "NHWC", **changes})


@dataclass(eq=False)
class Bright:
    """A model of pictures that says whether the corner of what it reads is brighter than the middle."""

    name: str
    preprocessing: Preprocessing
    threshold: float = 0.0
    labels: tuple[str, ...] = ("dark", "bright")
    asked: list[int] = field(default_factory=list)

    @property
    def identity(self):
        return Identity("bright", self.name, self.name)

    @property
    def traits(self):
        return Traits(reads=frozenset({"picture"}), changeable=False, preprocessing=self.preprocessing,
                      through=lambda items, other: self.answer(items, self.preprocessing.seeing_as(other)))  # fmt: skip

    def answer(self, items, preprocessing):
        self.asked.append(len(items))
        inputs = np.stack(list(picture_inputs(items, preprocessing, name=self.name))).mean(axis=-1)
        height, width = inputs.shape[1:]
        middle = inputs[:, height // 4 : -height // 4, width // 4 : -width // 4].mean(axis=(1, 2))
        p = 1 / (1 + np.exp(-(inputs[:, 0, 0] - middle - self.threshold) / 40))
        return np.stack([1 - p, p], axis=1)

    def predict(self, items):
        return self.answer(items, self.preprocessing)

    def findings(self):
        return ()


def photos(count=60, size=(30, 40), seed=0):
    rng = np.random.default_rng(seed)
    return Items(
        [f"{i:03}" for i in range(count)],
        {"photo": Pictures.of_arrays(rng.integers(0, 256, (count, *size, 3), dtype=np.uint8))},
    )


def found(one, other, items=None, seed=0):
    models = Models(Bright("large", one), (Bright("small", other),))
    return different_preprocessing(models, items or photos(), seed=seed)


def test_what_is_not_known_is_said_not_to_be_compared():
    (of_small,) = found(how(), None)
    (of_large,) = found(None, how())
    assert of_small.kind == of_large.kind == "other input"
    assert of_small.message.startswith("what small does to pictures is not known in trusteq's terms, so it is not")
    assert of_large.message.startswith("what large does to pictures is not known")
    assert found(None, None) == []  # both state the same, which is nothing


def test_the_same_preprocessing_is_no_finding():
    assert found(how(), how()) == []


def test_nor_is_one_that_changes_no_pixel():
    assert found(how(), how(resize="box"), photos(size=(8, 8))) == []


def test_another_rule_is_a_finding_with_the_answers_that_it_alone_changes():
    items = photos()
    large, small = how(), how(resize="nearest")
    (finding,) = found(large, small, items)
    counts = {}
    for name in ("large", "small"):
        by_rule = [Bright(name, rule).predict(items).argmax(axis=1) for rule in (large, small)]
        counts[name] = int((by_rule[0] != by_rule[1]).sum())
    assert counts["small"] > 5
    assert (finding.model, finding.kind) == ("small", "other preprocessing")
    assert finding.message == (
        "resizes pictures by the rule nearest, where large resizes pictures by the rule bilinear; that alone changes "
        f"{counts['small']} of its 60 answers to pictures drawn at random, and {counts['large']} of large's; give both "
        "the same preprocessing to see what compression changes"
    )
    assert finding.value == counts["small"] / 60


def test_the_two_models_have_their_own_counts():
    models = Models(Bright("large", how()), (Bright("small", how(resize="nearest"), threshold=60.0),))
    (finding,) = different_preprocessing(models, photos(), seed=0)
    alone = Bright("large", how(resize="nearest")).predict(photos()).argmax(axis=1)
    changed = int((alone != models.reference.predict(photos()).argmax(axis=1)).sum())
    assert f"and {changed} of large's" in finding.message
    assert f"{finding.value * 60:.0f} of its 60 answers" in finding.message
    assert finding.value * 60 != changed


def test_a_crop_is_named_with_what_it_never_sees():
    (finding,) = found(how(), how(crop="centre", shorter=8), photos(size=(40, 400)))
    assert finding.message.startswith(
        "resizes pictures by the rule bilinear to 8 pixels on the shorter side and crops the centre 8 x 8, where large "
        "resizes pictures by the rule bilinear; small never sees 90% of a picture, nor any of 50% of its tiles; "
    )


def test_size_and_scale_are_named_but_are_no_reason_to_doubt():
    (finding,) = found(how(), how(size=(6, 6), scale=1 / 255, mean=0.5, std=0.5))
    assert finding.kind == "other input"
    assert finding.message == (
        "reads pictures in another form than large, as models may: size 6 x 6 instead of 8 x 8; scale -1 to 1 "
        "instead of 0 to 255"
    )


def test_at_most_500_random_pictures_are_asked_whatever_their_order():
    items = photos(count=620)
    turned = items.take(np.arange(620)[::-1])
    small = Bright("small", how(resize="nearest"))
    models = Models(Bright("large", how()), (small,))
    (first,) = different_preprocessing(models, items, seed=3)
    assert small.asked == [500, 500]
    assert different_preprocessing(models, turned, seed=3) == [first]
    assert different_preprocessing(models, items, seed=4) != [first]


def test_an_audit_puts_it_above_the_numbers_and_keeps_it_in_the_run(tmp_path):
    result = trusteq.audit(
        Bright("large", how()), {"small": Bright("small", how(resize="nearest")), "same": Bright("same", how())},
        photos(), resamples=100, costs="none",
    )  # fmt: skip
    small, same = (comparison.candidate.findings for comparison in result.comparisons)
    assert [finding.kind for finding in small][:1] == ["other preprocessing"]
    assert "other preprocessing" not in {finding.kind for finding in same}
    text = trusteq.load_run(result.save(tmp_path / "run"))
    from trusteq.report.wording import urgent

    assert any("small: resizes pictures by the rule nearest" in line for line in urgent(text.evidence.findings))


def test_items_that_a_candidate_cannot_read_stop_the_audit_before_the_reference_answers():
    asked = []

    def answers(texts):
        asked.append(len(texts))
        return np.full((len(texts), 2), 0.5)

    large = trusteq.from_callable(answers, labels=("dark", "bright"), name="large")
    texts = Items(["a", "b"], {"note": ["one", "two"]})
    with pytest.raises(DataError, match="model small reads a picture, but the items have 'note', a text"):
        trusteq.audit(large, {"small": Bright("small", how())}, texts)
    assert asked == []
