"""What differs between two runs of a candidate: whether their figures can be compared, and what else changed."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from trusteq.comparing.measures import in_words
from trusteq.data.clean import clean
from trusteq.report.difference import Setting, changed_settings
from trusteq.report.wording import listed, percent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trusteq.policy import Policy, Rule
    from trusteq.record.document import AuditDocument
    from trusteq.record.run import Run

LONGEST = 60
"""Characters of a value."""

MOST = 6
"""Values of one kind that a sentence names."""


@dataclass(frozen=True)
class Break:
    """A reason for which figures before and after it are not alike.

    kind: "task", "questions", "items", "labels", "reference", "explanations" or "policy". dimension: the only one whose
    figures it concerns; None if it concerns all.
    """

    kind: str
    sentence: str
    dimension: str | None = None

    @property
    def of_figures(self) -> bool:
        """Whether the figures differ in what they measure; another policy only judges them differently."""
        return self.kind != "policy"


@dataclass(frozen=True)
class Group:
    """Settings that differ, of one kind: "candidate", "software" ..."""

    title: str
    settings: tuple[Setting, ...]

    @property
    def words(self) -> str:
        """What differs, in one line."""
        named = [f"{s.name} {value_words(s.before)} → {value_words(s.now)}" for s in self.settings[:MOST]]
        more = len(self.settings) - MOST
        return "; ".join([*named, f"and {more} more"] if more > 0 else named)


def breaks(before: Run, now: Run) -> tuple[Break, ...]:
    """Why figures of the first run and of the second are not alike; () where they are."""
    return tuple(_breaks(before, now))


def _breaks(before: Run, now: Run) -> Iterator[Break]:
    was, is_ = before.document, now.document
    if was.task is not is_.task:
        yield Break("task", f"another task: {was.task.name} → {is_.task.name}")
    if was.settings.get("asking") != is_.settings.get("asking"):
        yield Break("questions", "the models were asked in another way (task file)")
    a, b = before.manifest["data"], now.manifest["data"]
    counts = f"{was.items.n:,} → {is_.items.n:,}"
    if a["asked"] != b["asked"] or was.items.n != is_.items.n:
        yield Break("items", f"other items: {counts}, {_short(a['asked'])} → {_short(b['asked'])}")
    elif a["content"] != b["content"] or set(was.labels) != set(is_.labels):
        yield Break("labels", "the same items with other labels, clusters or columns")
    if not _same_reference(before, now):
        contents = [run.manifest["models"][0]["content"] for run in (before, now)]
        yield Break("reference", f"another reference: {' → '.join(map(_short, contents))}")
    if _explained(was) != _explained(is_):
        yield Break("explanations", "explained with other settings", "explanation")
    if was.policy.content() != is_.policy.content():
        names = " → ".join(f"{document.policy.name} ({_short(document.policy.content())})" for document in (was, is_))
        level = ""
        if was.policy.level != is_.policy.level:
            level = f", {percent(was.policy.level)} → {percent(is_.policy.level)} intervals"
        yield Break("policy", f"another policy: {names}{level}")


def _same_reference(before: Run, now: Run) -> bool:
    """Whether both references are one by the hash of their content, or gave the same answers to the last bit."""
    was, is_ = (run.manifest["models"][0] for run in (before, now))
    if was["content"] is not None and was["content"] == is_["content"]:
        return True
    answers = [run.manifest["files"].get(model["predictions"]) for run, model in ((before, was), (now, is_))]
    return answers[0] is not None and answers[0] == answers[1]


def _explained(document: AuditDocument) -> Any:
    """What of the explanations' settings decides what they measure; more items or masks only measure it better."""
    settings = document.settings["explain"]
    if document.explanation is None or settings is None:
        return document.settings["protocol"]
    return [getattr(settings, name) for name in ("units", "perturb", "target", "scale", "k", "ids", "background")]


def what_changed(before: Run, now: Run, names: tuple[str, str]) -> tuple[Group, ...]:
    """What differs between two runs that bears on a candidate, called so before and now; what matters most first."""
    was, is_ = (_narrowed(run, name) for run, name in zip((before, now), names, strict=True))
    groups: dict[str, list[Setting]] = {title: [] for title in _TITLES}
    for setting in changed_settings(was, is_):
        title, name = _titled(setting.name)
        if title != "policy":
            groups[title].append(replace(setting, name=name))
    groups["policy"] = [*_policy_settings(was.document.policy, is_.document.policy)]
    return tuple(Group(title, tuple(settings)) for title, settings in groups.items() if settings)


def _policy_settings(was: Policy, is_: Policy) -> Iterator[Setting]:
    """What differs between two policies, rule by rule."""
    for name, before, now in (
        ("required", listed(was.required), listed(is_.required)),
        ("level", percent(was.level), percent(is_.level)),
        ("fewest items", was.min_items, is_.min_items),
    ):
        if before != now:
            yield Setting(name, before, now)
    a, b = ({m: r for rules in policy.rules.values() for m, r in rules.items()} for policy in (was, is_))
    for measure in dict.fromkeys([*b, *a]):
        if a.get(measure) != b.get(measure):
            yield Setting(in_words(measure), *(_rule_words(rules.get(measure)) for rules in (a, b)))


def _rule_words(rule: Rule | None) -> str:
    """A rule's margin, and how it is judged where that is not by the interval."""
    if rule is None:
        return "no rule"
    return str(rule) if rule.judged_on == "interval" else f"{rule}, judged on {rule.judged_on}"


DETAILS = "details"
"""What follows from the rest, or bears on no figure: names, places, descriptions."""

_TITLES = (
    "candidate",
    "reference",
    "items",
    "questions",
    "policy",
    "explanations",
    "settings",
    "software",
    "device",
    DETAILS,
)
_SOFTWARE = ("trusteq", "python", "platform", "versions.")
_CANDIDATE = "candidate "


def _narrowed(run: Run, name: str) -> Run:
    """The run as if it had this candidate alone, whatever it is called."""
    reference, *others = run.manifest["models"]
    (own,) = (model for model in others if model["name"] == name)
    return replace(run, manifest={**run.manifest, "models": [reference, {**own, "name": ""}]})


def _titled(name: str) -> tuple[str, str]:
    """The group of a setting, and its name there."""
    if name.startswith(_SOFTWARE):
        return "software", name.removeprefix("versions.")
    group, _, key = name.partition(".")
    group = group.strip()
    if key == "details.device":
        return "device", group
    if name == "plan" or key in _NO_MATTER or key.startswith("details.files"):
        return DETAILS, f"{group} {key}".strip()
    if name.startswith("settings.asking"):
        return "questions", key.removeprefix("asking.")
    if name.startswith(("settings.explain", "settings.protocol", "settings.no_explain")):
        return "explanations", key.removeprefix("explain.")
    if group == "labels":
        return "items", name
    return (group if group in _TITLES else "settings"), key.removeprefix("details.") or name


_NO_MATTER = ("location", "source", "name", "ids", "description")


def value_words(value: Any) -> str:
    """A setting's value in few words; of a hash the beginning."""
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value)
    text = clean(_short(text))
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _short(value: Any) -> str:
    """The beginning of a hash; any other text as it is."""
    text = "without a hash" if value is None else str(value)
    head, space, rest = text.partition(" ")
    return f"{head[:12]}{space}{rest}" if len(head) == 64 and not head.strip("0123456789abcdef") else text


def kinds(found: Sequence[Break]) -> str:
    """The kinds of breaks, for a drawing."""
    return ", ".join(one.kind for one in found)
