"""``trusteq diff`` as a user meets it."""

import json

import pytest
from cases import case
from command import one_line, trusteq
from finished_runs import FAST, equivalent, explained, plain

import trusteq as library


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """One candidate that is as good as the reference, and a worse one of the same name, both on the same items."""
    folder = tmp_path_factory.mktemp("diff")
    large, _, items = case(120)
    policy = {"name": "w", "required": ["behaviour"], "rules": {"behaviour": {"disagreement": {"at_most": 0.09}}}}
    for name, noise in (("good", 0.01), ("bad", 1.5)):
        library.audit(large, case(120, noise=noise)[1], items, policy=policy, **FAST).save(folder / name)
    plain().save(folder / "plain")
    explained().save(folder / "explained")
    equivalent().save(folder / "wide")
    return folder


def test_the_exit_code_is_1_only_where_a_verdict_got_worse(runs):
    for older, newer, code in (("good", "bad", 1), ("bad", "good", 0), ("bad", "bad", 0)):
        done = trusteq("diff", older, newer, cwd=runs)
        assert (done.returncode, done.stderr) == (code, "")
        content = json.loads(trusteq("diff", older, newer, "--json", cwd=runs).stdout)
        assert content["exit_code"] == code
    assert "worse: small" in trusteq("diff", "good", "bad", cwd=runs).stdout


def test_both_are_judged_by_a_named_policy(runs):
    (runs / "p.yaml").write_text(
        "name: strict\nrequired: [behaviour]\nrules: {behaviour: {disagreement: {at_most: 0.00001}}}\n", "utf-8"
    )
    done = trusteq("diff", "good", "bad", "--policy", "p.yaml", "--json", cwd=runs)
    (candidate,) = json.loads(done.stdout)["candidates"]
    assert candidate["verdict"]["before"] == "UNDECIDED"
    assert candidate["verdict"]["now"] == "NOT EQUIVALENT"


def test_what_must_be_read_first_and_another_policy_are_said(runs):
    """A verdict that got better by wider margins alone looked like a better model."""
    large, small, items = case(120, noise=0.1)
    for name, most in (("narrow", 0.01), ("loose", 0.9)):
        rule = {"disagreement": {"at_most": most}}
        policy = {"name": name, "required": ["behaviour"], "rules": {"behaviour": rule}}
        library.audit(large, small, items, policy=policy, **FAST).save(runs / name)
    said = " ".join(trusteq("diff", "narrow", "loose", cwd=runs).stdout.split())
    assert "no verdict got worse; better (judged by another policy): small" in said
    assert "! narrow, policy narrow: is more permissive than trusteq's default policy" in said
    assert "! loose, policy loose: is more permissive than trusteq's default policy (in brackets): " in said
    told = json.loads(trusteq("diff", "narrow", "loose", "--json", cwd=runs).stdout)
    assert not told["same_policy"]
    assert [[one["kind"] for one in told["read_first"][when]] for when in ("before", "now")] == [["wider policy"]] * 2
    said = trusteq("diff", "narrow", "loose", "--policy", "loose/policy.yaml", cwd=runs).stdout
    assert "by another policy" not in said
    assert said.count("is more permissive") == 1


def test_mistakes_are_one_line(runs):
    one_line(trusteq("diff", "good", "nowhere", cwd=runs), "nowhere: not a run directory")
    one_line(trusteq("diff", "explained", "good", cwd=runs), "no candidate is in both runs")
    one_line(trusteq("diff", "good", "bad", "--policy", "nope.yaml", cwd=runs), "nope.yaml")
    one_line(trusteq("diff", "good", cwd=runs), "RUN2")


def test_help_tells_the_exit_codes():
    said = " ".join(trusteq("diff", "--help").stdout.split())
    assert "Exit codes: 0 no verdict got worse, 1 a candidate's verdict" in said
