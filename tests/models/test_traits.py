"""A backend is one file and one line: nothing else has to know what kind of model it runs."""

import ast
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

import trusteq
from trusteq import ExplainSettings
from trusteq.models import open as opening
from trusteq.models.backend import Backend
from trusteq.models.base import Identity
from trusteq.models.cost_size import Size
from trusteq.models.options import LABELS
from trusteq.models.traits import Traits, traits_of

SOURCE = Path(trusteq.__file__).parent
OWN_FILES = {"transformer.py", "onnx_session.py", "prediction_file.py", "function.py", "session_in_hand.py"}
BACKENDS = {"TransformerModel", "OnnxModel", "PredictionFile", "FunctionModel"}


def nodes(kind):
    for path in sorted(SOURCE.rglob("*.py")):
        if not (path.parent.name == "models" and path.name in OWN_FILES):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, kind):
                    yield f"{path.relative_to(SOURCE)}:{node.lineno}", node


def test_nobody_asks_what_kind_of_model_it_is():
    """Whoever does would have to know the next one, too."""
    found = []
    for place, call in nodes(ast.Call):
        name = getattr(call.func, "id", "")
        words = {getattr(node, "id", "") for argument in call.args for node in ast.walk(argument)}
        if name in {"isinstance", "type", "issubclass"} and words & BACKENDS:
            found.append(place)
        if name in {"getattr", "hasattr"} and getattr(call.args[0], "id", "") == "model":
            found.append(place)
    for place, comparison in nodes(ast.Compare):
        if any(ast.unparse(side).endswith("identity.kind") for side in (comparison.left, *comparison.comparators)):
            found.append(place)
    # Of models of torch, which are called so, too; and of what a user's own model may leave out.
    own = (
        "models/causal/weights.py",
        "models/encoder.py",
        "models/loaded_whole.py",
        "models/quantized.py",
        "models/traits.py",
    )
    assert [place for place in found if not place.startswith(own)] == []


GOOD, BAD = {"good", "fine", "happy"}, {"bad", "poor", "sad"}


@dataclass(eq=False)
class WordList:
    """A backend of somebody's own: it counts the words of a list that a file names."""

    name: str
    labels: tuple[str, ...]
    identity: Identity
    weight: float
    asked: list[int] = field(default_factory=list)

    @property
    def traits(self):
        return Traits(budget=64, device="abacus", threads=lambda: 1, size=lambda: Size(parameters=6, disk_bytes=10))

    def predict(self, items):
        self.asked.append(len(items))
        (texts,) = items.texts()
        score = [sum((w in GOOD) - (w in BAD) for w in text.split()) for text in texts]
        p = 1 / (1 + np.exp(-self.weight * np.array(score, dtype=np.float64)))
        return np.stack([1 - p, p], axis=1)

    def findings(self):
        return ()


def open_word_list(location, *, name, labels=None):
    text = Path(location).read_text()
    return WordList(name, labels or ("bad", "good"), Identity("word list", location, text), float(text))


WORD_LISTS = Backend(
    kind="word list",
    words="a word list",
    recognises=lambda spec, _: spec.endswith(".words"),
    open=open_word_list,
    options=(LABELS,),
)


def test_a_new_backend_is_opened_audited_explained_and_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "BACKENDS", (*opening.BACKENDS, WORD_LISTS))
    for name, weight in (("large", 2.0), ("small", 1.9)):
        (tmp_path / f"{name}.words").write_text(str(weight))
    models = [trusteq.open_model(tmp_path / f"{name}.words", name=name) for name in ("large", "small")]
    rng = np.random.default_rng(0)
    words = ["good", "fine", "bad", "poor", "film", "actor", "the", "was", "a"]
    texts = [" ".join(rng.choice(words, 8)) for _ in range(60)]
    items = trusteq.Items([str(i) for i in range(60)], {"text": texts})
    made = trusteq.audit(*models, items, explain=ExplainSettings(items=40), resamples=100)
    assert made["small"].measures["explanation"]["alignment_shapley"].value > 0.99
    assert [cost.parameters for cost in made.costs.models] == [6, 6]
    assert (made.costs.machine.device, made.costs.machine.threads) == ("abacus", 1)
    run = trusteq.load_run(made.save(tmp_path / "run"))
    assert [model["kind"] for model in run.manifest["models"]] == ["word list"] * 2
    with pytest.raises(trusteq.OptionError, match=r"device has no effect on .*large\.words, which is a word list"):
        trusteq.open_model(tmp_path / "large.words", options=trusteq.ModelOptions(device="cpu"))


def test_a_model_that_states_nothing_is_asked_as_a_function_is():
    class Own:
        name, labels, identity = "own", ("a", "b"), Identity("own", "here", None)

        def predict(self, items):
            return np.full((len(items), 2), 0.5)

        def findings(self):
            return ()

    assert traits_of(Own()).runs
    assert traits_of(Own()).changeable
    assert traits_of(Own()).size() == Size()
    assert traits_of(Own()).opening() is None
    own = Own()
    own.reads_text = False
    assert not traits_of(own).changeable
