"""A fourth dimension is an entry in the table: nothing else has to know it."""

import subprocess
import sys
from pathlib import Path

import pytest

import trusteq

SCRIPT = """
import sys, types

import numpy as np

from trusteq.comparing import measures

# What a contributor writes: one file with a function, and two entries.
file = types.ModuleType("trusteq.comparing.steadiness")
file.wavering = lambda pair: {
    "wavering": pair.resampling.share(abs(pair.candidate.confidence - pair.reference.confidence) > 0.1, what="moved")
}
sys.modules[file.__name__] = file
measures.DIMENSIONS["steadiness"] = measures.Dimension("Is it as steady?", "it is as steady")
entry = measures.Measure(
    "wavering", "wavering", (0.0, 1.0), measures.HIGHER, dimension="steadiness", of="steadiness.wavering"
)
measures.MEASURES += (entry,)
measures._BY_NAME[entry.name] = entry  # made from the table when the module is imported

from io import StringIO

from rich.console import Console

import trusteq
from trusteq.auditing.verify import verify_run
from trusteq.policy import policy_schema
from trusteq.report.page.page import page
from trusteq.report.terminal import render

gold = np.arange(200) % 2
p = np.where(gold, 0.9, 0.1)
steady, wavering = p + 0.01, np.where(np.arange(200) % 4 == 1, 0.7, p)
items = trusteq.Items([str(i) for i in range(200)], {"at": np.arange(200)}, gold, ("no", "yes"))
models = {
    name: trusteq.from_callable(lambda at, p=p: np.stack([1 - p, p], 1)[at], labels=("no", "yes"), name=name)
    for name, p in (("large", p), ("steady", steady), ("wavering", wavering))
}
policy = {
    "name": "steady",
    "required": ["behaviour", "steadiness"],
    "rules": {"behaviour": {"disagreement": {"at_most": 0.1}}, "steadiness": {"wavering": {"at_most": 0.1}}},
}
result = trusteq.audit(models.pop("large"), models, items, policy=policy, costs="none", resamples=200)
assert [(c.name, str(c.verdict.outcome)) for c in result.comparisons] == [
    ("steady", "EQUIVALENT"), ("wavering", "NOT EQUIVALENT")
]
assert result["wavering"].verdict.reason.startswith("wavering 0.25 [")
run = trusteq.load_run(result.save("run"))
assert verify_run(run).passed
shown = StringIO()
Console(file=shown, width=200).print(render(result))
assert "steadiness" in shown.getvalue()
html = page(result.evidence)
assert "Is it as steady?" in html
assert "wavering" in policy_schema()["properties"]["rules"]["properties"]["steadiness"]["propertyNames"]["enum"]
strict = result.policy.requiring(("steadiness",))
assert strict.required == ("steadiness",)
print("done")
"""


@pytest.mark.slow
def test_a_fourth_dimension_is_measured_judged_kept_and_shown(tmp_path):
    source = Path(trusteq.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=tmp_path,
        env={"PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
