"""A candidate through its runs: what the runs hold, in order, and where they are not alike."""

from dataclasses import replace

import made_up_releases
import pytest
from rehashed import rehashed

from trusteq.errors import OptionError, PolicyError, RunError
from trusteq.explain.explanation import ExplainSettings
from trusteq.record.document import ExplanationSummary, MaskCounts, UnitCounts
from trusteq.releases.history import history
from trusteq.releases.release import read_releases
from trusteq.releases.since import breaks, what_changed
from trusteq.releases.words import headline, titles, why


def test_runs_of_a_folder_come_in_the_order_of_their_names_and_named_ones_as_given(folder, releases):
    assert tuple(release.name for release in releases) == made_up_releases.NAMES
    given = [str(folder / name) for name in ("1.9", "1.0")]
    assert [release.name for release in read_releases(given)[0]] == ["1.9", "1.0"]


def test_a_run_that_is_named_twice_is_one(folder):
    assert len(read_releases([str(folder / "1.0"), str(folder)])[0]) == len(made_up_releases.NAMES)


def test_runs_of_the_same_name_are_told_apart_by_their_paths(tmp_path, folder):
    (tmp_path / "other").mkdir()
    (tmp_path / "other/1.0").symlink_to(folder / "1.2")
    places = [str(folder / "1.0"), str(tmp_path / "other/1.0")]
    assert [release.name for release in read_releases(places)[0]] == places


def test_estimates_and_verdicts_are_those_of_the_runs(releases, track):
    for line in track.lines:
        for point in line.points:
            held = releases[point.release].run.document.candidates[0]
            assert point.estimate == held.flat[line.measure]
    assert [one.verdict for one in track.judged.values()] == [
        release.candidates["small"].verdict for release in releases
    ]
    assert [str(one.verdict.outcome) for one in track.judged.values()] == [
        "NOT EQUIVALENT", "EQUIVALENT", "EQUIVALENT", "UNDECIDED", "UNDECIDED",
    ]  # fmt: skip


def test_each_change_is_marked_where_it_happened(track):
    assert [[one.kind for one in step.breaks] for step in track.since] == [[], ["items"], ["policy"], ["reference"]]
    assert [titles(step) for step in track.since] == ["candidate", "items", "policy", "reference"]


def test_figures_are_joined_unless_they_measure_something_else(track):
    """Another policy judges the same figures; other items or another reference give others."""
    assert {line.apart for line in track.lines} == {frozenset({2, 4})}


def test_a_measure_that_a_policy_has_no_rule_about_is_shown_unjudged(track):
    line = next(line for line in track.lines if line.measure == "confidence_profile_distance")
    assert [point.rule is None for point in line.points] == [False, False, False, True, True]
    assert all(point.estimate is not None for point in line.points)


def test_rules_with_another_outcome_are_named(track):
    assert [[turn.measure for turn in step.turns] for step in track.since] == [
        ["disagreement", "confidence_profile_distance"],
        [],
        ["disagreement", "confidence_profile_distance"],
        [],
    ]


def test_the_headline_says_what_became_of_it_and_what_is_not_alike(through, releases, track):
    assert headline(track, through) == "UNDECIDED in 2.0, as in 1.10 (against another reference)"
    assert [headline(history(releases[:n]).tracks[0], through) for n in (1, 2, 3, 4)] == [
        "NOT EQUIVALENT in 1.0, the only run that has it (it is not in the last run, 2.0)",
        "EQUIVALENT in 1.2, was NOT EQUIVALENT in 1.0: better (it is not in the last run, 2.0)",
        "EQUIVALENT in 1.9, as in 1.2 (on other items) (it is not in the last run, 2.0)",
        "UNDECIDED in 1.10, was EQUIVALENT in 1.9: worse (by another policy) (it is not in the last run, 2.0)",
    ]


def test_policies_are_compared_rule_by_rule(track):
    assert why(track.since[2])[1:] == [
        "policy: required behaviour and calibration → behaviour; disagreement at most 0.1 → at most 0.01; confidence "
        "profile distance at most 0.05 → no rule"
    ]


def test_a_candidate_that_only_some_runs_have_is_followed_through_these(through):
    (tiny,) = (track for track in through.tracks if track.name == "tiny")
    assert list(tiny.judged) == [4]
    assert tiny.since == ()


def test_of_runs_with_one_candidate_each_these_are_one_whatever_their_names(tmp_path, releases):
    run = made_up_releases.audited(tmp_path / "renamed", noise=0.01, name="small-v2")
    renamed, _ = read_releases([str(run)])
    (track,) = history([releases[0], *renamed]).tracks
    assert [one.name for one in track.judged.values()] == ["small", "small-v2"]
    assert titles(track.since[0]) == "candidate"
    # With two in one of the runs, names decide.
    assert [track.name for track in history([releases[4], *renamed]).tracks] == ["small-v2", "small", "tiny"]


def test_candidates_can_be_chosen(releases):
    assert [track.name for track in history(releases, ["tiny"]).tracks] == ["tiny"]
    with pytest.raises(OptionError, match="--candidate huge: no run has such a candidate; choose from small, tiny"):
        history(releases, ["huge"])


def test_one_policy_judges_all_as_gate_does(folder, releases):
    found, _ = read_releases([str(folder)], "paper")
    through = history(found, one_policy=True)
    from trusteq.policy import read_policy
    from trusteq.record.run import rejudge

    policy = read_policy("paper")
    for release, own in zip(found, releases, strict=True):
        assert {name: one.verdict for name, one in release.candidates.items()} == rejudge(own.run, policy)
    assert not any(one.kind == "policy" for track in through.tracks for step in track.since for one in step.breaks)


def test_a_policy_that_a_run_has_no_intervals_for_names_the_run(folder, tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text("{name: p, level: 0.9, required: [behaviour], rules: {behaviour: {disagreement: {at_most: 0.1}}}}")
    with pytest.raises(PolicyError, match=r"1\.0: policy p needs 90% intervals|1\.0: policy p needs 0\.9 intervals"):
        read_releases([str(folder)], str(path))


def test_a_damaged_run_is_left_out_of_a_folder_with_a_line_but_is_an_error_if_it_was_named(tmp_path, folder):
    import shutil

    for name in ("1.0", "1.2"):
        shutil.copytree(folder / name, tmp_path / name)
    (tmp_path / "1.0/items.parquet").write_bytes(b"")
    found, (line,) = read_releases([str(tmp_path)])
    assert [release.name for release in found] == ["1.2"]
    assert "1.0" in line
    with pytest.raises(RunError, match=r"items\.parquet"):
        read_releases([str(tmp_path / "1.0")])
    shutil.copytree(folder / "1.0", tmp_path / "1.1")
    (tmp_path / "1.1/policy.yaml").write_text("rules: [", "utf-8")
    rehashed(tmp_path / "1.1")
    found, (_, line) = read_releases([str(tmp_path)])
    assert [release.name for release in found] == ["1.2"]
    assert "policy.yaml" in line
    shutil.rmtree(tmp_path / "1.1")
    (tmp_path / "1.2/audit.json").unlink()
    with pytest.raises(RunError, match=r"no run can be read; the first: .*items\.parquet"):
        read_releases([str(tmp_path)])


@pytest.mark.parametrize("place", ["nowhere", "empty"])
def test_a_place_without_runs_is_one_line(tmp_path, place):
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match="not a run"):
        read_releases([str(tmp_path / place)])


def test_a_reference_without_a_hash_is_known_by_its_answers(tmp_path, releases):
    runs = [
        read_releases([str(made_up_releases.audited(tmp_path / str(noise), noise=noise, reference=None))])[0][0].run
        for noise in (0.01, 1.5)
    ]
    assert breaks(*runs) == ()
    changed = replace(runs[1], manifest={**runs[1].manifest, "files": {}})
    assert [one.kind for one in breaks(runs[0], changed)] == ["reference"]
    assert [one.kind for one in breaks(runs[0], releases[1].run)] == []


def explained(run, **settings):
    """The run as if words had been explained with these settings."""
    summary = ExplanationSummary(30, (), UnitCounts(5.0, 9), MaskCounts(30.0, 40, 900), 0, "f" * 64)
    how = {**run.document.settings, "explain": ExplainSettings(**settings)}
    return replace(run, document=replace(run.document, explanation=summary, settings=how))


def test_more_explained_items_measure_the_same_but_another_target_does_not(releases):
    run = explained(releases[0].run, items=30)
    assert breaks(run, explained(run, items=60, masks=512)) == ()
    (found,) = breaks(run, explained(run, items=30, target="own"))
    assert (found.kind, found.dimension) == ("explanations", "explanation")


def test_labels_clusters_and_columns_are_told_from_other_items(releases):
    run = releases[0].run
    data = {**run.manifest["data"], "content": "0" * 64}
    (found,) = breaks(run, replace(run, manifest={**run.manifest, "data": data}))
    assert found.kind == "labels"


def test_versions_devices_and_seeds_that_differ_are_named(releases):
    run = releases[0].run
    reference, small = run.manifest["models"]
    manifest = {
        **run.manifest,
        "trusteq": "9.9",
        "versions": {**run.manifest["versions"], "numpy": "9.0"},
        "models": [reference, {**small, "details": {**small["details"], "device": "cuda"}}],
        "settings": {**run.manifest["settings"], "seed": 7},
    }
    groups = what_changed(run, replace(run, manifest=manifest), ("small", "small"))
    words = {group.title: group.words for group in groups}
    assert list(words) == ["settings", "software", "device"]
    assert words["settings"] == "seed 0 → 7"
    assert words["device"] == "candidate none → cuda"
    assert words["software"].startswith(f"trusteq {run.manifest['trusteq']} → 9.9; numpy ")
