"""audit.json."""

import json
from dataclasses import dataclass

import numpy as np
from cases import case

import trusteq
from trusteq import Estimate
from trusteq.record.document import AuditDocument, document
from trusteq.record.plain import plain
from trusteq.record.reading import read


def test_it_is_strict_json_and_holds_every_estimate_with_interval_n_and_method():
    large, small, items = case(200)
    result = trusteq.audit(large, small, items, resamples=200)
    content = json.loads(json.dumps(plain(document(result)), allow_nan=False))
    for group in content["candidates"][0]["measures"].values():
        for name, e in group.items():
            assert set(e) == {"value", "low", "high", "n", "method", "level"}, name
            assert e["low"] <= e["value"] <= e["high"], name


def test_estimates_are_read_back_to_the_last_bit():
    large, small, items = case(200)
    result = trusteq.audit(large, small, items, resamples=200)
    text = json.dumps(plain(document(result)))
    assert read(text, AuditDocument, where="here").candidates[0].measures == result["small"].measures


def test_what_is_not_a_number_is_null():
    @dataclass
    class Odd:
        value: float

    assert plain({"a": Odd(float("nan")), "b": [float("inf"), np.float64(1.5)], "c": np.int64(3)}) == {
        "a": {"value": None},
        "b": [None, 1.5],
        "c": 3,
    }


def test_an_estimate_says_itself_with_its_interval():
    assert str(Estimate(0.5, 0.25, 0.75, 10, "m")) == "0.5 [0.25, 0.75]"
