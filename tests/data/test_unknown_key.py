"""A misspelt key, wherever it stands: which keys there are, and which was probably meant."""

import pytest

from trusteq import PolicyError
from trusteq.data.yaml_file import validated
from trusteq.errors import ModelError, StudyError, TaskFileError
from trusteq.models.preprocessing import preprocessing_of
from trusteq.policy import read_policy
from trusteq.prompts.task_file import read_task_file
from trusteq.study.plan import Study

MODELS = {"large": {"train": "minilm"}, "small": {"from": "large", "method": "bf16"}}
STUDY = {
    "name": "s",
    "data": {"train": "a.csv", "test": "b.csv", "text": ["text"], "label": "label"},
    "models": MODELS,
    "audit": {"reference": "large"},
}
RULES = {"behaviour": {"disagreement": {"at_most": 0.02}}}
POLICY = {"name": "mine", "required": ["behaviour"], "rules": RULES}


def study(content):
    return validated(content, Study, where="s.yaml", what="study", error=StudyError)


def preprocessing(content):
    return preprocessing_of(content, None, name="m")


@pytest.mark.parametrize(
    ("read", "content", "error", "message"),
    [
        (study, {**STUDY, "seed": [1]}, StudyError, "s.yaml: study has no key 'seed'; did you mean 'seeds'? Its keys "
         "are name, description, seeds, data, training, models, audit, needs"),
        (study, {**STUDY, "audit": {"reference": "large", "explain": 3}}, StudyError,
         "s.yaml: audit has no key 'explain'; did you mean 'explain_items'? Its keys are reference, peer, "),
        (study, {**STUDY, "training": {"recipes": "x"}}, StudyError, "training has no key 'recipes'; did you mean "
         "'recipe'? Its keys are epochs, rate, "),
        (study, {**STUDY, "models": {**MODELS, "large": {"train": "x", "training": {"epoch": 1}}}}, StudyError,
         "models.large.training has no key 'epoch'; did you mean 'epochs'?"),
        (study, {**STUDY, "models": {**MODELS, "small": {"form": "large"}}}, StudyError,
         "models.small has no key 'form'; did you mean 'from'? Its keys are train, layers, drop, training, from, "),
        (study, {key: value for key, value in STUDY.items() if key != "data"} | {"date": {}}, StudyError,
         "study has no key 'date'; did you mean 'data'?"),
        (read_policy, {**POLICY, "requires": []}, PolicyError, "policy has no key 'requires'; did you mean 'required'? "
         "Its keys are name, description, level, min_items, required, rules"),
        (read_policy, {**POLICY, "rules": {"behaviour": {"disagreement": {"max": 0.02}}}}, PolicyError,
         "rules.behaviour.disagreement has no key 'max'; its keys are at_least, at_most, judged_on"),
        (read_task_file, {"task": "tokens", "texts": "a"}, TaskFileError, "task file has no key 'texts'; did you mean "
         "'text'? Its keys are task, prompt, "),
        (preprocessing, {"size": [4, 6], "sise": 1}, ModelError, "model m: preprocessing: preprocessing of pictures "
         "has no key 'sise'; did you mean 'size'? Its keys are size, "),
        (preprocessing, {"rate": 8000, "secs": 1}, ModelError, "preprocessing of sounds (it has a rate) has no key "
         "'secs'; "),
    ],
)  # fmt: skip
def test_the_keys_that_there_are_and_the_nearest_are_named_in_one_line(read, content, error, message):
    with pytest.raises(error) as caught:
        read(content)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
