"""The page of commands: every command of `klaviyo-access` with its arguments, options and exit codes."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from klaviyo_access.cli.app import app
from klaviyo_access.cli.errors import ExitCode
from klaviyo_access.cli.main import PROGRAM
from tools.reference.docstrings import DocumentationError
from tools.reference.markdown import WRITTEN_BY, code, page, table

_MEANING: Final[Mapping[ExitCode, str]] = {
    ExitCode.FINE: "fine",
    ExitCode.FAILED: "the check failed, or what was asked for was refused; the message names cause and fix",
    ExitCode.USAGE: "wrong usage: an argument, an option, or what was typed",
    ExitCode.UNREACHABLE: "AWS or Klaviyo could not be reached",
    ExitCode.INTERRUPTED: "Ctrl-C; the message says what was done by then",
}


def commands_page() -> str:
    """The page's text.

    Raises:
        DocumentationError: a command, an option or an exit code is not explained.
    """
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)  # noqa: S101 - it has several commands
    return page(
        "# Commands",
        WRITTEN_BY,
        f"`pip install 'klaviyo-access[cli]'` installs `{PROGRAM}`. Results go to standard output, messages to "
        "standard error.",
        *paragraphs(root, of=PROGRAM),
        "## Exit codes",
        table(["exit", "means"], ([code(int(each)), _meaning(each)] for each in ExitCode)),
        *(_command(name, command) for name, command in commands(root, PROGRAM)),
    )


def commands(group: TyperGroup, name: str) -> Iterator[tuple[str, TyperCommand | TyperGroup]]:
    """Every command below ``group`` with its full name, groups before their commands."""
    for word, command in group.commands.items():
        full = f"{name} {word}"
        if isinstance(command, TyperGroup):
            yield full, command
            yield from commands(command, full)
        elif isinstance(command, TyperCommand):
            yield full, command


def paragraphs(command: TyperCommand | TyperGroup, *, of: str) -> list[str]:
    """What a command says of itself, a paragraph each; its example is shown as code."""
    if not command.help:
        raise DocumentationError(f"{of}: a command has a docstring.")
    texts = [" ".join(paragraph.split()) for paragraph in command.help.split("\n\n")]
    return [
        f"Example: {code(text.removeprefix('Example: '))}" if text.startswith("Example: ") else text for text in texts
    ]


def _meaning(exit_code: ExitCode) -> str:
    if exit_code not in _MEANING:
        raise DocumentationError(f"exit code {exit_code}: say in tools/reference/commands.py what it means.")
    return _MEANING[exit_code]


def _command(name: str, command: TyperCommand | TyperGroup) -> str:
    blocks = [f"## {name}", *paragraphs(command, of=name)]
    rows = [_row(name, parameter) for parameter in command.params]
    return "\n\n".join([*blocks, *([table(["argument or option", "what", "default"], rows)] if rows else [])])


def _row(command: str, parameter: Any) -> list[str]:
    if not isinstance(parameter, TyperArgument | TyperOption) or not parameter.help:
        raise DocumentationError(f"{command}: {parameter.name} has no help.")
    variable = f" Or the environment variable {code(parameter.envvar)}." if parameter.envvar else ""
    return [_spelling(parameter), f"{parameter.help}{variable}", _default(parameter)]


def _spelling(parameter: TyperArgument | TyperOption) -> str:
    if isinstance(parameter, TyperArgument):
        return code(parameter.metavar or str(parameter.name).upper())
    names = ", ".join(map(code, [*parameter.opts, *parameter.secondary_opts]))
    if parameter.is_flag:
        return names
    return f"{names} {code(parameter.metavar or 'NUMBER')}"


def _default(parameter: TyperArgument | TyperOption) -> str:
    if isinstance(parameter.show_default, str):
        return parameter.show_default
    match parameter.default:
        case None | False:
            return "required" if parameter.required else ""
        case True:
            return "yes"
        case value:
            return code(value)
