"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Stack = Annotated[
    str | None,
    typer.Option(
        "--stack",
        "-s",
        metavar="STACK",
        envvar="KLAVIYO_ACCESS_STACK",
        help="The environment to work on: one that has a Pulumi.STACK.yaml.",
    ),
]
Project = Annotated[
    Path | None,
    typer.Option(
        "--project",
        metavar="DIR",
        help="The project's directory, which holds access.yaml and Pulumi.yaml. Default: the nearest above this one.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output, and nothing else.")]
OneRole = Annotated[
    str | None, typer.Option("--role", metavar="ROLE", help="This role only.", show_default="every role")
]
EveryRole = Annotated[bool, typer.Option("--all", help="Every role of the environment.")]
