"""What ministack remembers: the dictionaries in its modules, as sources for the sandbox's memory.

ministack itself saves only when it is stopped, and not all that it holds. This module reads and fills the dictionaries
of its modules instead: its version is pinned, the file names it, and a test holds what is relied on.
"""

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from ministack.core.responses import (  # type: ignore[import-untyped]  # ministack has no types
    AccountRegionScopedDict,
    AccountScopedDict,
    request_scope,
)
from ministack.services import lambda_svc  # type: ignore[import-untyped]  # the same

from sandbox.memory import Tables
from sandbox.memory.sources import Table, Watched

_READS: Final = ("BatchGet", "Describe", "Filter", "Get", "Head", "List", "Lookup", "Query", "Scan", "Select", "Test")
_PACKAGE: Final = "ministack.services."
_OF_SERVICES: Final = {
    "cloudtrail": ("cloudtrail",),
    "cloudwatch": ("cloudwatch", "sns", "sqs"),
    "eks": ("eks",),
    "events": ("eventbridge", "sns", "sqs", "cloudwatch_logs"),
    "iam": ("iam",),
    "kms": ("kms",),
    "lambda": ("lambda_svc",),
    "logs": ("cloudwatch_logs", "cloudwatch", "sns", "sqs"),
    "s3": ("s3", "eventbridge", "sns", "sqs"),
    "scheduler": ("scheduler",),
    "sns": ("sns", "sqs"),
    "sqs": ("sqs",),
}
"""By service, the modules that a call may change; a call of another service may change any."""
_UNDER_WAY: Final = {"Pending", "InProgress"}
_OTHERS: Final = "others"
_PLAIN: Final = {"eventbridge": ("_rule_last_fired",), "scheduler": ("_schedule_last_fired",)}
"""Dictionaries that are no scoped ones and count nevertheless."""


class MinistackState:
    """The state of ministack, module by module."""

    def __init__(self) -> None:
        modules = sorted({module for named in _OF_SERVICES.values() for module in named})
        for module in modules:
            _watch(module)
        self._sources = {module: _source(module, _of_module(module)) for module in modules}
        self._sources[_OTHERS] = _source(_OTHERS, _of_others(modules))

    @property
    def sources(self) -> list[Tables]:
        """One for each module that the sandbox knows, and one for all others."""
        return list(self._sources.values())

    def called(self, service: str, operation: str) -> None:
        """Note that an operation ran, which may have changed something."""
        if not operation.startswith(_READS):
            for name in _OF_SERVICES.get(service, self._sources):
                self._sources[name].touched = True

    def published(self) -> None:
        """Note that a record went to the rules of the event bus, and perhaps to where they lead."""
        for name in ("sns", "sqs"):
            self._sources[name].touched = True

    def time_passed(self) -> None:
        """Note that ministack's own loops may have changed anything."""
        for source in self._sources.values():
            source.compare_all()

    def resume(self) -> None:
        """End what was under way in what was restored: functions that were about to be active."""
        functions = lambda_svc._functions._data  # noqa: SLF001 - see the module's docstring
        for (account, region, name), function in list(functions.items()):
            if {function["config"].get("State"), function["config"].get("LastUpdateStatus")} & _UNDER_WAY:
                with request_scope(account, region):
                    lambda_svc._schedule_state_transition(name, 0)  # noqa: SLF001 - the same


def _source(name: str, tables: Callable[[], Mapping[str, Table]]) -> Tables:
    return Tables(f"ministack {name}", tables, table=_table)


def _of_module(module: str) -> Callable[[], Mapping[str, Table]]:
    return lambda: dict(_tables(module))


def _of_others(modules: Iterable[str]) -> Callable[[], Mapping[str, Table]]:
    known = {f"{_PACKAGE}{module}" for module in modules}

    def tables() -> Mapping[str, Table]:
        loaded = [name for name in list(sys.modules) if name.startswith(_PACKAGE) and name not in known]
        return {name: table for module in loaded for name, table in _tables(module.removeprefix(_PACKAGE))}

    return tables


def _tables(module: str) -> Iterable[tuple[str, Table]]:
    found = importlib.import_module(f"{_PACKAGE}{module}")
    for name, value in list(vars(found).items()):
        if _is_table(value) or name in _PLAIN.get(module, ()):
            yield f"{module}:{name}", _content(value)


def _watch(module: str) -> None:
    for value in vars(importlib.import_module(f"{_PACKAGE}{module}")).values():
        if _is_table(value) and not isinstance(value._data, Watched):  # noqa: SLF001 - see the module's docstring
            value._data = Watched(value._data)  # noqa: SLF001 - the same


def _table(named: str) -> Table:
    """The dictionary of a name that ``_tables`` gave."""
    module, _, name = named.partition(":")
    return _content(getattr(importlib.import_module(f"{_PACKAGE}{module}"), name))


def _is_table(value: Any) -> bool:
    return isinstance(value, AccountScopedDict | AccountRegionScopedDict)


def _content(value: Any) -> Table:
    table: Table = value._data if _is_table(value) else value  # noqa: SLF001 - see the module's docstring
    return table
