"""Help is printed at once: what takes long to import is imported when a command runs."""

import subprocess
import sys

from trusteq.models.open import BACKENDS
from trusteq.models.options import GIVEN

HEAVY = (
    "jinja2",
    "matplotlib",
    "numpy",
    "onnxruntime",
    "pandas",
    "pyarrow",
    "pydantic",
    "ray",
    "rich",
    "scipy",
    "sklearn",
    "torch",
    "transformers",
    "yaml",
)
SHOW_HELP = f"""
import sys
import click
from trusteq.cli.main import cli

def commands(command, context):
    yield context
    for name in command.list_commands(context) if isinstance(command, click.Group) else ():
        of = command.get_command(context, name)
        yield from commands(of, click.Context(of, parent=context, info_name=name))

for context in commands(cli, click.Context(cli, info_name="trusteq")):
    assert context.get_help()
    loaded = [name for name in {HEAVY!r} if name in sys.modules]
    if loaded:
        sys.exit(f"{{context.command_path}} --help imports {{', '.join(loaded)}}")
    print(context.command_path)
"""


def test_the_help_of_no_command_imports_what_takes_long():
    done = subprocess.run([sys.executable, "-c", SHOW_HELP], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert {"trusteq", "trusteq audit", "trusteq policy schema"} <= set(done.stdout.splitlines())


def test_help_knows_the_options_of_every_backend():
    assert list(GIVEN) == list(dict.fromkeys(o for backend in BACKENDS for o in backend.options if o.help))
