"""A whole run: the unmodified program on the SDK, against a deployment."""

import asyncio
import os
import runpy
import sys
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pulumi.errors import RunError
from pulumi.runtime import configure, set_all_config
from pulumi.runtime.settings import ROOT, Settings
from pulumi.runtime.stack import run_in_stack

from sandbox.engine.monitor import Engine, Monitor
from sandbox.engine.project import Project
from sandbox.engine.report import ProgramError

PARALLEL = 8
"""Resources at a time."""


def run_program(project: Project, monitor: Monitor, engine: Engine, *, preview: bool) -> None:
    """Run the program once; the process can run no other after it, since the SDK keeps what is global.

    Raises:
        ProgramError: the program itself failed.
    """
    with _inside(project):
        try:
            asyncio.run(_main(project, monitor, engine, preview=preview))
        except RunError as error:
            if monitor.goes_on():
                raise ProgramError(str(error)) from error
        except SystemExit as error:
            if error.code:
                raise ProgramError(f"{project.program} ended itself: {error.code}") from error
        except Exception as error:
            if monitor.goes_on():
                raise ProgramError(_described(project, error)) from error


async def _main(project: Project, monitor: Monitor, engine: Engine, *, preview: bool) -> None:
    ROOT.set(None)  # a program that ran before in this process left its stack there
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(PARALLEL))
    loop.set_exception_handler(_already_reported)
    configure(
        Settings(
            project=project.name,
            stack=project.stack,
            organization="organization",
            root_directory=str(project.directory),
            monitor=monitor,
            engine=engine,
            dry_run=preview,
            parallel=PARALLEL,
        )
    )
    set_all_config(dict(project.configuration))
    await run_in_stack(lambda: _run(project))


def _already_reported(_loop: asyncio.AbstractEventLoop, _context: dict[str, Any]) -> None:
    """What is left of the outputs of a resource that failed: the failure itself has been told."""


def _run(project: Project) -> None:
    runpy.run_path(str(project.program), run_name="__main__")


@contextmanager
def _inside(project: Project) -> Iterator[None]:
    """The program's surroundings: its folder is the current one, and the first to import from."""
    before = Path.cwd()
    os.chdir(project.directory)
    sys.path.insert(0, str(project.directory))
    try:
        yield
    finally:
        sys.path.remove(str(project.directory))
        os.chdir(before)


def _described(project: Project, error: Exception) -> str:
    """The error, and where in the project it came from."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(project.directory) and "site-packages" not in frame.filename
    ]
    where = f"{frames[-1].filename}:{frames[-1].lineno}: " if frames else ""
    return f"{where}{type(error).__name__}: {error}"
