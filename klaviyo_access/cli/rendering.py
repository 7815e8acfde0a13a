"""A stack as it would be deployed: its resources with their inputs, from the program or from a file."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from klaviyo_access.cli.errors import CommandError, UsageError

RenderedFile = Annotated[
    Path | None,
    typer.Option(
        "--rendered",
        metavar="FILE",
        help="The stack's resources, as 'pulumi preview --json', 'pulumi stack export' or 'python -m sandbox render "
        "--json' print them. Default: what the program in this checkout renders.",
        show_default=False,
    ),
]

_SECONDS: Final = 300
"""How long a rendering may take: some hundred roles take half a minute on a slow machine."""

_LARGEST_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource of AWS as the program declares it.

    Attributes:
        type: Pulumi's type token, as in ``aws:secretsmanager/secret:Secret``.
        urn: Pulumi's name of it.
        inputs: its arguments; in a preview, what is known only after the deployment is no use.
        refers_to: URNs of the resources that each argument comes from, by the argument's name.
        external: whether the stack only reads it, as somebody else's: it never makes, changes or removes it.
        arn: its ARN, where the rendering has it.
    """

    type: str
    urn: str
    inputs: Mapping[str, Any]
    refers_to: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    external: bool = False
    arn: str = ""

    @property
    def name(self) -> str:
        """The last part of the URN."""
        return self.urn.rpartition("::")[2]


def rendered_resources(directory: Path, stack: str, file: Path | None) -> tuple[Resource, ...]:
    """AWS's resources of a stack, as the program renders them or as ``file`` has them; no AWS is needed.

    Raises:
        UsageError: the file is no rendering of this stack, or this is no checkout that could make one.
        CommandError: the program refuses its settings, or does not end.
    """
    text = _render(directory, stack) if file is None else _read(file)
    source = "The rendering" if file is None else str(file)
    try:
        resources = tuple(_resources(json.loads(text)))
    except (ValueError, KeyError, TypeError, AttributeError):
        resources = ()
    if not resources:
        raise UsageError(
            f"{source} holds no resources of AWS in any of the forms that are read: 'pulumi preview --json', 'pulumi "
            "stack export', 'python -m sandbox render --json'.",
            cure=f"Write it again: python -m sandbox render --stack {stack} --json > rendered.json",
        )
    others = {resource.urn.split("::")[0].rpartition(":")[2] for resource in resources} - {stack}
    if others:
        raise UsageError(
            f"{source} is of the stack {', '.join(sorted(others))}; --stack says {stack}.",
            cure="Name that stack, or give this stack's file.",
        )
    return resources


def _render(directory: Path, stack: str) -> str:
    if not (directory / "sandbox" / "render.py").is_file():
        raise UsageError(
            f"Resources are rendered by the program's own checkout ('python -m sandbox render'), and {directory} has "
            "no folder 'sandbox'.",
            cure=f"Run this in the checkout, or: pulumi preview --stack {stack} --json > rendered.json, and give it "
            "with --rendered rendered.json",
        )
    command = [sys.executable, "-m", "sandbox", "render", "--stack", stack, "--json"]
    try:
        done = subprocess.run(  # noqa: S603 - this interpreter, and a stack that has a settings file
            command, cwd=directory, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise CommandError(
            f"Rendering {stack} took more than {_SECONDS} s.", cure=f"Look why: {' '.join(command[1:])}"
        ) from None
    if done.returncode:
        raise _not_rendered(stack, done.stderr.strip(), again=" ".join(command[1:-1]))
    return done.stdout


def _not_rendered(stack: str, said: str, *, again: str) -> CommandError:
    """What the program said, which has the fix; how to see more only where it said nothing or failed by a defect."""
    if said and "Traceback" not in said:
        return CommandError(f"The program does not render for {stack}: {said}", cure="Mend what the program names.")
    return CommandError(
        f"The program does not render for {stack}: {said or 'it said nothing'}", cure=f"Look why: python {again}"
    )


def _read(file: Path) -> str:
    try:
        if file.stat().st_size > _LARGEST_BYTES:
            raise UsageError(f"{file} is larger than 64 MiB: it is no rendering.", cure="Name the right file.")
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}.", cure="Name a file that you may read.") from None


def _resources(document: Any) -> Iterator[Resource]:
    if "steps" in document:
        steps = [step for step in document["steps"] if step.get("op") != "delete" and "newState" in step]
        states = [{"external": step.get("op") == "read", **step["newState"]} for step in steps]
    else:
        states = document["deployment"]["resources"]
    for state in states:
        if state["type"].startswith("aws:"):
            yield Resource(
                type=state["type"],
                urn=state["urn"],
                inputs=state.get("inputs") or {},
                refers_to={name: tuple(urns or ()) for name, urns in (state.get("propertyDependencies") or {}).items()},
                external=bool(state.get("external")),
                arn=_arn(state),
            )


def _arn(state: Mapping[str, Any]) -> str:
    known = (state.get("id"), (state.get("outputs") or {}).get("arn"))
    return next((text for text in known if isinstance(text, str) and text.startswith("arn:")), "")
