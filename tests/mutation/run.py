"""Mutation score of ``llr/numbers``, ``llr/learning`` and ``bounds``, by sampling.

The mutations are mutmut's.  mutmut's own runner passes over every decorated function, that is
nearly all of ``bounds``, so this one applies mutmut's operators to every function, method and
constant.  Per group of modules the tests are collected once and run once on the unchanged code,
which notes the tests that execute each line.  A mutant is then tried in a fork of the collected
session, its code put in place of the function's, by the tests that execute its line, fast ones
first, until one fails.  Code that runs before the tests do (constants, defaults, what tests compute
when they are collected) is mutated in its file instead and collected anew.
"""

from __future__ import annotations

import ast
import difflib
import fnmatch
import functools
import gc
import importlib.util
import inspect
import itertools
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FunctionType

import click
import coverage
import libcst
import numpy as np
import pytest
from libcst import matchers
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.file_mutation import MutationVisitor
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode

TESTS = {
    "llr/numbers": (
        "llr",
        "rational",
        "balls",
        "binomial",
        "floats",
        "units",
        "distance",
        "noise",
        "enclosures",
        "elimination",
        "certified",
        "spanner",
        "fitting",
        "nested",
        "lean",
    ),
    "llr/learning": (
        "llr",
        "spanner",
        "boxed",
        "table",
        "program",
        "highs",
        "printed",
        "lea*",
        "nested",
        "fitting",
        "cert*",
        "shared",
    ),
    "bounds": ("bounds", "*"),
}
"""Group of modules -> folder and names of the tests that concern it."""

MEMORY = 8 << 30
"""Bytes that a mutant may take."""

TYPE_VARIABLE = matchers.Assign(value=matchers.Call(func=matchers.Name("TypeVar")))

PASSED, FAILED, ANEW, BROKEN = 0, 1, 3, 70
SURVIVED, KILLED, OVERTIME = "survived", "killed", "killed by time"


# -- mutants -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mutant:
    """A module with one place changed.

    Attributes:
        line: where the changed node begins.
        source: the whole text.
        change: the removed and added lines.
    """

    line: int
    source: str
    change: str


class _Visitor(MutationVisitor):
    """mutmut's visitor: decorated functions too, but no type variables, which mypy alone reads."""

    def __init__(self) -> None:
        super().__init__(mutation_operators, IgnoredCode(set(), set(), set()))
        self.lines: list[int] = []

    def _skip_node_and_children(self, node: libcst.CSTNode) -> bool:
        if isinstance(node, libcst.FunctionDef):
            return False
        if matchers.matches(node, TYPE_VARIABLE):
            return True
        return super()._skip_node_and_children(node)

    def _create_mutations(self, node: libcst.CSTNode) -> None:
        super()._create_mutations(node)
        if len(self.mutations) > len(self.lines):
            line = self.get_metadata(PositionProvider, node).start.line
            self.lines += [line] * (len(self.mutations) - len(self.lines))


class Mutants:
    """All mutants of a module, in the order of its text; one is made when it is asked for."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._visitor = _Visitor()
        self._tree = MetadataWrapper(libcst.parse_module(text)).visit(self._visitor)

    def __len__(self) -> int:
        return len(self._visitor.mutations)

    def __getitem__(self, i: int) -> Mutant:
        mutation = self._visitor.mutations[i]
        tree = self._tree.deep_replace(mutation.original_node, mutation.mutated_node)
        before, after = self._text.splitlines(), tree.code.splitlines()
        lines = difflib.unified_diff(before, after, n=0, lineterm="")
        change = [x for x in lines if not x.startswith(("---", "+++", "@@"))]
        return Mutant(self._visitor.lines[i], tree.code, "\n".join(change))


class Places:
    """Where the statements and the function bodies of a module are."""

    def __init__(self, text: str) -> None:
        self._statements: dict[int, range] = {}
        self._bodies: set[int] = set()
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.stmt):
                continue
            body = getattr(node, "body", None)
            end = max(node.lineno, body[0].lineno - 1) if body else node.end_lineno
            lines = range(node.lineno, end + 1)
            self._statements.update(dict.fromkeys(lines, lines))
            if isinstance(node, ast.FunctionDef):
                self._bodies.update(range(node.body[0].lineno, node.end_lineno + 1))

    def statement(self, line: int) -> range:
        """Return the lines of the innermost statement, or of its head if it is a compound one."""
        return self._statements.get(line, range(line, line + 1))

    def in_function(self, line: int) -> bool:
        """True if the line is in the body of a function."""
        return line in self._bodies


def put_in_place(path: Path, source: str) -> bool:
    """Give the functions of an imported module the code of another text; False if that fails."""

    def codes(code: CodeType) -> Iterator[CodeType]:
        for x in code.co_consts:
            if isinstance(x, CodeType) and x.co_flags & inspect.CO_OPTIMIZED:
                yield x
            elif isinstance(x, CodeType):
                yield from codes(x)

    named = {c.co_qualname: c for c in codes(compile(source, str(path), "exec", dont_inherit=True))}
    for x in gc.get_objects():
        if isinstance(x, FunctionType) and x.__code__.co_filename == str(path):
            code = named.get(x.__code__.co_qualname)
            if code is None or code.co_name.startswith("<"):
                continue
            if code.co_freevars != x.__code__.co_freevars:
                return False
            x.__code__ = code
    return True


# -- tests -------------------------------------------------------------------------------------


@dataclass
class Tests:
    """What the run on the unchanged code showed.

    Attributes:
        seconds: of each test.
        lines: module -> line -> the tests that execute it; "" stands for the time before any test,
            the name of a file for a fixture that its tests share.
    """

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    lines: dict[str, dict[int, list[str]]] = field(default_factory=dict)

    def of(self, module: str, lines: Sequence[int]) -> tuple[bool, dict[str, float]]:
        """Return whether one of the lines runs before the tests do, and the tests that concern it.

        These are the tests that execute it, or all of the module's if it runs before them.
        """
        known = self.lines.get(module, {})
        names = {name for line in lines for name in known.get(line, ())}
        early = "" in names
        if early:
            names = {name for found in known.values() for name in found}
        return early, {
            test: seconds
            for test, seconds in self.seconds.items()
            if test in names or _file(test) in names
        }


def _file(test: str) -> str:
    return test.partition("::")[0]


def _forked(work: Callable[[], int], log: Path, wall: float = 3600) -> tuple[int, str]:
    """Run in a fork; return its status, below zero if a signal ended it, and what it printed."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        status = BROKEN
        try:
            os.setpgid(0, 0)
            with log.open("w") as stream:
                os.dup2(stream.fileno(), 1)
                os.dup2(stream.fileno(), 2)
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            status = work()
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    deadline = time.monotonic() + wall
    ended, status = os.waitpid(child, os.WNOHANG)
    while not ended:
        time.sleep(0.005)
        if time.monotonic() > deadline:
            os.killpg(child, signal.SIGKILL)
        ended, status = os.waitpid(child, os.WNOHANG)
    return os.waitstatus_to_exitcode(status), log.read_text()


def _verdict(status: int, log: str) -> str:
    if status in (-signal.SIGPROF, -signal.SIGKILL):
        return OVERTIME
    if status == BROKEN:
        raise click.ClickException(f"the runner failed\n{log}")
    return SURVIVED if status == PASSED else KILLED


class _Session:
    """A pytest plugin that does ``work(session)`` where pytest would run the tests."""

    def __init__(self, work: Callable[[pytest.Session], int]) -> None:
        self._work = work
        self.status = BROKEN

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        # a module that no longer imports is a failed test
        self.status = FAILED if session.testsfailed else self._work(session)
        return True


def _collected(root: Path, files: Sequence[str], work: Callable[[pytest.Session], int]) -> int:
    """Collect test files and do some work in the session."""
    os.chdir(root)
    sys.path.insert(0, str(root))
    os.environ.update(PYTHONPATH=str(root), PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", CI="1")
    found = importlib.util.find_spec("llr")
    assert found is not None
    assert Path(found.origin or "").is_relative_to(root), found
    plugin = _Session(work)
    options = ["-qq", "-s", "--no-summary", "--tb=short", f"--basetemp={root.parent / 'temporary'}"]
    pytest.main([*options, *files], plugins=[plugin])
    return plugin.status


class _Reports:
    """A pytest plugin that notes failures and times."""

    def __init__(self) -> None:
        self.failed: list[pytest.TestReport] = []
        self.seconds: dict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] += report.duration
        if report.failed:
            self.failed.append(report)


def attempt(session: pytest.Session, seconds: dict[str, float]) -> int:
    """Run tests, by file and then the fast ones first, until one fails or takes far too long."""
    files: Counter[str] = Counter()
    for name, time_taken in seconds.items():
        files[_file(name)] += time_taken
    items = [item for item in session.items if item.nodeid in seconds]
    items.sort(key=lambda i: (files[_file(i.nodeid)], _file(i.nodeid), seconds[i.nodeid]))
    reports = _Reports()
    session.config.pluginmanager.register(reports)
    for item, following in zip(items, [*items[1:], None], strict=True):
        signal.setitimer(signal.ITIMER_PROF, 2 + 10 * seconds[item.nodeid])  # of CPU: then it ends
        try:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        except (KeyboardInterrupt, pytest.exit.Exception):
            return FAILED
        if reports.failed:
            return FAILED
    signal.setitimer(signal.ITIMER_PROF, 0)
    return PASSED


def _wall(seconds: dict[str, float]) -> float:
    return 120 + 30 * sum(seconds.values())


class _Contexts:
    """A pytest plugin that tells coverage which test runs; see :class:`Tests` for the names."""

    def __init__(self, cover: coverage.Coverage) -> None:
        self._cover = cover
        # what one test leaves in a cache, another would not be seen to execute
        self._caches = [x for x in gc.get_objects() if isinstance(x, functools._lru_cache_wrapper)]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        for cached in self._caches:
            if cached.__module__.partition(".")[0] in ("llr", "bounds", "tests"):
                cached.cache_clear()
        self._cover.switch_context(item.nodeid)
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef, request: pytest.FixtureRequest
    ) -> Iterator[None]:
        if fixturedef.scope == "function":
            return (yield)
        item = request._pyfuncitem
        self._cover.switch_context(_file(item.nodeid))
        try:
            return (yield)
        finally:
            self._cover.switch_context(item.nodeid)


def _measure(root: Path, session: pytest.Session, cover: coverage.Coverage, notes: Path) -> int:
    """Run every test on the unchanged code and write down what it executes."""
    reports = _Reports()
    for plugin in (reports, _Contexts(cover)):
        session.config.pluginmanager.register(plugin)
    for item, following in zip(session.items, [*session.items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
    cover.stop()
    for report in reports.failed:
        print(report.nodeid, report.longreprtext)
    data = cover.get_data()
    lines = {
        str(Path(f).relative_to(root)): data.contexts_by_lineno(f) for f in data.measured_files()
    }
    notes.write_text(json.dumps({"seconds": reports.seconds, "lines": lines}))
    return FAILED if reports.failed else PASSED


# -- a run -------------------------------------------------------------------------------------


class Run:
    """The trials of one group of modules.

    Args:
        root: a copy of the checkout.
        group: key of ``TESTS``.
        chosen: module -> indices of the mutants to try.
    """

    def __init__(self, root: Path, group: str, chosen: dict[str, list[int]]) -> None:
        self._root = root
        self._group = group
        self._chosen = chosen
        self._log = root.parent / "log"
        folder, *stems = TESTS[group]
        paths = [p for s in stems for p in sorted((root / "tests" / folder).glob(f"test_{s}.py"))]
        self._files = [str(p.relative_to(root)) for p in paths]

    def verdicts(self) -> Iterator[tuple[str, Mutant, str]]:
        """Try every chosen mutant; yield module, mutant and verdict."""
        notes = self._root.parent / "verdicts"
        status, log = _forked(lambda: self._session(notes), self._log)
        if status != PASSED:
            raise click.ClickException(f"{self._group}: no verdicts ({status})\n{log}")
        tried = [json.loads(line) for line in notes.read_text().splitlines()]
        for module, trials in itertools.groupby(tried, lambda trial: trial[0]):
            mutants = Mutants((self._root / module).read_text())
            for _, i, found, seconds in trials:
                mutant = mutants[i]
                yield module, mutant, found or self._anew(module, mutant, seconds)

    def _session(self, notes: Path) -> int:
        source = [str(self._root / self._group)]
        cover = coverage.Coverage(data_file=None, source=source, config_file=False)
        cover.start()
        return _collected(self._root, self._files, lambda s: self._try_all(s, cover, notes))

    def _try_all(self, session: pytest.Session, cover: coverage.Coverage, notes: Path) -> int:
        found = self._root.parent / "tests.json"
        log = self._log.with_suffix(".inner")
        status, text = _forked(lambda: _measure(self._root, session, cover, found), log)
        cover.stop()
        if status != PASSED:
            print("the tests fail on the unchanged code", text)
            return FAILED
        read = json.loads(found.read_text())
        lines = {m: {int(n): x for n, x in at.items()} for m, at in read["lines"].items()}
        tests = Tests(read["seconds"], lines)

        def trial(path: Path, source: str, seconds: dict[str, float]) -> tuple[int, str]:
            def work() -> int:
                return attempt(session, seconds) if put_in_place(path, source) else ANEW

            return _forked(work, log, _wall(seconds))

        first = self._root / next(iter(self._chosen))
        if _verdict(*trial(first, first.read_text(), tests.seconds)) != SURVIVED:
            print("the tests fail on the unchanged code when fast ones come first")
            return FAILED
        with notes.open("w") as stream:
            for module, indices in self._chosen.items():
                path = self._root / module
                mutants, places = Mutants(path.read_text()), Places(path.read_text())
                for i in indices:
                    mutant = mutants[i]
                    early, seconds = tests.of(module, places.statement(mutant.line))
                    verdict: str | None = SURVIVED
                    if early or not places.in_function(mutant.line):
                        verdict = None
                    elif seconds:
                        status, text = trial(path, mutant.source, seconds)
                        verdict = None if status == ANEW else _verdict(status, text)
                    kept = {} if verdict else seconds
                    print(json.dumps([module, i, verdict, kept]), file=stream, flush=True)
        return PASSED

    def _anew(self, module: str, mutant: Mutant, seconds: dict[str, float]) -> str:
        """Try a mutant in its file."""
        if not seconds:
            return SURVIVED
        path = self._root / module
        files = sorted({_file(test) for test in seconds})
        kept = path.read_text()
        path.write_text(mutant.source)
        try:

            def work() -> int:
                sys.dont_write_bytecode = True
                signal.setitimer(signal.ITIMER_PROF, 60)
                return _collected(self._root, files, lambda s: attempt(s, seconds))

            return _verdict(*_forked(work, self._log, _wall(seconds)))
        finally:
            path.write_text(kept)


@click.command()
@click.argument("modules", nargs=-1)
@click.option("--sample", default=20, show_default=True, help="Mutants per module.")
@click.option("--seed", default=0, show_default=True, help="Of the sample.")
@click.option("--least", default=0.9, show_default=True, help="Score that each group must reach.")
def main(modules: tuple[str, ...], sample: int, seed: int, least: float) -> None:
    """Print the mutation score of MODULES (such as "bounds/*"; default all) and the survivors.

    Fails if a group scores too low.  A module's sample depends on the seed and its name alone.
    """
    root = Path(tempfile.mkdtemp(prefix="mutation-")) / "llr"
    hidden = shutil.ignore_patterns(".*", "__pycache__", "dist")
    shutil.copytree(Path(__file__).resolve().parents[2], root, ignore=hidden)
    try:
        _main(root, modules or ("*",), sample, seed, least)
    finally:
        shutil.rmtree(root.parent)


def _main(root: Path, patterns: Sequence[str], sample: int, seed: int, least: float) -> None:
    every = [str(p.relative_to(root)) for g in TESTS for p in sorted((root / g).glob("*.py"))]
    own = [m for m in every if not m.endswith("__init__.py")]  # these only name the others
    modules = [m for m in own if any(fnmatch.fnmatch(m, p) for p in patterns)]
    if not modules:
        raise click.UsageError("no such module")
    totals = {m: len(Mutants((root / m).read_text())) for m in modules}
    verdicts: dict[str, Counter[str]] = {m: Counter() for m in modules if totals[m]}
    for group, members in itertools.groupby(verdicts, _group):
        chosen = {}
        for module in members:
            rng = np.random.default_rng([seed, zlib.crc32(module.encode())])
            n = min(sample, totals[module])
            chosen[module] = sorted(map(int, rng.choice(totals[module], n, replace=False)))
        for module, mutant, verdict in Run(root, group, chosen).verdicts():
            verdicts[module][verdict] += 1
            if verdict == SURVIVED:
                click.echo(f"{module}:{mutant.line} survived\n{mutant.change}\n")
    _report(totals, verdicts, least)


def _group(module: str) -> str:
    return module.rpartition("/")[0]


def _report(totals: dict[str, int], verdicts: dict[str, Counter[str]], least: float) -> None:
    click.echo(f"{'module':32}{'mutants':>8}{'tried':>7}{'killed':>8}{'by time':>9}{'score':>8}")
    low = []
    for group, members in itertools.groupby(verdicts, _group):
        weighted, mutants = 0.0, 0
        for module in members:
            found, total = verdicts[module], totals[module]
            killed, tried = found.total() - found[SURVIVED], found.total()
            click.echo(
                f"{module:32}{total:8}{tried:7}{killed:8}{found[OVERTIME]:9}{killed / tried:8.1%}"
            )
            weighted += total * killed / tried
            mutants += total
        click.echo(f"{group + ', by number of mutants':56}{'':8}{weighted / mutants:8.1%}")
        if weighted < least * mutants:
            low.append(group)
    if low:
        raise click.ClickException(f"score below {least:.0%}: " + ", ".join(low))


if __name__ == "__main__":
    main()
