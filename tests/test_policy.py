import re

import pytest
import yaml

from trusteq import PolicyError, read_policy
from trusteq.comparing.measures import DIMENSIONS, find_measure, names_of
from trusteq.policy import PRESETS, Policy, parse_policy, policy_schema, preset, wider
from trusteq.record.policy_findings import about_policy

GOOD = """
name: mine
required: [behaviour]
rules:
  behaviour:
    accuracy_difference: {at_least: -0.01}
"""


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "policy.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_reads_and_names_itself(name):
    policy = read_policy(name)
    assert policy.name == name
    assert policy.rules


def test_the_default_margins_are_those_that_the_manual_justifies():
    policy = read_policy("default")
    assert policy.required == ("behaviour", "calibration", "explanation")
    assert (policy.level, policy.min_items) == (0.95, 100)
    assert {m: (r.at_least, r.at_most, r.judged_on) for d in policy.rules.values() for m, r in d.items()} == {
        "accuracy_difference": (-0.01, None, "interval"),
        "disagreement": (None, 0.05, "interval"),
        "smooth_ece_difference": (None, 0.02, "interval"),
        "confidence_profile_distance": (None, 0.05, "interval"),
        "alignment_lime": (0.95, None, "interval"),
        "alignment_shapley": (0.95, None, "interval"),
    }


def test_the_papers_preset_asks_for_a_jaccard_of_07_by_its_value():
    rules = read_policy("paper").rules["explanation"]
    assert {(r.at_least, r.judged_on) for r in rules.values()} == {(0.7, "value")}
    assert "explanation" in read_policy("paper").required


def test_a_file_is_read(written):
    policy = read_policy(written(GOOD))
    assert policy.rules["behaviour"]["accuracy_difference"].at_least == -0.01


def test_a_policy_is_itself():
    policy = read_policy("default")
    assert read_policy(policy) is policy


def test_a_policy_survives_being_written_out_and_read_back():
    policy = read_policy("default")
    assert parse_policy(policy.model_dump(mode="json"), where="again") == policy


@pytest.mark.parametrize(
    ("change", "place", "value"),
    [
        (("-0.01", "abc"), "rules.behaviour.accuracy_difference.at_least", "'abc'"),
        (("-0.01", ".nan"), "rules.behaviour.accuracy_difference.at_least", "nan"),
        (("-0.01", ".inf"), "rules.behaviour.accuracy_difference.at_least", "inf"),
        (("at_least", "at_leest"), "rules.behaviour.accuracy_difference has no key 'at_leest'", "mean 'at_least'?"),
        (("{at_least: -0.01}", "{}"), "rules.behaviour.accuracy_difference", "needs at_least, at_most or both"),
        (("{at_least: -0.01}", "0.05"), "rules.behaviour.accuracy_difference", "0.05"),
        (
            ("{at_least: -0.01}", "{at_least: 0.3, at_most: 0.2}"),
            "rules.behaviour.accuracy_difference",
            "at_least 0.3 is above at_most 0.2",
        ),
        (("-0.01}", "-0.01, judged_on: mood}"), "rules.behaviour.accuracy_difference.judged_on", "'mood'"),
        (("name: mine", "name: ''"), "name", "''"),
        (("name: mine", "title: mine"), "policy has no key 'title'", "its keys are name, description, "),
        (("name: mine", "name: mine\nlevel: 95"), "level", "95"),
        (("name: mine", "name: mine\nlevel: 0.5"), "level", "0.5"),
        (("name: mine", "name: mine\nlevel: 1"), "level", "1"),
        (("name: mine", "name: mine\nmin_items: 0"), "min_items", "0"),
        (("name: mine", "name: mine\nmin_items: 1"), "min_items", "greater than or equal to 2 (found 1)"),
        (("name: mine", "name: mine\nmin_items: true"), "min_items", "not true or false (found True)"),
        (("name: mine", "name: mine\nlevel: true"), "level", "must be a number, not true or false (found True)"),
        (("-0.01", "true"), "rules.behaviour.accuracy_difference.at_least", "not true or false (found True)"),
        (("{at_least: -0.01}", "{at_most: false}"), "rules.behaviour.accuracy_difference.at_most", "(found False)"),
        (("-0.01", "-1"), "rules", "accuracy_difference is always from -1 to 1, so at least -1 could never fail"),
        (("{at_least: -0.01}", "{at_least: -2, at_most: 1}"), "rules", "within -2 and 1 could never fail"),
        (("-0.01", "1.5"), "rules", "at least 1.5 could never pass; widen the margin"),
        (("at_least: -0.01", "at_most: 0.01"), "rules", "is worse where it is smaller, so at most 0.01 stops"),
        (
            ("accuracy_difference: {at_least: -0.01}", "accuracy_reference: {at_least: 0.5}"),
            "rules",
            "behaviour has only rules about the reference (accuracy_reference)",
        ),
        (("name: mine", "name: mine\nmin_items: 1.5"), "min_items", "1.5"),
        (("name: mine", "name: mine\nmargin: 3"), "policy has no key 'margin'", "its keys are name, "),
        (("[behaviour]", "[]"), "required", "[]"),
        (("[behaviour]", "[manners]"), "required.0", "'manners'"),
        (("[behaviour]", "[behaviour, calibration]"), "policy", "calibration is required but has no rules"),
        (("  behaviour:", "  manners:"), "rules.manners", "'manners'"),
        (("accuracy_difference", "accuracy_diference"), "rules", "did you mean accuracy_difference?"),
        (("accuracy_difference", "zzz"), "rules", "'trusteq policy measures'"),
        (("rules:\n  behaviour:\n    accuracy_difference: {at_least: -0.01}", "rules: 7"), "rules", "7"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line_that_names_the_file_the_place_and_the_value(written, change, place, value):
    path = written(GOOD.replace(*change))
    with pytest.raises(PolicyError) as error:
        read_policy(path)
    message = str(error.value)
    assert message.startswith(f"{path}: {place}")
    assert value in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("dimension", "name"),
    [
        ("explanation", "reliability_reference_lime"),
        ("explanation", "faithfulness_reference_shapley"),
        ("explanation", "jaccard_ceiling_reference_lime"),
        ("explanation", "jaccard_chance_lime"),
        ("explanation", "jaccard_lime_chance"),
        ("explanation", "short_items_lime"),
        ("explanation", "alignment_lime_of_peer"),
        ("explanation", "mind_changed_reference_by_reference_words"),
        ("distribution", "token_kl_floor"),
        ("distribution", "token_tail"),
    ],
)
def test_a_dimension_needs_a_rule_that_a_candidate_can_break(dimension, name):
    content = {"name": "mine", "required": [dimension], "rules": {dimension: {name: {"at_least": 0.01}}}}
    with pytest.raises(PolicyError, match=f"{dimension} has only rules about the reference .{name}."):
        read_policy(content)


def test_every_preset_has_only_rules_that_candidates_can_break():
    for name in PRESETS:
        assert all(find_measure(one).of_candidates for rules in read_policy(name).rules.values() for one in rules)


def test_wider_margins_of_tokens_are_told():
    content = read_policy("generative").model_dump(mode="json") | {"name": "ours"}
    assert about_policy(read_policy(content)) == ()
    content["rules"]["distribution"]["token_kl_excess"] = {"at_most": 10}
    (finding,) = about_policy(read_policy(content))
    assert "at most 10" in finding.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "found NoneType"),
        ("- a\n- b", "found list"),
        ("just words", "found str"),
        ("a: [1, 2", "not YAML"),
        ("a: &a {b: 1}\nc: {<<: *a}", "merge keys (<<) are not supported; write the values out"),
        ("a: 1\n\tb: 2", "not YAML"),
        ("name: !!python/object/apply:os.getcwd []", "not YAML"),
        ("name: 2020-13-45", "not YAML"),
        ("[" * 5_000, "more than 100 brackets are open at once; close them"),
        (b"\xff\xfe\x00\xd8", "cannot be read as text"),
    ],
)
def test_what_is_no_policy_at_all_is_one_line(written, text, said):
    path = written(text)
    with pytest.raises(PolicyError, match=re.escape(said)) as error:
        read_policy(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


def test_aliases_of_aliases_are_no_bomb(tmp_path, one_line):
    """A few hundred letters that stand for 3.5 billion values."""
    nested = ", ".join(
        f"&{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    (tmp_path / "bomb.yaml").write_text(f"name: [&a [x, x, x, x, x, x, x, x, x], {nested}]\n", "utf-8")
    with pytest.raises(PolicyError) as caught:
        read_policy(tmp_path / "bomb.yaml")
    one_line(caught, "bomb.yaml", "more than 100,000 values")


def test_a_file_that_is_not_there_names_the_presets(tmp_path):
    with pytest.raises(PolicyError, match="no such policy file; presets are default, generative, paper"):
        read_policy(tmp_path / "none.yaml")


def test_a_folder_is_no_policy(tmp_path):
    with pytest.raises(PolicyError, match="cannot be read"):
        read_policy(tmp_path)


def test_what_the_candidate_s_words_are_worth_to_the_reference_is_not_about_the_reference_alone():
    rules = {"explanation": {"transfer_to_reference": {"at_least": 0.5}}}
    policy = read_policy({"name": "t", "required": ["explanation"], "rules": rules})
    assert list(policy.rules["explanation"]) == ["transfer_to_reference"]


def test_every_measure_can_be_named_in_a_rule():
    for dimension in DIMENSIONS:
        names = names_of(dimension)
        for name in names:
            # Beside a rule about the candidate: one about the reference alone is refused.
            another = "size_ratio_lime" if dimension == "explanation" else names[-1]
            low, high = find_measure(name).bounds
            within = {"at_least": max(low, -0.1), "at_most": min(high, 0.01)}
            rules = {dimension: {name: within, another: {"at_least": 0.005, "at_most": 0.01}}}
            parse_policy({"name": "t", "required": [dimension], "rules": rules}, where="t")


def test_a_margin_beside_the_peer_does_not_take_the_place_of_the_stricter_one():
    """The laxer one alone was judged, in a policy that read as the stricter."""
    rules = {"alignment_lime": {"at_least": 0.95}, "alignment_lime_to_peer": {"at_least": 0.01}}
    said = "alignment_lime and alignment_lime_to_peer, but with a peer the first is judged as the second; remove one"
    with pytest.raises(PolicyError, match=said):
        read_policy({"name": "t", "required": ["explanation"], "rules": {"explanation": rules}})
    alone = {"alignment_lime_to_peer": {"at_least": 0.01}}
    policy = read_policy({"name": "t", "required": ["explanation"], "rules": {"explanation": alone}})
    assert "alignment LIME has no margin (at least 0.95)" in wider(policy, preset("default"))


def test_a_measure_of_another_dimension_is_not_known():
    content = {"name": "t", "required": ["behaviour"], "rules": {"behaviour": {"ece_difference": {"at_most": 1}}}}
    with pytest.raises(PolicyError, match="behaviour has no measure 'ece_difference'"):
        parse_policy(content, where="t")


def test_requiring_other_dimensions_changes_nothing_else():
    policy = read_policy("default")
    other = policy.requiring(("behaviour",))
    assert other.required == ("behaviour",)
    assert other.rules == policy.rules
    assert policy.requiring(("behaviour", "explanation")).required == ("behaviour", "explanation")


def test_the_description_says_what_is_required_instead():
    policy = read_policy("default")
    assert policy.requiring(policy.required) == policy
    once = policy.requiring(("behaviour",))
    assert once.description.endswith("same words. Required here: behaviour.")
    assert once.requiring(("calibration",)).description.count("Required here") == 1


@pytest.mark.parametrize("dimensions", [(), ("manners",)])
def test_requiring_nothing_or_what_there_is_not_is_an_error(dimensions):
    with pytest.raises(PolicyError):
        read_policy("default").requiring(dimensions)


def test_requiring_a_dimension_without_rules_is_an_error():
    policy = parse_policy(
        {"name": "t", "required": ["behaviour"], "rules": {"behaviour": {"js": {"at_most": 0.1}}}}, where="t"
    )
    with pytest.raises(PolicyError, match="calibration is required but has no rules"):
        policy.requiring(("calibration",))


@pytest.mark.parametrize(
    ("margin", "said"),
    [
        ({"at_least": -0.01}, "at least -0.01"),
        ({"at_most": 1}, "at most 1"),
        ({"at_least": -1, "at_most": 1}, "within -1 and 1"),
        ({"at_least": 0, "at_most": 0, "judged_on": "significance"}, "free of a significant difference from 0"),
        ({"at_most": 0.05, "judged_on": "significance"}, "consistent with at most 0.05"),
    ],
)
def test_a_rule_reads_as_words(margin, said):
    content = {
        "name": "t",
        "required": ["calibration"],
        "rules": {"calibration": {"overconfidence_difference": margin}},
    }
    assert str(parse_policy(content, where="t").rules["calibration"]["overconfidence_difference"]) == said


def test_the_json_schema_is_an_object_of_the_policys_fields_and_nothing_else():
    schema = policy_schema()
    assert schema["type"] == "object"
    assert set(schema["properties"]) == {"name", "description", "level", "min_items", "required", "rules"}
    assert set(schema["required"]) == {"name", "required", "rules"}
    assert schema["additionalProperties"] is False
    rule = schema["$defs"]["Rule"]
    assert set(rule["properties"]) == {"at_least", "at_most", "judged_on"}
    assert rule["additionalProperties"] is False
    for dimension, measures in schema["properties"]["rules"]["properties"].items():
        assert measures["propertyNames"]["enum"] == list(names_of(dimension))
        assert measures["additionalProperties"] == {"$ref": "#/$defs/Rule"}
    # The presets name no field that the schema does not have.
    for name in PRESETS:
        written = read_policy(name).model_dump(mode="json", exclude_unset=True)
        assert set(written) <= set(schema["properties"])
        for dimension, measures in written["rules"].items():
            assert set(measures) <= set(schema["properties"]["rules"]["properties"][dimension]["propertyNames"]["enum"])
            assert all(set(r) <= set(rule["properties"]) for r in measures.values())


# names that are taken, and margins that are wider


WIDE = {"behaviour": {"disagreement": {"at_most": 0.99}, "accuracy_difference": {"at_least": -0.01}}}


@pytest.mark.parametrize("name", ["default", "Default", " default ", "paper", "PAPER"])
def test_a_policy_cannot_call_itself_as_a_preset_does(name, tmp_path):
    content = {"name": name, "required": ["behaviour"], "rules": WIDE}
    for source in (content, written_to(tmp_path, content), parse_policy(content, where="policy")):
        with pytest.raises(PolicyError, match=r"has the name of the preset .* but other rules; give it another name"):
            read_policy(source)


def written_to(folder, content):
    path = folder / "policy.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_that_was_written_down_keeps_its_name(name, tmp_path):
    usual = read_policy(name)
    assert read_policy(written_to(tmp_path, usual.model_dump(mode="json", exclude_none=True))) == usual
    some = usual.requiring(("calibration",))
    assert read_policy(written_to(tmp_path, some.model_dump(mode="json", exclude_none=True))) == some


def test_each_policy_has_a_hash_of_its_own():
    usual = read_policy("default")
    others = [read_policy("paper"), usual.requiring(("behaviour",)), usual.model_copy(update={"level": 0.9})]
    hashes = [policy.content() for policy in (usual, *others)]
    assert len(set(hashes)) == len(hashes)
    assert all(len(one) == 64 for one in hashes)
    assert parse_policy(usual.model_dump(), where="again").content() == usual.content()


def like_default(**changes):
    return parse_policy({**read_policy("default").model_dump(), "name": "mine", **changes}, where="policy")


def with_rule(dimension, measure, **rule):
    rules = read_policy("default").model_dump(exclude_none=True)["rules"]
    rules[dimension][measure] = rule
    return like_default(rules=rules)


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (like_default(), []),
        (with_rule("behaviour", "disagreement", at_most=0.04), []),
        (with_rule("behaviour", "disagreement", at_most=0.06), ["disagreement at most 0.06 (at most 0.05)"]),
        (
            with_rule("behaviour", "accuracy_difference", at_least=-0.02),
            ["accuracy difference at least -0.02 (at least -0.01)"],
        ),
        (
            with_rule("behaviour", "disagreement", at_most=0.05, judged_on="value"),
            ["disagreement at most 0.05, judged on its value (at most 0.05)"],
        ),
        (
            with_rule("behaviour", "disagreement", at_most=0.01, judged_on="significance"),
            ["disagreement consistent with at most 0.01, judged on its significance (at most 0.05)"],
        ),
        (like_default(level=0.9), ["90% intervals (95%)"]),
        (like_default(level=0.99), []),
        (like_default(min_items=50), ["at least 50 items (100)"]),
        (like_default(min_items=500), []),
        (
            like_default(required=["behaviour", "calibration"]),
            ["explanation is not required"],
        ),
        (
            like_default(
                required=["behaviour", "calibration", "explanation"],
                rules={
                    **read_policy("default").model_dump(exclude_none=True)["rules"],
                    "behaviour": {"disagreement": {"at_most": 0.05}},
                },
            ),
            ["accuracy difference has no margin (at least -0.01)"],
        ),
    ],
)
def test_whatever_is_wider_than_usual_is_named_and_nothing_else(policy, said):
    assert wider(policy, read_policy("default")) == said


def test_a_device_is_no_policy():
    with pytest.raises(PolicyError):
        read_policy("/dev/zero")


def test_a_finished_run_whose_policy_is_refused_today_is_read_all_the_same(tmp_path):
    """A rule that limits only what is better stops nothing, but a run that was judged by it is not damaged."""
    rules = {"behaviour": {"disagreement": {"at_least": 0.0001}, "accuracy_difference": {"at_least": -0.5}}}
    content = {"name": "old", "required": ["behaviour"], "rules": rules}
    with pytest.raises(PolicyError, match="disagreement is worse where it is larger, so at least"):
        parse_policy(content, where="t")
    stored = Policy.model_validate(content)
    assert stored.rules["behaviour"]["disagreement"].at_least == 0.0001
    with pytest.raises(PolicyError, match="stops nothing worse; give at_most"):
        read_policy(stored)
