"""The drawing of the floors in docs/explanation/architecture.md: ``python ci/floors.py`` writes it anew."""

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/explanation/architecture.md"
DRAWING = re.compile(r"(?<=<!-- drawn by ci/floors.py -->\n)```text\n.*?```\n", re.DOTALL)


def floors() -> tuple[set[str], ...]:
    """The floors as the test that guards them has them, from the ground up."""
    tree = ast.parse((ROOT / "tests/test_floors.py").read_text("utf-8"))
    drawn = next(
        one.value for one in tree.body if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == "FLOORS"
    )
    found: tuple[set[str], ...] = ast.literal_eval(drawn)
    return found


def purpose(room: str) -> str:
    """The first line of a room's docstring."""
    source = ROOT / "src/trusteq" / room
    path = source / "__init__.py" if source.is_dir() else source.with_suffix(".py")
    return (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n")[0]


def drawing() -> str:
    """Every room with its purpose, the top floor first."""
    rows = [
        (room, purpose(room), room == first)
        for floor in reversed(floors())
        for first, *_ in [sorted(floor)]
        for room in sorted(floor)
    ]
    width = max(len(room) for room, *_ in rows)
    lines = [
        f"{'─' * (width + 2)}\n" * opens + f"{room:<{width}}  {said}".rstrip() + "\n" for room, said, opens in rows
    ]
    return f"```text\n{''.join(lines)}```\n"


if __name__ == "__main__":
    PAGE.write_text(DRAWING.sub(lambda _: drawing(), PAGE.read_text("utf-8")), "utf-8")
    sys.exit(0)
