"""Plans: what may stand in them, in which order models are made, and what is refused."""

import pytest
import yaml

from trusteq import StudyError
from trusteq.study.plan import read_study
from trusteq.study.sources import shipped, text_of


def test_models_come_after_what_they_are_made_from(written):
    order = read_study(written()).in_order()
    assert sorted(order) == sorted(["base", "again", "thin", "pruned", "student", "half"])
    assert order.index("base") < order.index("pruned") < order.index("thin")


def test_a_healed_model_comes_after_its_original(written):
    models = {
        "healed": {"from": "small", "method": "heal", "original": "large"},
        "small": {"from": "other", "method": "bf16"},
        "other": {"train": "x"},
        "large": {"train": "x", "layers": 2},
    }
    order = read_study(written(models=models, audit={"reference": "large"})).in_order()
    assert order[-1] == "healed"


def test_graphs_and_quantized_models_may_go_on_as_they_can(written):
    models = {
        "large": {"train": "x"},
        "small": {"from": "large", "method": "int4-weights"},
        "healed": {"from": "small", "method": "heal", "original": "large"},
        "graph": {"from": "healed", "method": "onnx"},
        "calibrated": {"from": "graph", "method": "calibrate", "original": "large"},
        "thin": {"from": "large", "method": "prune-neurons"},
        "trained": {"train": "thin"},
    }
    assert len(read_study(written(models=models, audit={"reference": "large"})).candidates()) == 6


def test_the_peer_and_what_is_only_a_step_are_no_candidates(written):
    assert read_study(written()).candidates() == ("thin", "student", "half")


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_study_can_be_read(name):
    study = read_study(name)
    assert study.name == name
    assert study.description
    assert yaml.safe_load(text_of(name)[0])["name"] == name


def test_the_papers_studies_train_as_the_paper_does():
    from trusteq.study.inputs import settings_of

    for name, epochs in (("paper-nli", 5), ("paper-pi", 10)):
        study = read_study(name)
        made = settings_of(study, study.models["distilbert"], seed=3)
        assert (made.epochs, made.rate, made.batch, made.clip, made.seed) == (epochs, 1e-5, 32, 1.0, 3)
        assert study.candidates() == ("distilbert", "bert-medium", "bert-mini", "bert-tiny")


MODELS = {"a": {"train": "x"}, "b": {"train": "x"}}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"models": {"a": {"train": "x"}}}, "at least 2"),
        ({"models": {**MODELS, "c": {}}}, "either train or from"),
        ({"models": {**MODELS, "c": {"from": "a", "method": "magic"}}}, "unknown method 'magic'"),
        ({"models": {**MODELS, "c": {"from": "z", "method": "bf16"}}}, "'z', which is not a model"),
        ({"models": {**MODELS, "c": {"from": "a", "method": "heal"}}}, "method heal needs original"),
        (
            {"models": {**MODELS, "c": {"from": "a", "method": "bf16", "original": "b"}}},
            "method bf16 takes no original",
        ),
        ({"models": {**MODELS, "c": {"from": "a", "method": "heal", "original": "z"}}}, "'z', which is not a model"),
        ({"models": {**MODELS, "../c": {"train": "x"}}}, "a name may hold only letters"),
        ({"models": {**MODELS, "c": {"train": "d"}, "d": {"train": "c"}}}, "in a circle"),
        ({"models": {**MODELS, "c": {"train": "x", "method": "bf16"}}}, "go with from"),
        ({"models": {**MODELS, "c": {"from": "a", "method": "bf16", "layers": 2}}}, "options go under options"),
        ({"models": {**MODELS, "c": {"train": "x", "drop": "first"}}}, "drop 'first' has no effect without layers"),
        (
            {"models": {**MODELS, "c": {"from": "a", "method": "bf16", "seed": 3}}},
            "seed has no effect on method bf16, in which nothing is random; remove it",
        ),
        (
            {"models": {**MODELS, "c": {"from": "a", "method": "distil", "options": {"seed": 3}}}},
            "seed goes beside options, not in them",
        ),
        (
            {"models": {**MODELS, "c": {"from": "a", "method": "distil", "options": {"hard": 0.5, "perturb": 0.5}}}},
            "perturbed texts have no labels to learn from",
        ),
        (
            {
                "models": {
                    **MODELS,
                    "c": {"from": "a", "method": "heal", "original": "b", "options": {"rows": 9, "minutes": 1}},
                }
            },
            "rows and minutes both say how long to train",
        ),
        (
            {"models": {**MODELS, "c": {"from": "a", "method": "onnx"}, "d": {"train": "c"}}},
            "model 'd' cannot be trained from 'c', which is an ONNX graph",
        ),
        (
            {"models": {**MODELS, "c": {"from": "a", "method": "onnx"}, "d": {"from": "c", "method": "bf16"}}},
            "model 'd': method bf16 does not apply to 'c', which is an ONNX graph",
        ),
        (
            {"models": {**MODELS, "c": {"from": "a", "method": "int8-weights"}, "d": {"train": "c"}}},
            "model 'd' cannot be trained from 'c', which is quantized",
        ),
        (
            {"models": {**MODELS, "c": {"from": "a", "method": "int8-static"}}},
            "model 'c': method int8-static does not apply to 'a', which is a classifier of texts",
        ),
        ({"audit": {"reference": "base", "peer": "base"}}, "the peer 'base' is the reference itself"),
        ({"audit": {"reference": "nobody"}}, "reference 'nobody' is not a model"),
        ({"audit": {"reference": "base", "explain": 3}}, "audit has no key 'explain'"),
        ({"seeds": []}, "at least 1"),
        ({"seeds": [1, 1]}, "seeds must differ"),
        ({"training": {"recipe": "none"}}, "unknown recipe 'none'"),
        ({"training": {"epoch": 1}}, "training has no key 'epoch'; did you mean 'epochs'?"),
        (
            {"models": {**MODELS, "c": {"train": "x", "training": {"epoch": 1}}}},
            "training has no key 'epoch'; did you mean 'epochs'?",
        ),
        ({"models": {**MODELS, "c": {"train": "x", "training": {"epochs": "many"}}}}, "valid integer"),
        ({"models": {**MODELS, "c": {"from": "a", "method": "distil", "options": {"layer": 2}}}}, "layer"),
        ({"models": {"a": {"train": "x"}, "b": {"train": "x", "audited": False}}}, "there is no candidate"),
        ({"audit": {"reference": "base", "policy": "strictest"}}, "strictest"),
    ],
)
def test_what_makes_no_study(change, said, written):
    if "models" in change:
        change = {**change, "audit": {"reference": "a"}}
    with pytest.raises(StudyError) as caught:
        read_study(written(**change))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_names_what_is(tmp_path):
    with pytest.raises(StudyError, match="mini-nli"):
        read_study(tmp_path / "none.yaml")


def test_a_key_twice_is_refused(tmp_path):
    (tmp_path / "twice.yaml").write_text("name: a\nname: b\n", "utf-8")
    with pytest.raises(StudyError, match="appears twice"):
        read_study(tmp_path / "twice.yaml")
