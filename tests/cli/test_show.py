"""``trusteq show`` as a user meets it."""

import json

import marked
import pandas as pd
import pytest
from cases import LABELS, probabilities
from command import one_line, trusteq
from finished_runs import explained, hostile, plain, protocol
from rehashed import rehashed


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return explained().save(tmp_path_factory.mktemp("show") / "run")


def test_it_prints_what_the_audit_printed(tmp_path):
    reference, candidate, gold = probabilities(120, noise=0.5)
    for name, table in (("large", reference), ("small", candidate)):
        frame = pd.DataFrame(table, columns=list(LABELS))
        frame.assign(id=range(120), gold=[LABELS[code] for code in gold]).to_csv(tmp_path / f"{name}.csv", index=False)
    quick = ("--label", "gold", "--resamples", "100", "--no-slices", "--out", "run")
    printed = trusteq("audit", "large.csv", "small.csv", *quick, cwd=tmp_path)
    for file in tmp_path.glob("*.csv"):
        file.unlink()
    done = trusteq("show", "run", cwd=tmp_path)
    assert printed.returncode != 0
    assert (done.returncode, done.stderr, done.stdout) == (0, "", printed.stdout)
    content = json.loads(trusteq("show", "run", "--json", cwd=tmp_path).stdout)
    assert content == json.loads((tmp_path / "run" / "audit.json").read_text("utf-8"))


def test_the_published_protocol_s_pairs_are_shown(tmp_path):
    done = trusteq("show", protocol().save(tmp_path / "run"))
    assert "Jaccard of the top 10 words, protocol paper, 4 items, LIME's seeds 0, 1, 2" in done.stdout


def test_size_and_speed_are_shown_where_they_were_measured(tmp_path):
    from finished_runs import costs_of

    run = plain().save(tmp_path / "run")
    before = trusteq("show", run).stdout
    (run / "costs.json").write_text(json.dumps(costs_of(("large", "small"))), "utf-8")
    rehashed(run)
    after = trusteq("show", run).stdout
    assert after.startswith(before.rstrip("\n"))
    assert "12.3 ms" in after


def test_an_item_is_shown_beside_each_candidate_or_the_named_one(run):
    both = trusteq("show", run, "--item", "review-3").stdout
    assert both.count("item review-3: ") == 2
    one = trusteq("show", run, "--item", "review-3", "--candidate", "shortcut").stdout
    assert one.strip("\n") in both
    assert "honest on the left, shortcut on the right" in one
    assert "nearly" not in one
    assert "by LIME" in trusteq("show", run, "--item", "review-3", "--method", "lime").stdout


def test_an_item_as_json(run):
    content = json.loads(trusteq("show", run, "--item", "review-3", "--json").stdout)
    assert [candidate["model"] for candidate in content["candidates"]] == ["nearly", "shortcut"]
    assert content["segments"].keys() == {"first", "second"}


def test_mistakes_are_one_line(run, tmp_path):
    one_line(trusteq("show", run, "--item", "review-333"), "no item 'review-333'; did you mean")
    one_line(trusteq("show", run, "--item", "review-3", "--candidate", "small"), "there are nearly, shortcut")
    one_line(trusteq("show", run, "--candidate", "nearly"), "--candidate nearly has no effect without --item")
    one_line(trusteq("show", run, "--method", "lime"), "--method lime has no effect without --item")
    one_line(trusteq("show", "nowhere", cwd=tmp_path), "not a run directory")
    one_line(trusteq("show", run, "--item", "\x1b[31m"), "no item")


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [(), ("--item", "ID")])
def test_hostile_runs_cannot_command_the_terminal(arguments, tmp_path):
    run = hostile().save(tmp_path / "run")
    asked = [hostile().items.ids[3] if word == "ID" else word for word in arguments]
    done = trusteq("show", run, *asked)
    assert done.returncode == 0, done.stderr
    assert all(character == "\n" or character.isprintable() for character in done.stdout)
    assert trusteq("show", run, *asked, "--json").stdout.isascii()


@pytest.fixture(scope="module")
def marked_run(tmp_path_factory):
    return marked.audit().save(tmp_path_factory.mktemp("show") / "marked")


def test_ids_of_changed_items_and_of_a_condition_are_what_explain_ids_reads(marked_run):
    changed = trusteq("show", marked_run, "--changed", "--candidate", "small")
    texts = marked.items().segments["text"]
    expected = [f"i{i}" for i, text in enumerate(texts) if text.endswith(marked.MARK)]
    assert (changed.returncode, changed.stderr, changed.stdout.splitlines()) == (0, "", expected)
    met = trusteq("show", marked_run, "--condition", "1", "--candidate", "small")
    assert met.stdout == changed.stdout
    assert json.loads(trusteq("show", marked_run, "--changed", "--candidate", "small", "--json").stdout) == expected
    assert trusteq("show", marked_run, "--changed", "--candidate", "same").stdout == ""


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("--changed",), "several candidates; name one with --candidate: small, tiny, same"),
        (("--changed", "--candidate", "small", "--item", "i0"), "each go alone"),
        (("--changed", "--condition", "1", "--candidate", "small"), "each go alone"),
        (("--condition", "9", "--candidate", "same"), "same has no condition 9; no condition was found"),
    ],
)
def test_ids_are_not_guessed(marked_run, asked, words):
    done = trusteq("show", marked_run, *asked)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
