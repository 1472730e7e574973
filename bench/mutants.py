"""Do the tests notice when the program is broken on purpose?

    python bench/mutants.py [--sample 300] [--seed 0] [--only comparing/alignment.py[:LINE]] [--minutes 60]
        [--baseline FILE]

*Named* mutants are written out below: changes that would make an audit lie. Every one must be killed. *Random* ones are
drawn from the places that can be changed in comparing/, stats/, explain/ and verdict.py, spread over the files: a
comparison moved, + for -, a number changed, `and` for `or`, a guard taken out.

All happens in a copy. The tests are run once on it as it is: that tells how long each takes and which functions it
calls. Then, for each mutant, a process that has numpy and the like loaded forks, and runs with pytest the file of the
same name, those that call the changed function first and of them the quickest; then the tests of other files that
call it, as many as `OTHERS` seconds allow. A mutant is killed when a test fails or takes `PATIENCE` times as long.
``--only`` leaves out all other files, or lines. ``--baseline`` keeps what was found on the unbroken copy.
"""

from __future__ import annotations

import argparse
import ast
import compileall
import contextlib
import importlib
import json
import os
import py_compile
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from mutants_named import NAMED

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[1]
NEEDED = ("src", "tests", "bench", "pyproject.toml")
FOLDERS = ("comparing", "stats", "explain")
TESTS = (
    "tests/stats/test_*.py",
    "tests/comparing/test_*.py",
    "tests/explain/test_*.py",
    "tests/test_verdict.py",
    "tests/test_explanations.py",
)
SLOW = ("tests/comparing/test_coverage.py", "tests/test_audit.py")
"""Minutes long; only named mutants ask for them."""
LOADED = (
    "numpy.testing",
    "scipy.stats",
    "scipy.optimize",
    "scipy.sparse",
    "scipy.spatial",
    "pandas",
    "sklearn.linear_model",
    "sklearn.metrics",
    "pyarrow.parquet",
    "pydantic",
    "yaml",
    "click",
    "rich.console",
    "jinja2",
    "hypothesis.extra.numpy",
    "statsmodels.stats.multitest",
    "torch",
    "transformers",
    "tokenizers",
)
"""What tests import that cannot be mutated here: loaded once."""

OTHERS = 30
"""Seconds of the tests of other files that are tried on a mutant that those of its own have let live; ten times as many
where it has none of its own."""

PATIENCE, GRACE = 5, 20
"""A mutant is killed when a test takes so many times as long as the slowest usually does, and these seconds."""

EXAMPLES = 40
NO_TEST_RAN, BROKEN_RUN = 5, {4, 99}


@dataclass(frozen=True)
class Mutant:
    """One change: its part, file below src/trusteq, line, what it is in words, and the file's changed text."""

    part: str
    file: str
    line: int
    words: str
    text: str
    tests: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.words}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sample", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--baseline", type=lambda given: Path(given).resolve())
    asked = parser.parse_args()
    mutants = [m for m in named() if not asked.only or m.file == asked.only] + drawn(
        asked.sample, seed=asked.seed, only=asked.only
    )
    fates: list[tuple[Mutant, str, float]] = []
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Copy(Path(folder))
        known = copy.baseline(asked.baseline)
        until = time.monotonic() + 60 * asked.minutes
        with contextlib.suppress(KeyboardInterrupt):
            for mutant in mutants:
                if time.monotonic() > until:
                    break
                started = time.monotonic()
                fate = copy.fate(mutant, known)
                fates.append((mutant, fate, time.monotonic() - started))
                print(f"{fate:8s} {fates[-1][2]:5.1f} s  {mutant}", file=sys.stderr, flush=True)
    report(fates, len(mutants))
    if any(m.part == "named" and fate == "survived" for m, fate, _ in fates):
        raise SystemExit("a named mutant lives: the tests let an audit lie")


def report(fates: list[tuple[Mutant, str, float]], wanted: int) -> None:
    print("| part | mutants | killed | survived | % killed |\n| --- | --- | --- | --- | --- |")
    for part in ["named", *sorted({m.part for m, _, _ in fates} - {"named"})]:
        of_part = Counter(fate for m, fate, _ in fates if m.part == part)
        killed = of_part.total() - of_part["survived"]
        share = f"{killed / of_part.total():.0%}" if of_part else ""
        print(f"| {part} | {of_part.total()} | {killed} | {of_part['survived']} | {share} |")
    seconds = [s for _, _, s in fates] or [0.0]
    print(f"\n{len(fates)} of {wanted} mutants; median {np.median(seconds):.1f} s, mean {np.mean(seconds):.1f} s each.")
    print("Survivors:\n" + "".join(f"- {m.part}: {m}\n" for m, fate, _ in fates if fate == "survived"))


# What the tests do --------------------------------------------------------------------------------


@dataclass(frozen=True)
class TestFile:
    """What a file of tests does where nothing is broken: each test's seconds and the functions it calls."""

    seconds: dict[str, float]
    calls: dict[str, list[str]]
    failing: list[str]


class Copy:
    """A copy of the repository in a folder of its own, where files are broken and mended."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in NEEDED:
            source = REPOSITORY / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, folder / name)
        os.environ |= {
            "PYTHONPATH": str(folder / "src"),
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        os.chdir(folder)
        sys.path.insert(0, str(folder / "src"))
        for name in LOADED:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
        assert not any(name.startswith("trusteq") for name in sys.modules)

    def baseline(self, kept: Path | None) -> dict[str, TestFile]:
        """What every file of tests does; what was kept stands while the tests themselves are the same.

        Functions tell of being called while this is found out.
        """
        old = json.loads(kept.read_text()) if kept and kept.exists() else {}
        known = {}
        sources = {path: path.read_text(encoding="utf-8") for path in Path("src").rglob("*.py")}
        Path("src/called.py").write_text("CALLED = set()\n")
        for path, text in sources.items():
            path.write_text(telling(text, path.relative_to("src/trusteq").as_posix()), encoding="utf-8")
        for path in sorted({found for test in TESTS for found in Path().glob(test)} - set(map(Path, SLOW))):
            key = f"{path} {sha256(path.read_bytes()).hexdigest()}"
            if key not in old:
                started = time.monotonic()
                old[key] = asdict(self.observed(str(path)))
                took = f"{time.monotonic() - started:.1f} s"
                print(f"{path}: {took}; failing: {old[key]['failing']}", file=sys.stderr, flush=True)
                if kept:
                    kept.write_text(json.dumps(old))
            known[str(path)] = TestFile(**old[key])
        for path, text in sources.items():
            path.write_text(text, encoding="utf-8")
        # By default compiled files are known by size and second, in which two mutants may be alike.
        mode = py_compile.PycInvalidationMode.CHECKED_HASH
        compileall.compile_dir("src", quiet=2, force=True, invalidation_mode=mode)
        return known

    def observed(self, path: str) -> TestFile:
        """The tests of one file run on the copy as it is."""
        out = self.folder / "observed.json"
        out.unlink(missing_ok=True)
        self.run([path], Watch(out), seconds=900, first=False, write=True)
        if not out.exists():
            raise SystemExit(f"{path} does not run:\n{(self.folder / 'log.txt').read_text()[-2000:]}")
        return TestFile(**json.loads(out.read_text()))

    def fate(self, mutant: Mutant, known: dict[str, TestFile]) -> str:
        """ "killed", "too slow" or "survived"."""
        path = self.folder / "src/trusteq" / mutant.file
        given = path.read_text(encoding="utf-8")
        broken = function_at(given, mutant.file, mutant.line)
        own = mutant.tests or own_tests(mutant.file)
        stages = [own, () if mutant.tests else callers(known, broken, own)]
        path.write_text(mutant.text, encoding="utf-8")
        try:
            for number, files in enumerate(stages):
                if not files:
                    continue
                order = Quickest(known, broken, only_callers=number > 0)
                usual = [s for name in files if name in known for s in known[name].seconds.values()]
                slowest, all_ = (PATIENCE * at + GRACE for at in (max(usual, default=60), sum(usual) or 600))
                ended = self.run(list(files), order, seconds=all_, each=slowest)
                if ended is None:
                    return "too slow"
                if ended in BROKEN_RUN:
                    raise SystemExit(f"{mutant} cannot be tried:\n{(self.folder / 'log.txt').read_text()[-2000:]}")
                if ended not in {0, NO_TEST_RAN}:
                    return "killed"
        finally:
            path.write_text(given, encoding="utf-8")
        return "survived"

    def run(
        self,
        files: list[str],
        plugin: object,
        *,
        seconds: float,
        each: float = 300,
        first: bool = True,
        write: bool = False,
    ) -> int | None:
        """Pytest's exit status for these files in a process of its own; None where it takes longer."""
        child = os.fork()
        if not child:
            os.setsid()
            log = os.open(self.folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(log, 1)
            os.dup2(log, 2)
            sys.dont_write_bytecode = not write
            os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
            status = 99
            try:
                examples_without_shrinking()
                words = ["-q", "--tb=line", f"--timeout={each:.0f}", "--hypothesis-seed=0", "-p", "no:cacheprovider"]
                # They are loaded before pytest is.
                words += ["-W", "ignore::pytest.PytestAssertRewriteWarning", *["-x"] * first]
                status = int(pytest.main([*words, *files], plugins=[plugin]))
            except BaseException:
                os.write(2, traceback.format_exc().encode())
            finally:
                sys.stdout.flush()
                os._exit(status)
        until = time.monotonic() + seconds
        try:
            while time.monotonic() < until:
                ended, status = os.waitpid(child, os.WNOHANG)
                if ended:
                    return os.waitstatus_to_exitcode(status)
                time.sleep(0.02)
            return None
        finally:
            # With what the tests started, and at Ctrl-C, too.
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.killpg(child, signal.SIGKILL)
                os.waitpid(child, 0)


def examples_without_shrinking() -> None:
    """Hypothesis tries `EXAMPLES` unless a test says how many, and is not curious about those that fail."""
    from hypothesis import Phase, settings

    phases = (Phase.explicit, Phase.generate)
    settings.register_profile("mutants", phases=phases, database=None, deadline=None, max_examples=EXAMPLES)
    settings.load_profile("mutants")


def callers(known: dict[str, TestFile], broken: str, own: tuple[str, ...]) -> tuple[str, ...]:
    """The other files of tests that call a function, quickest first, as far as `OTHERS` seconds reach."""
    seconds = {
        name: sum(of.seconds[test] for test, calls in of.calls.items() if broken in calls)
        for name, of in known.items()
        if name not in own and any(broken in calls for calls in of.calls.values())
    }
    ordered = sorted(seconds, key=seconds.__getitem__)
    spent = np.cumsum([seconds[name] for name in ordered])
    most = OTHERS if own else 10 * OTHERS
    return tuple(name for name, until in zip(ordered, spent, strict=True) if until <= most or name == ordered[0])


def own_tests(file: str) -> tuple[str, ...]:
    path = Path(file)
    if file == "verdict.py":
        return ("tests/test_verdict.py",)
    test = Path("tests") / path.parent / f"test_{path.stem}.py"
    return (str(test),) if test.exists() else ()


class Quickest:
    """A pytest plugin: tests that call the broken function first, and of them the quickest."""

    def __init__(self, known: dict[str, TestFile], broken: str, *, only_callers: bool) -> None:
        self.known, self.broken, self.only_callers = known, broken, only_callers

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        kept = []
        for item in items:
            file = item.nodeid.split("::")[0]
            of = self.known.get(file)
            if of is None:
                kept.append((file, False, 0.0, item))
                continue
            calls = self.broken in of.calls.get(item.nodeid, ())
            if item.nodeid not in of.failing and (calls or not self.only_callers):
                kept.append((file, not calls, of.seconds.get(item.nodeid, 0.0), item))
        place = {file: i for i, file in enumerate(dict.fromkeys(item.nodeid.split("::")[0] for item in items))}
        kept.sort(key=lambda one: (place[one[0]], one[1], one[2]))
        items[:] = [item for _, _, _, item in kept]


class Watch:
    """A pytest plugin: how long each test takes, which functions of ours it calls, and whether it fails."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.seconds: dict[str, float] = defaultdict(float)
        self.calls: dict[str, list[str]] = {}
        self.failing: set[str] = set()
        self.imported: set[str] | None = None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        called: set[str] = importlib.import_module("called").CALLED
        if self.imported is None:
            self.imported = set(called)
        called.clear()
        try:
            return (yield)
        finally:
            self.calls[item.nodeid] = sorted(called | self.imported)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] += report.duration
        if report.failed:
            self.failing.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        made = {"seconds": self.seconds, "calls": self.calls, "failing": sorted(self.failing)}
        self.out.write_text(json.dumps(made))


def telling(text: str, file: str) -> str:
    """The text of a file with functions that note their names in `called.CALLED`, as `function_at` gives them."""
    tree = ast.parse(text)
    if not text.strip():
        return text

    def tell(body: list[ast.stmt], name: str, after: int) -> None:
        body.insert(after, ast.parse(f"__import__('called').CALLED.add({name!r})").body[0])

    def go(body: list[ast.stmt]) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef):
                go(node.body)
            elif isinstance(node, ast.FunctionDef):
                tell(node.body, f"{file}:{node.lineno}", int(ast.get_docstring(node) is not None))

    go(tree.body)
    futures = [
        i for i, node in enumerate(tree.body) if isinstance(node, ast.ImportFrom) and node.module == "__future__"
    ]
    tell(tree.body, f"{file}:1", futures[-1] + 1 if futures else int(ast.get_docstring(tree) is not None))
    return ast.unparse(tree)


def function_at(text: str, file: str, line: int) -> str:
    """The outermost function that holds a line, by its place; the module where none does."""
    body: list[ast.stmt] = list(ast.parse(text).body)
    while body:
        node = body.pop()
        if node.lineno <= line <= (node.end_lineno or 0):
            if isinstance(node, ast.FunctionDef):
                return f"{file}:{node.lineno}"
            if isinstance(node, ast.ClassDef):
                body = list(node.body)
    return f"{file}:1"


# Random mutants -----------------------------------------------------------------------------------

COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
NAMES = {
    a: b
    for one, other in (("min", "max"), ("minimum", "maximum"), ("argmin", "argmax"), ("any", "all"), ("floor", "ceil"))
    for a, b in ((one, other), (other, one))
}
EITHER_WAY = {"min", "max", "minimum", "maximum", "isinstance", "replace", "getattr"}
"""Calls whose first two arguments may be swapped without a change, or not at all."""

GUARDS = {"strict", "kind", "dtype"}
"""Keyword arguments that numbers do not depend on."""


def drawn(count: int, *, seed: int, only: str | None) -> list[Mutant]:
    """So many random mutants, every so many places in the order of files; shuffled, for a run may be cut short."""
    src = REPOSITORY / "src/trusteq"
    files = sorted(p for folder in FOLDERS for p in (src / folder).rglob("*.py"))
    rng = np.random.default_rng(seed)
    places = []
    for path in [*files, src / "verdict.py"]:
        file = path.relative_to(src).as_posix()
        if only and only.partition(":")[0] != file:
            continue
        text = path.read_text(encoding="utf-8")
        for node, changes in changeable(ast.parse(text), text):
            if not only or ":" not in only or str(node.lineno) == only.partition(":")[2]:
                places.append((file, text, node, changes))
    if only and ":" in only:
        return [changed(*place[:3], new) for place in places for new in place[3]]
    at: Any = np.arange(count) * len(places) / count + rng.random() * len(places) / count if count else []
    chosen = [places[i] for i in dict.fromkeys(int(x) for x in at)]
    made = [changed(file, text, node, changes[rng.integers(len(changes))]) for file, text, node, changes in chosen]
    return [made[i] for i in rng.permutation(len(made))]


def changed(file: str, text: str, node: ast.expr | ast.stmt, new: str) -> Mutant:
    lines = text.encode().splitlines(keepends=True)
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    start = sum(map(len, lines[: node.lineno - 1])) + node.col_offset
    end = sum(map(len, lines[: node.end_lineno - 1])) + node.end_col_offset
    whole = text.encode()
    made = (whole[:start] + new.encode() + whole[end:]).decode()
    ast.parse(made)
    words = f"{_short(ast.unparse(node))} -> {_short(new)}"
    return Mutant(file.rpartition("/")[0] or file, file, node.lineno, words, made)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 90 else f"{text[:60]} ... {text[-25:]}"


def changeable(tree: ast.AST, text: str) -> Iterator[tuple[ast.expr | ast.stmt, list[str]]]:
    """Every place that can be changed and what may stand there instead; no text, annotation or message."""
    for node in code(tree):
        news = list(changes(node))
        if news:
            yield node, news


def code(node: ast.AST) -> Iterator[Any]:
    """The nodes that are run: neither annotations, decorators, text, messages, nor what only type checkers see."""
    yield node
    if isinstance(node, ast.JoinedStr | ast.Assert | ast.Raise):
        return
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return
    if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
        return
    children: list[ast.AST]
    if isinstance(node, ast.FunctionDef):
        children = [*node.args.defaults, *(d for d in node.args.kw_defaults if d), *node.body]
    elif isinstance(node, ast.ClassDef):
        children = list(node.body)
    elif isinstance(node, ast.AnnAssign):
        children = [node.value] if node.value else []
    elif isinstance(node, ast.keyword) and node.arg in GUARDS:
        children = []
    else:
        children = list(ast.iter_child_nodes(node))
    for child in children:
        yield from code(child)


def changes(node: ast.AST) -> Iterator[str]:
    """What may stand instead of a node."""
    if isinstance(node, ast.Compare):
        for i, op in enumerate(node.ops):
            for other in COMPARED[type(op)]:
                ops = [*node.ops[:i], other(), *node.ops[i + 1 :]]
                yield f"({ast.unparse(ast.Compare(node.left, ops, node.comparators))})"
    elif (
        isinstance(node, ast.BinOp) and type(node.op) in COMPUTED and not (_is_text(node.left) or _is_text(node.right))
    ):
        yield f"({ast.unparse(ast.BinOp(node.left, COMPUTED[type(node.op)](), node.right))})"
    elif isinstance(node, ast.AugAssign) and type(node.op) in COMPUTED:
        yield ast.unparse(ast.AugAssign(node.target, COMPUTED[type(node.op)](), node.value))
    elif isinstance(node, ast.UnaryOp) and not isinstance(node.operand, ast.Constant):
        yield f"({ast.unparse(node.operand)})"
    elif isinstance(node, ast.BoolOp):
        other_op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield f"({ast.unparse(ast.BoolOp(other_op, node.values))})"
    elif isinstance(node, ast.Constant):
        yield from _other_constants(node.value)
    elif isinstance(node, ast.Call):
        yield from _other_calls(node)
    elif isinstance(node, ast.Return) and node.value and not _is_none(node.value):
        yield "return None"
    elif isinstance(node, ast.Raise):
        yield "pass"


def _other_constants(value: object) -> Iterator[str]:
    if isinstance(value, bool):
        yield repr(not value)
    elif isinstance(value, int | float) and value + 1 != value:
        yield repr(type(value)(1 - value)) if value in {0, 1} else repr(value + 1)


def _other_calls(node: ast.Call) -> Iterator[str]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name in NAMES:
        if isinstance(node.func, ast.Attribute):
            func: ast.expr = ast.Attribute(node.func.value, NAMES[name], ast.Load())
            yield ast.unparse(ast.Call(func, node.args, node.keywords))
        elif name not in {"floor", "ceil"}:
            yield ast.unparse(ast.Call(ast.Name(NAMES[name], ast.Load()), node.args, node.keywords))
    if len(node.args) >= 2 and name not in EITHER_WAY and not any(isinstance(a, ast.Starred) for a in node.args[:2]):
        first, second, *rest = node.args
        yield ast.unparse(ast.Call(node.func, [second, first, *rest], node.keywords))


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


# Named mutants ------------------------------------------------------------------------------------


def named() -> list[Mutant]:
    """The mutants of `NAMED`; an error where the text to be replaced does not stand there exactly once."""
    made = []
    for words, file, old, new, *tests in NAMED:
        text = (REPOSITORY / "src/trusteq" / file).read_text(encoding="utf-8")
        if text.count(old) != 1:
            raise SystemExit(f"named mutant {words!r}: {old!r} stands {text.count(old)} times in {file}; write it anew")
        line = text[: text.index(old)].count("\n") + 1
        paths = tuple(f"tests/{test}.py" for test in tests)
        assert all((REPOSITORY / path).exists() for path in paths), paths
        made.append(Mutant("named", file, line, words, text.replace(old, new), paths))
    return made


if __name__ == "__main__":
    main()
