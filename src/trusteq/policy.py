"""Policies: how much difference is acceptable, and in which dimensions."""

from __future__ import annotations

import difflib
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from trusteq.comparing.measures import DIMENSIONS, dimensions_of, find_measure, in_words, names_of, needs_of
from trusteq.data.spelling import british, british_keys
from trusteq.data.yaml_file import parse_yaml, read_yaml, validated
from trusteq.errors import PolicyError

if TYPE_CHECKING:
    from trusteq.comparing.measures import Measure
    from trusteq.tasks.task import Task

    Dimension = str
else:
    Dimension = Literal[tuple(DIMENSIONS)]

PRESETS = ("default", "generative", "paper")


class Rule(BaseModel):
    """The margin of one measure."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at_least: float | None = Field(None, allow_inf_nan=False, description="The lowest acceptable value.")
    at_most: float | None = Field(None, allow_inf_nan=False, description="The highest acceptable value.")
    judged_on: Literal["interval", "value", "significance"] = Field(
        "interval",
        description="interval: the whole interval must lie within the margin (an equivalence test). value: the "
        "estimate alone must. significance: fails only if the whole interval lies beyond the margin, as in published "
        "protocols.",
    )

    @field_validator("at_least", "at_most", mode="before")
    @classmethod
    def _is_number(cls, value: Any) -> Any:
        return _no_bool(value)

    @model_validator(mode="after")
    def _has_margin(self) -> Rule:
        if self.at_least is None and self.at_most is None:
            raise ValueError("needs at_least, at_most or both")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"at_least {self.at_least:g} is above at_most {self.at_most:g}; no value can satisfy both")
        return self

    def allows(self, value: float) -> bool:
        """Whether the value lies within the margin."""
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)

    def __str__(self) -> str:
        if self.judged_on == "significance" and self.at_least == self.at_most:
            return f"free of a significant difference from {self.at_least:g}"
        if self.at_least is not None and self.at_most is not None:
            margin = f"within {self.at_least:g} and {self.at_most:g}"
        else:
            margin = f"at least {self.at_least:g}" if self.at_least is not None else f"at most {self.at_most:g}"
        return f"consistent with {margin}" if self.judged_on == "significance" else margin


class Policy(BaseModel):
    """All margins together, and which dimensions EQUIVALENT requires."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    description: str = ""
    level: float = Field(0.95, gt=0.5, lt=1, description="Level of the intervals that rules are judged on.")
    min_items: int = Field(100, ge=2, description="With fewer items, no verdict is EQUIVALENT.")
    required: tuple[Dimension, ...] = Field(min_length=1, description="Dimensions that EQUIVALENT requires.")
    rules: dict[Dimension, dict[str, Rule]] = Field(description="Margins, by dimension and measure.")

    @field_validator("level", "min_items", mode="before")
    @classmethod
    def _is_number(cls, value: Any) -> Any:
        return _no_bool(value)

    @field_validator("rules")
    @classmethod
    def _measures_exist(
        cls, rules: dict[Dimension, dict[str, Rule]], info: ValidationInfo
    ) -> dict[Dimension, dict[str, Rule]]:
        for dimension, measures in rules.items():
            entries = [_measure(dimension, name, info.context or ()) for name in measures]
            if entries and not any(measure.of_candidates for measure in entries):
                raise ValueError(
                    f"{dimension} has only rules about the reference ({', '.join(measures)}), which no candidate can "
                    "break; add one about the candidate or the difference"
                )
            for measure in entries:
                _refuse_vacuous(measure, measures[measure.name])
                if measure.judged_with_peer in measures:
                    raise ValueError(
                        f"{dimension} has margins for {measure.name} and {measure.judged_with_peer}, but with a peer "
                        "the first is judged as the second; remove one"
                    )
        return rules

    @model_validator(mode="after")
    def _required_have_rules(self) -> Policy:
        for dimension in self.required:
            if not self.rules.get(dimension):
                raise ValueError(f"{dimension} is required but has no rules, so it could never fail")
        return self

    def content(self) -> str:
        """SHA-256 of the whole policy."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def needs_protocol(self) -> bool:
        """Whether it has a rule on a measure that only the published protocol has."""
        return any("protocol" in needs_of(name) for rules in self.rules.values() for name in rules)

    def requiring(self, dimensions: tuple[str, ...], own: Sequence[Measure] = ()) -> Policy:
        """The same policy with other required dimensions; ``own`` are the user's own measures."""
        dimensions = tuple(map(british, dimensions))
        for name in dimensions:
            if name not in DIMENSIONS:
                raise PolicyError(f"no dimension {name!r}; choose from {', '.join(DIMENSIONS)}")
        content = self.model_dump() | {"required": dimensions}
        if set(dimensions) != set(self.required):
            # The description is about the policy's own required dimensions.
            description = self.description.partition(_REQUIRED_HERE)[0].rstrip()
            content["description"] = f"{description}{_REQUIRED_HERE}{', '.join(dimensions)}.".lstrip()
        return parse_policy(content, where=f"policy {self.name}", own=own)


_REQUIRED_HERE = " Required here: "


def _no_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")
    return value


def _measure(dimension: str, name: str, own: Sequence[Measure]) -> Measure:
    """The dimension's measure of this name, among trusteq's, plugins' and the user's own."""
    measure = find_measure(name) or next((candidate for candidate in own if candidate.name == name), None)
    if measure is None or measure.dimension != dimension:
        similar = difflib.get_close_matches(name, names_of(dimension), n=1)
        hint = f"; did you mean {similar[0]}?" if similar else "; see 'trusteq policy measures'"
        raise ValueError(f"{dimension} has no measure {name!r}{hint}")
    return measure


def _refuse_vacuous(measure: Measure, rule: Rule) -> None:
    """Stop at a margin that every possible value satisfies, or that none can."""
    low, high = measure.bounds
    minimum = -math.inf if rule.at_least is None else rule.at_least
    maximum = math.inf if rule.at_most is None else rule.at_most
    bounds = f"{measure.name} is always from {low:.4g} to {high:.4g}"
    if minimum <= low and maximum >= high:
        raise ValueError(f"{bounds}, so {rule} could never fail; narrow the margin")
    if minimum > high or maximum < low:
        raise ValueError(f"{bounds}, so {rule} could never pass; widen the margin")


def _stopping_harm(policy: Policy, *, where: str, own: Sequence[Measure]) -> Policy:
    """The policy, unless a rule limits only what is better; a finished run may have been judged by such a rule."""
    for dimension, rules in policy.rules.items():
        for name, rule in rules.items():
            worse = _measure(dimension, name, own).worse
            size, end = ("larger", "at_most") if worse > 0 else ("smaller", "at_least")
            if worse and getattr(rule, end) is None:
                raise PolicyError(
                    f"{where}: rules: {name} is worse where it is {size}, so {rule} stops nothing worse; give {end}"
                )
    return policy


def policy_schema() -> dict[str, Any]:
    """The JSON Schema of policies: every dimension with its measures, so that an editor can complete their names."""
    schema = Policy.model_json_schema()
    rules = schema["properties"]["rules"]
    rules["properties"] = {
        dimension: {**rules["additionalProperties"], "propertyNames": {"enum": list(names_of(dimension))}}
        for dimension in DIMENSIONS
    }
    return schema


def read_policy(source: str | Path | Policy | Mapping[str, Any], own: Sequence[Measure] = ()) -> Policy:
    """A policy from a preset's name, a YAML file, a mapping of the same content, or a `Policy` itself.

    ``own`` are measures of the user's own, on which it may have rules.
    """
    if isinstance(source, Policy):
        return _with_checked_name(_stopping_harm(source, where="policy", own=own), "policy")
    if isinstance(source, Mapping):
        return _with_checked_name(parse_policy(dict(source), where="policy", own=own), "policy")
    if not isinstance(source, (str, Path)):
        raise PolicyError(f"policy is {source!r}; give a preset's name, a YAML file, a mapping or a trusteq.Policy")
    if source in PRESETS:
        return preset(str(source))
    missing = f"no such policy file; presets are {', '.join(PRESETS)}"
    content, where = read_yaml(source, missing=missing, error=PolicyError), str(source)
    return _with_checked_name(parse_policy(content, where=where, own=own), where)


@cache
def preset(name: str) -> Policy:
    """The policy of this name that comes with trusteq."""
    text = resources.files("trusteq.policies").joinpath(f"{name}.yaml").read_text("utf-8")
    return parse_policy(parse_yaml(text, where=f"preset {name}", error=PolicyError), where=f"preset {name}")


def usual_policy(task: Task) -> Policy:
    """The policy for models of this task, if no other is chosen.

    That which the task names, which then requires only dimensions in which models of the task are compared.
    """
    policy, dimensions = preset(task.policy), dimensions_of(task)
    measured = tuple(name for name in policy.required if name in dimensions)
    return policy if measured == policy.required else policy.requiring(measured)


def comes_with_trusteq(policy: Policy) -> bool:
    """Whether it has the rules of a preset, whichever dimensions it requires."""
    return any(_is_preset(policy, name) for name in PRESETS)


def _is_preset(policy: Policy, name: str) -> bool:
    original = preset(name)
    update = {"required": original.required, "description": original.description}
    return policy.model_copy(update=update) == original


def _with_checked_name(policy: Policy, where: str) -> Policy:
    """The policy, unless it has the name of a preset but other rules."""
    name = policy.name.strip().casefold()
    if name in PRESETS and not _is_preset(policy, name):
        raise PolicyError(f"{where}: has the name of the preset {policy.name!r} but other rules; give it another name")
    return policy


def wider(policy: Policy, usual: Policy) -> list[str]:
    """Where a policy is more permissive than the usual one, in words, with the usual margin in brackets."""
    differences = [f"{dimension} is not required" for dimension in usual.required if dimension not in policy.required]
    for dimension in (dimension for dimension in usual.required if dimension in policy.required):
        for measure, rule in usual.rules[dimension].items():
            policy_rule = policy.rules[dimension].get(measure)
            if policy_rule is None:
                differences.append(f"{in_words(measure)} has no margin ({_margin(rule)})")
            elif _is_wider(policy_rule, rule):
                differences.append(f"{in_words(measure)} {_margin(policy_rule)} ({_margin(rule)})")
    if policy.level < usual.level:
        differences.append(f"{100 * policy.level:.10g}% intervals ({100 * usual.level:.10g}%)")
    if policy.min_items < usual.min_items:
        differences.append(f"at least {policy.min_items} items ({usual.min_items})")
    return differences


def _is_wider(rule: Rule, usual: Rule) -> bool:
    low, usual_low = (-math.inf if r.at_least is None else r.at_least for r in (rule, usual))
    high, usual_high = (math.inf if r.at_most is None else r.at_most for r in (rule, usual))
    looser = rule.judged_on != usual.judged_on and usual.judged_on == "interval"
    return low < usual_low or high > usual_high or looser


def _margin(rule: Rule) -> str:
    return str(rule) if rule.judged_on == "interval" else f"{rule}, judged on its {rule.judged_on}"


def parse_policy(content: Any, *, where: str, own: Sequence[Measure] = ()) -> Policy:
    """A policy from parsed YAML, or one clear line about the first thing wrong with it."""
    if isinstance(content, dict):
        content = dict(content)
        if "rules" in content:
            content["rules"] = british_keys(content["rules"])
        if isinstance(required := content.get("required"), list | tuple):
            content["required"] = type(required)(map(british, required))
    policy = validated(content, Policy, where=where, what="policy", error=PolicyError, context=own)
    return _stopping_harm(policy, where=where, own=own)
