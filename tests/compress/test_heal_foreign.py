"""Foreign candidates: another architecture with another tokenizer, and labels in another order."""

import json

import numpy as np
import pytest

pytest.importorskip("transformers", reason="needs the extra 'transformers'")

from oracles import tiny_models

import trusteq
import trusteq.compress
from trusteq import Items, ModelError


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """A RoBERTa classifier with byte pairs, for a task that a BERT with word pieces answers, too."""
    return tiny_models.save("roberta", tmp_path_factory.mktemp("foreign") / "foreign", seed=5)


def renamed(folder, out, names):
    """A copy of a checkpoint whose outputs have these names."""
    out.mkdir()
    for file in folder.iterdir():
        (out / file.name).write_bytes(file.read_bytes())
    config = json.loads((out / "config.json").read_text("utf-8"))
    config |= {"id2label": dict(enumerate(names)), "label2id": {name: i for i, name in enumerate(names)}}
    (out / "config.json").write_text(json.dumps(config), "utf-8")
    return out


def test_another_architecture_with_its_own_tokenizer_and_order_of_labels_comes_nearer(large, foreign, texts, tmp_path):
    names = ("maybe", "yes", "no")
    candidate = renamed(foreign, tmp_path / "foreign", names)
    parts = [Items([f"{s}-{i}" for i in range(n)], {"text": texts(n, s)}) for n, s in ((128, 21), (40, 22), (200, 23))]
    made = trusteq.compress.make(
        candidate, method="heal", original=large, out=tmp_path / "healed", items=parts[0], dev=parts[1],
        rows=640, rate=1e-3, perturb=0.2, replace="mask", whole=True,
    )  # fmt: skip
    original = trusteq.open_model(large)
    assert original.labels == ("no", "maybe", "yes")
    theirs = original.predict(parts[2])[:, [1, 2, 0]]
    kl = []
    for folder in (candidate, made.directory):
        model = trusteq.open_model(folder)
        assert model.labels == names
        kl.append((theirs * np.log(theirs / model.predict(parts[2]))).sum(axis=1).mean())
    assert kl[1] < 0.6 * kl[0]
    for file in ("tokenizer.json", "config.json"):
        assert (made.directory / file).read_bytes() == (candidate / file).read_bytes()


def test_a_candidate_of_another_task_is_one_line(large, foreign, texts, tmp_path, one_line):
    candidate = renamed(foreign, tmp_path / "foreign", ("bad", "good", "so-so"))
    items = Items(["a", "b", "c"], {"text": texts(3, 1)})
    with pytest.raises(ModelError) as caught:
        trusteq.compress.make(
            candidate, method="heal", original=large, out=tmp_path / "healed", items=items, dev=items, rows=32
        )
    one_line(caught, "no, maybe, yes", "bad, good, so-so", "only a candidate for the same task")
