"""What --help shows: purposes, groups, and no line wider than a terminal."""

from importlib import import_module

import click
import pytest
from command import trusteq

from trusteq.cli.main import cli
from trusteq.cli.purposes import COMMANDS

NAMES = [name for commands in COMMANDS.values() for name in commands]


def test_the_commands_stand_under_what_they_are_for():
    out = trusteq_help()
    places = [out.index(f"\n{purpose}:\n") for purpose in COMMANDS]
    assert places == sorted(places)
    for (purpose, commands), start in zip(COMMANDS.items(), places, strict=True):
        for name, words in commands.items():
            line = next(line for line in out[start:].splitlines() if line.startswith(f"  {name} "))
            assert line.endswith(words), purpose


def trusteq_help(*words):
    done = trusteq(*words, "--help")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_every_command_is_there_and_its_help_fits_in_80_columns(name):
    assert cli.get_command(click.Context(cli), name).name == name
    lines = trusteq_help(name).splitlines()
    assert lines[0].startswith(f"Usage: trusteq {name} ")
    assert [line for line in lines if len(line) > 80] == []


@pytest.mark.parametrize("name", ["audit", "compress", "shrink"])
def test_every_option_is_in_one_group(name):
    command = cli.get_command(click.Context(cli), name)
    grouped = [flag for flags in command.groups.values() for flag in flags]
    options = {p.opts[0] for p in command.get_params(click.Context(command)) if isinstance(p, click.Option)}
    assert len(grouped) == len(set(grouped))
    assert set(grouped) <= options
    rest = {"--json", "--quiet", "--help", "-h"} if name != "audit" else {"--help", "-h"}
    assert options - set(grouped) <= rest
    out = trusteq_help(name)
    for heading in command.groups:
        assert f"\n{heading}:\n" in out


def test_compress_says_which_options_each_method_takes():
    from trusteq.compress.methods import METHODS

    _, _, below = trusteq_help("compress").partition("Methods, and the options they take:\n")
    words = below.split()
    starts = [words.index(name) for name in METHODS]
    for (name, method), start, end in zip(METHODS.items(), starts, [*starts[1:], None], strict=True):
        taken = {word[2:] for word in words[start:end] if word[2:] in method.options}
        assert taken == set(method.options), name


def test_audit_begins_with_three_examples_that_are_commands():
    lines = trusteq_help("audit").split("Models:")[0].splitlines()
    examples = [line.split("#")[0].split()[2:] for line in lines if line.startswith("  trusteq audit ")]
    assert len(examples) == 3
    assert lines.index("  trusteq audit large.csv small.csv --label label") < 6
    audit = import_module("trusteq.cli.audit").audit
    for words in examples[:2]:
        assert audit.make_context("audit", words).params["label"] == "label"
