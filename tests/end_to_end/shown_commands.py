"""The commands that the pages show for a real account: lines of `console` blocks, and `aws …` in running text."""

import re
import shlex
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import botocore.session
from botocore import xform_name
from botocore.exceptions import UnknownServiceError

GLOBAL: Final = {"--region", "--profile", "--output", "--query", "--cli-read-timeout"}
"""Options that the AWS CLI takes with every command."""

INLINE: Final = re.compile(r"`(aws [a-z][^`]+)`")

CONSOLE: Final = re.compile(r"^ *```console\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def console_commands(pages: Sequence[Path]) -> list[str]:
    """Each command of the `console` blocks: without its prompt, with its continued lines, those joined by && apart.

    Raises:
        ValueError: a line is neither a command nor goes on with one.
    """
    found = []
    for page in pages:
        for block in CONSOLE.findall(page.read_text("utf-8")):
            for line in re.sub(r" *\\\n *", " ", block).splitlines():
                if not line.strip().startswith("$ "):
                    raise ValueError(f"{page.name}: no command, since it does not begin with '$ ': {line!r}")
                found += line.strip().removeprefix("$ ").split(" && ")
    return found


def aws_problems(command: str, *, whole: bool = True) -> list[str]:
    """What botocore's models have against a command of the AWS CLI; ``whole``: required options must be there."""
    words = shlex.split(command)[1:]
    service, operation = words[0], words[1] if len(words) > 1 else ""
    operations = _operations({"s3api": "s3"}.get(service, service))
    if operation not in operations:
        return [f"{service} has no {operation}"]
    members, required = operations[operation]
    options = [word for word in words[2:] if word.startswith("--")]
    known = GLOBAL | members.keys() | {f"--no-{name[2:]}" for name, shape in members.items() if _is_flag(shape)}
    problems = [f"{operation} has no {option}" for option in options if option not in known]
    problems += [f"{operation} lacks {option}" for option in sorted(required - set(options)) if whole]
    for option, value in pairwise(words):
        allowed = getattr(members.get(option), "enum", ())
        if allowed and value not in allowed:
            problems.append(f"{operation} {option} is none of {', '.join(allowed)}: {value}")
    return problems


@cache
def _operations(service: str) -> dict[str, tuple[dict[str, Any], set[str]]]:
    """Of a service: each operation as the CLI spells it, its options with their shapes, those that are required."""
    try:
        model = botocore.session.get_session().get_service_model(service)
    except UnknownServiceError:
        return {}
    found = {}
    for name in model.operation_names:
        shape = model.operation_model(name).input_shape
        members = {f"--{xform_name(key, '-')}": value for key, value in shape.members.items()} if shape else {}
        required = {f"--{xform_name(key, '-')}" for key in shape.required_members} if shape else set()
        found[xform_name(name, "-")] = (members, required)
    return found


def _is_flag(shape: Any) -> bool:
    return bool(shape.type_name == "boolean")
