"""A bench whose candidates are made up: it makes nothing and asks nobody, but lists what it was told to do."""

from types import SimpleNamespace

from trusteq import ModelError, read_policy
from trusteq.shrink.ladder import Rung, Step
from trusteq.shrink.record import ANSWERS, CONFIRMED
from trusteq.stats.estimate import Estimate
from trusteq.verdict import judge

POLICY = read_policy(
    {
        "name": "two rules",
        "min_items": 10,
        "required": ["behaviour", "explanation"],
        "rules": {
            "behaviour": {"disagreement": {"at_most": 0.1}},
            "explanation": {"alignment_shapley": {"at_least": 0.9}},
        },
    }
)


def estimate(value, width=0.01):
    return Estimate(value, value - width, value + width, 1000, "made up")


class Model(SimpleNamespace):
    """A candidate: its size, how many times as fast it is, what it changes and how it aligns."""

    def __init__(self, size, changed, aligned=0.99, speed=1.0, width=0.01):
        super().__init__(size=size, changed=changed, aligned=aligned, speed=speed, width=width)


class Bench:
    """Candidates by name that are there as soon as they are asked for; ``done`` lists what was done, in order."""

    def __init__(self, directory, models, reference_size=100):
        self.directory, self.models, self.reference_size = directory, models, reference_size
        self.done, self.runs, self.made = [], set(), set()

    def folder(self, rung):
        return self.directory / "candidates" / rung.name

    def run_of(self, rung, audit):
        place = self.directory / audit if audit == CONFIRMED else self.directory / audit / rung.name
        return SimpleNamespace(exists=lambda: (rung.name, audit) in self.runs, relative_to=place.relative_to)

    def make(self, rung):
        if rung.name not in self.made:
            self.done.append(f"make {rung.name}")
            self.made.add(rung.name)
        if self.models.get(rung.name) is None:
            raise ModelError(f"{rung.name} cannot be made")

    def open(self, rung):
        size = SimpleNamespace(disk_bytes=self.models[rung.name].size)
        return SimpleNamespace(traits=SimpleNamespace(size=lambda: size))

    def audited(self, rung, audit):
        if (rung.name, audit) not in self.runs:
            self.done.append(f"{audit} {rung.name}")
            self.runs.add((rung.name, audit))
        model = self.models[rung.name]
        measures = {"behaviour": {"disagreement": estimate(model.changed, model.width)}}
        if audit != ANSWERS:
            measures["explanation"] = {"alignment_shapley": estimate(model.aligned)}
        flat = {name: value for group in measures.values() for name, value in group.items()}
        judged = SimpleNamespace(
            name=rung.name,
            verdict=judge(measures, POLICY),
            flat=flat,
            identity=SimpleNamespace(content=rung.name, location=str(self.folder(rung))),
        )
        sizes = (self.reference_size, model.size)
        costs = [
            {"disk_bytes": size, "latency": {"median": seconds}}
            for size, seconds in zip(sizes, (1.0, 1 / model.speed), strict=True)
        ]
        return SimpleNamespace(document=SimpleNamespace(candidates=(judged,)), costs={"models": costs})


def rung(*methods):
    return Rung(tuple(Step(method) for method in methods))
