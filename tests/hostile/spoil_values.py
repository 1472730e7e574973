"""Documents of values, JSON and YAML, with one of their values, keys or entries changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

QUICK_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
QUICK_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

GAP = "@gap@"
"""Stands for a value until the text is written; then a token takes its place, valid or not."""

JSON_TOKENS = (
    *"null true false 0 -1 0.5 1e308 1e999 -1e999 NaN -Infinity [] {} [[]] [null] 18446744073709551616".split(),  # noqa: SIM905  # noqa: SIM905
    *("9" * 400, "9" * 5000, "[" * 900 + "]" * 900, "[" * 5000, '{"a":' * 400 + "1" + "}" * 400),
    *('""', '" "', '"\\ud800"', '"\\udfff x"', '"\\u0000"', '"a\\nb\\r\\u2028c"', '"\\u001b[31m"', '"\\u202e"'),
    *(f'"{"x" * 5000}"', '"../../etc/passwd"', '"nan"', '"1"', '"id"', '{"a": 1, "a": 2}', '["a", 1, null]'),
)
YAML_TOKENS = (
    *"~ true 0 -1 .nan .inf -.inf 1e999 [] {} [~] '' ' ' ! !!bool !!int !!float !!timestamp <<".split(),  # noqa: SIM905
    *("9" * 5000, f"0x{'f' * 5000}", f"0b{'1' * 20000}", ":".join(["1"] * 200), ":".join(["1"] * 200) + ".5"),
    *("!!int ''", "!!int x", "!!float ''", "!!float x", "!!bool maybe", "!!timestamp x", "!!binary x", "!!str [a]"),
    *("!!set {a, b}", "!!omap [a: 1]", "!!pairs [a: 1]", "!!python/object:os.system x", "!!seq {a: 1}", "!!map [a]"),
    *("&a [*a]", "&a {b: *a}", "*absent", "2001-99-99", "0001-01-01 00:00:00 +23:59", "2001-01-01 00:00:00 +99:99"),
    *("{? [a] : 1}", "{? {a: 1} : 1}", "{? &b [*b] : 1}", "{1: 1, 1.0: 1}", "{<<: {a: 1}}", "{=: 1}", "{~: 1}"),
    *("[" * 900 + "]" * 900, "[" * 20000, "- " * 2000, '"\\ud800"', '"\\0"', '"a\\nb"', "x" * 5000, "|\n  a\n b"),
    *("[&c [a, a, a], &d [*c, *c, *c], &e [*d, *d, *d], &f [*e, *e, *e]]", "{a: &g !!pairs [a: 1], b: *g}"),
)


def in_json(rng: Random, content: bytes) -> bytes:
    """A JSON document with one value, key or entry changed."""
    return dumped(rng, json.loads(content), lambda value: json.dumps(value, ensure_ascii=False), JSON_TOKENS)


def in_json_lines(rng: Random, content: bytes) -> bytes:
    """JSON lines, one of them changed, dropped or repeated."""
    lines = content.split(b"\n")
    at = rng.randrange(len(lines) - 1)
    lines[at] = rng.choice((in_json(rng, lines[at]), in_json(rng, lines[at]), b"", lines[at] + lines[at]))
    return b"\n".join(lines)


def in_yaml(rng: Random, content: bytes) -> bytes:
    """A YAML document with one value, key or entry changed."""
    if sum(map(content.count, (b"[", b"{", b"- "))) > 2000:
        raise ValueError("so deep that the loader in C ends the process")
    return dumped(rng, yaml.load(content, QUICK_LOADER), _yaml, YAML_TOKENS)  # noqa: S506


def dumped(rng: Random, value: Any, dump: Callable[[Any], str], tokens: Sequence[str]) -> bytes:
    """The value with one place in it changed, as text."""
    everywhere = list(places(value))
    holder, key = rng.choice(everywhere) if everywhere else (None, None)
    how = rng.randrange(8)
    if holder is None:
        value = GAP
    elif how == 0:
        del holder[key]
    elif how == 1 and isinstance(holder, list):
        holder *= rng.choice((2, 20))
    elif how == 1:
        holder[rng.choice((GAP, "", "id", "x" * 700, "{0.x}", "a\nb", "\x1b[0m"))] = holder.pop(key)
    elif how == 2:
        other, at = rng.choice(everywhere)
        holder[key] = json.loads(json.dumps(other[at], default=str))
    elif how == 3 and isinstance(holder[key], (int, float)) and not isinstance(holder[key], bool):
        holder[key] = rng.choice((-holder[key], holder[key] + 1, holder[key] * 1e6, str(holder[key]), 1 - holder[key]))
    else:
        holder[key] = GAP
    text = dump(value)
    for mark in (f'"{GAP}"', f"'{GAP}'", GAP):
        text = text.replace(mark, rng.choice(tokens))
    return text.encode("utf-8", "surrogatepass")


def _yaml(value: Any) -> str:
    return str(yaml.dump(value, Dumper=QUICK_DUMPER, sort_keys=False))


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every dict or list within the value with each of its keys or positions."""
    found, left, seen = [], [value], set()
    while left:
        holder = left.pop()
        if id(holder) in seen:  # YAML may hold itself
            continue
        seen.add(id(holder))
        entries = holder.items() if isinstance(holder, dict) else enumerate(holder) if isinstance(holder, list) else ()
        for key, entry in entries:
            found.append((holder, key))
            left.append(entry)
    return found
