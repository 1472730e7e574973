"""Predictions cut into shards: the same answers, whatever the company, the order and the batch."""

from dataclasses import replace

import numpy as np
import pytest

from trusteq import open_model
from trusteq.explain.units import cut_named
from trusteq.explain.value_tables import Perturbation, Question
from trusteq.models.probe import probe
from trusteq.models.traits import traits_of
from trusteq.work.shard import HERE, Answered, Here, Prediction, in_order, predict_at, probe_at


def test_predictions_in_pieces_are_those_of_one_call(model, items):
    told = []
    found = predict_at(HERE, model, items, advance=told.append).values
    np.testing.assert_allclose(found, model.predict(items), atol=1e-6)
    assert sum(told) == 600
    assert len(told) > 1


def test_the_order_of_the_items_changes_no_bit(model, items):
    order = np.random.default_rng(0).permutation(600)
    assert np.array_equal(
        predict_at(HERE, model, items.take(order)).values, predict_at(HERE, model, items).values[order]
    )


def test_a_batch_is_kept_whole_and_consecutive(items):
    seen = []
    predict_at(HERE, Watching(seen), items, batch=7)
    assert [id_ for ids in seen for id_ in ids] == list(items.ids)
    assert {len(ids) for ids in seen[:-1]} == {7}


class Watching:
    labels = ("a", "b")
    name = "watching"

    def __init__(self, seen):
        self.seen = seen

    def predict(self, part):
        self.seen.append(part.ids)
        return np.full((len(part), 2), 0.5)


def test_items_that_were_cut_are_remembered_by_whoever_asks(folder, items):
    here, there = open_model(folder, name="a"), open_model(folder, name="b")

    class Elsewhere:
        def answers(self, model, shards, advance):
            for number, shard in enumerate(shards):
                yield number, shard.run(there, advance)

    predict_at(HERE, here, items)
    asked = open_model(folder, name="c")
    predict_at(Elsewhere(), asked, items)
    assert here.cut
    assert asked.cut == here.cut


def test_an_item_of_other_data_with_the_same_id_is_not_said_to_be_cut(model, items):
    long, short = items.take([89, 0]), items.take([0, 1])
    predict_at(HERE, model, long)
    assert set(model.cut) == {"i89"}
    same = replace(short, ids=["i89", "i0"])
    assert predict_at(HERE, model, same).values.shape == (2, 3)
    assert model.cut == {}


def test_answers_come_in_order_whenever_they_are_done():
    answers = [Answered(np.full((1, 1), float(i))) for i in range(5)]
    found = in_order([(i, answers[i]) for i in (3, 0, 1, 4, 2)])
    assert [float(a.rows[0, 0]) for a in found] == [0, 1, 2, 3, 4]


def test_all_that_decides_an_answer_is_in_its_piece(items):
    some, other = items.take(range(5)), items.take(range(1, 6))
    assert Prediction(some).content() == Prediction(items.take(range(5))).content()
    units = cut_named("words").of(("the dog runs",))
    masks = np.array([[True, True, True], [True, False, True]])
    plain = Perturbation((Question(units, masks),), "remove", alone=False, segments=("text",))
    contents = [
        Prediction(some).content(),
        Prediction(some, 3).content(),
        Prediction(other).content(),
        plain.content(),
        replace(plain, perturb="mask").content(),
        replace(plain, alone=True).content(),
        replace(plain, segments=("a",)).content(),
        replace(plain, questions=(Question(units, ~masks),)).content(),
        replace(plain, questions=(Question(cut_named("sentences").of(("the dog runs",)), masks[:, :1]),)).content(),
    ]
    assert len(set(contents)) == len(contents)


def test_all_that_decides_an_answer_is_in_how_a_model_is_opened(model, folder, tmp_path):
    import shutil

    from oracles import tiny_models

    from trusteq.models.open import ModelOptions, open_model

    moved = open_model(shutil.copytree(folder, tmp_path / "moved"), name="other")
    assert traits_of(moved).opening().content() == traits_of(model).opening().content()
    others = [
        open_model(tiny_models.save("bert", tmp_path / "o", seed=2), name="tiny"),
        open_model(folder, name="tiny", options=ModelOptions(budget=77)),
        open_model(folder, name="tiny", options=ModelOptions(labels=("a", "b", "c"))),
        model.lowered("bfloat16"),
    ]
    assert len({traits_of(m).opening().content() for m in (model, *others)}) == 5
    assert traits_of(others[-1]).opening().open().model.dtype == others[-1].model.dtype


@pytest.mark.parametrize("kind", ["folder", "onnx"])
def test_a_model_is_opened_from_another_working_directory(kind, request, tmp_path, monkeypatch):
    place = request.getfixturevalue(kind)
    monkeypatch.chdir(place.parent)
    opening = traits_of(open_model(place.name, name="m")).opening()
    there = opening.anywhere()
    monkeypatch.chdir(tmp_path)
    assert there.open().identity.content == opening.identity["content"]
    assert there.location == str(place)


def test_a_model_that_is_nowhere_here_keeps_its_name(model):
    assert replace(traits_of(model).opening(), location="org/name").anywhere().location == "org/name"


def test_a_model_whose_files_changed_meanwhile_is_noticed(model, folder, tmp_path, one_line):
    import shutil

    from oracles import tiny_models

    from trusteq.errors import ModelError

    place = shutil.copytree(folder, tmp_path / "m")
    opening = traits_of(open_model(place, name="m")).opening()
    tiny_models.save("bert", place, seed=3)
    with pytest.raises(ModelError) as caught:
        opening.open()
    one_line(caught, "model m", "have changed since the audit began")


def test_a_model_is_probed_where_it_is_asked_so_that_one_that_hangs_meets_the_deadline(model, items):
    class Counting(Here):
        asked = 0

        def answers(self, model, shards, advance):
            self.asked += len(shards)
            return super().answers(model, shards, advance)

    elsewhere = Counting()
    assert probe_at(elsewhere, model, items) == probe(model, items)
    assert elsewhere.asked == 1


def test_a_file_of_predictions_is_not_probed(items, tmp_path):
    (tmp_path / "p.csv").write_text("id,a,b\n" + "".join(f"{id_},0.5,0.5\n" for id_ in items.ids))
    assert probe_at(HERE, open_model(tmp_path / "p.csv"), items).n == 0


def test_the_key_of_perturbed_texts_is_what_it_always_was():
    """Under which finished work lies in folders of older versions."""
    units = cut_named("words-merged").of(("the dog, the größer 世界", "a cat"))
    masks = np.array([[1] * len(units), [0] * len(units), [1, 0] * 3 + [1]], dtype=bool)
    shard = Perturbation((Question(units, masks),), "remove", True, ("premise", "hypothesis"))
    assert shard.content() == "4364ce6de25a1e3a7eb33baa7520dc2c358d4101c5921a5b140975890dc1cb96"
