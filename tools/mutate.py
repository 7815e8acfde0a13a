"""Changes the rules of access one by one and runs the tests that hold them: a change that no test sees is a survivor.

python -m tools.mutate                   every module; exit 1 and name each survivor that survivors.toml does not list,
                                         and each listed one that is gone or that a test now sees
python -m tools.mutate --only PATH       one module
python -m tools.mutate --slice 1/8       every eighth change

Each change runs in a process of its own, forked from one that has loaded what the project takes from others.
"""

import argparse
import ast
import importlib
import os
import signal
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Final

import hypothesis
import pytest

from tools.mutations import Mutation, mutations

ROOT: Final = Path(__file__).resolve().parent.parent
SURVIVORS: Final = Path(__file__).with_name("survivors.toml")
_LONGEST: Final = 60
"""Seconds after which a change that makes tests hang counts as seen."""

_PRELOADED: Final = ("boto3", "pydantic", "ruamel.yaml")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A module, and the test files that hold it, the likeliest first."""

    path: str
    tests: tuple[str, ...]
    documents: bool = False

    def changes(self) -> list[Mutation]:
        return mutations(self.tree(), documents=self.documents)

    def tree(self) -> ast.Module:
        return ast.parse((ROOT / self.path).read_text("utf-8"))

    @property
    def module(self) -> str:
        return self.path.removesuffix(".py").replace("/", ".")


_POLICIES: Final = ("tests/components/test_grants.py",)
_FILES: Final = ("tests/access_model/test_refused_files.py", "tests/access_model/test_shipped_access_model.py")
_VALUES: Final = (*_FILES, "tests/access_model/test_ceilings.py")
SUBJECTS: Final = (
    *(
        Subject(path=f"components/policies/{name}.py", tests=_POLICIES, documents=True)
        for name in (
            "statements",
            "secrets",
            "record",
            "encryption_keys",
            "trust",
            "oauth_apps",
            "webhook_secrets",
            "application_audit",
            "auditor",
        )
    ),
    Subject(
        path="components/policies/examination.py",
        tests=(*_POLICIES, "tests/components/test_examination_policies.py"),
        documents=True,
    ),
    Subject(path="components/principals.py", tests=("tests/components/test_principals.py",)),
    *(
        Subject(path=f"klaviyo_access/access_model/{name}.py", tests=tests)
        for tests, names in (
            (_FILES, ("checks", "relations", "schema")),
            (_VALUES, ("grants", "scopes", "declarations", "model")),
        )
        for name in names
    ),
)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of a change."""

    path: str
    mutation: Mutation
    survived: bool

    def __str__(self) -> str:
        return f"{self.path}:{self.mutation.line}: {self.mutation.name}"


class _Changed(MetaPathFinder, Loader):
    """Loads one module from a tree instead of its file."""

    def __init__(self, subject: Subject, tree: ast.Module) -> None:
        self._subject = subject
        self._tree = tree

    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:  # noqa: ARG002 - importlib's signature
        return ModuleSpec(fullname, self) if fullname == self._subject.module else None

    def exec_module(self, module: ModuleType) -> None:
        code = compile(ast.fix_missing_locations(self._tree), self._subject.path, "exec")
        exec(code, module.__dict__)  # noqa: S102 - the project's own module, as importing it would


def run_tests(subject: Subject, number: int | None) -> bool:
    """Run a subject's tests in a process of its own, with the change of that number or none; whether they passed."""
    child = os.fork()
    if child == 0:
        _be_the_run(subject, number)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0


def _be_the_run(subject: Subject, number: int | None) -> None:
    signal.alarm(_LONGEST)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    if number is not None:
        tree = subject.tree()
        mutations(tree, documents=subject.documents)[number].apply()
        sys.meta_path.insert(0, _Changed(subject, tree))
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    options = ["-x", "-q", "--noconftest", "-p", "no:cacheprovider", "-p", "no:logging"]
    os._exit(int(pytest.main([*options, *subject.tests])))


def judge(subjects: Sequence[Subject], *, part: tuple[int, int], workers: int) -> Iterator[Verdict]:
    """Make every change, or every so many-th, of each subject.

    Raises:
        SystemExit: a subject's tests fail without any change.
    """
    number, of = part
    jobs = []
    for subject in subjects:
        if not run_tests(subject, None):
            raise SystemExit(f"The tests of {subject.path} fail as it is: {' '.join(subject.tests)}")
        jobs += [(subject, index, mutation) for index, mutation in enumerate(subject.changes())]
    with ThreadPoolExecutor(workers) as pool:
        chosen = jobs[number - 1 :: of]
        for (subject, _, mutation), passed in zip(
            chosen, pool.map(lambda job: run_tests(job[0], job[1]), chosen), strict=True
        ):
            yield Verdict(path=subject.path, mutation=mutation, survived=passed)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutate", description="Change rules; do tests see it?")
    parser.add_argument("--only", metavar="PATH", choices=[subject.path for subject in SUBJECTS], help="one module")
    parser.add_argument("--slice", metavar="N/OF", default="1/1", type=_slice, help="every so many-th change, from N")
    options = parser.parse_args(arguments)
    for name in _PRELOADED:
        importlib.import_module(name)
    hypothesis.settings.register_profile("the same every time", derandomize=True, database=None, max_examples=30)
    hypothesis.settings.load_profile("the same every time")
    subjects = [subject for subject in SUBJECTS if options.only in {None, subject.path}]
    listed = tomllib.loads(SURVIVORS.read_text("utf-8"))
    began = time.monotonic()
    verdicts = list(judge(subjects, part=options.slice, workers=os.cpu_count() or 1))
    wrong = [*complaints(verdicts, listed), *_gone(subjects, listed)]
    for line in wrong:
        sys.stderr.write(f"{line}\n")
    survived = sum(verdict.survived for verdict in verdicts)
    sys.stdout.write(
        f"{len(verdicts)} changes in {time.monotonic() - began:.0f} s: {len(verdicts) - survived} were seen by a test, "
        f"{survived} were not.\n"
    )
    return 1 if wrong else 0


def _slice(text: str) -> tuple[int, int]:
    number, of = map(int, text.split("/"))
    if not 1 <= number <= of:
        raise ValueError(text)
    return number, of


Listed = Mapping[str, Mapping[str, str]]


def complaints(verdicts: Sequence[Verdict], listed: Listed) -> Iterator[str]:
    for verdict in verdicts:
        is_listed = verdict.mutation.name in listed.get(verdict.path, {})
        if verdict.survived and not is_listed:
            yield f"{verdict}: no test sees it. Write one, or list it in {SURVIVORS.name} with the reason."
        elif is_listed and not verdict.survived:
            yield f"{verdict}: a test sees it now. Take it out of {SURVIVORS.name}."


def _gone(subjects: Sequence[Subject], listed: Listed) -> Iterator[str]:
    for subject in subjects:
        known = {mutation.name for mutation in subject.changes()}
        for name in listed.get(subject.path, {}):
            if name not in known:
                yield f"{subject.path}: {name}: there is no such change any more. Take it out of {SURVIVORS.name}."


if __name__ == "__main__":
    sys.exit(main())
