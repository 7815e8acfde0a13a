"""Renders a stack: its resources with their inputs, in the shape of ``pulumi stack export``, with nothing deployed.

AWS's answers are predicted from account, region and inputs, so that policies come out whole, with the ARNs that they
would have. The same settings always render to the same text.
"""

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sandbox.engine.deployment import Deployment
from sandbox.engine.monitor import Engine, Monitor
from sandbox.engine.project import Project, ProjectError, load
from sandbox.engine.providers import Providers
from sandbox.engine.report import ProgramError, Report
from sandbox.engine.run import run_program
from sandbox.engine.state import State
from sandbox.provider.cloud import PredictedCloud
from sandbox.provider.configuration import Configuration
from sandbox.provider.servicer import AwsProvider
from sandbox.provider.table import Place

_PRINCIPAL: Final = re.compile(r"arn:[a-z-]+:iam::\d{12}:(?:role|user)/[\w+=,.@/-]*[\w+=.@-]")
"""Whom the settings name: a rendering stands for an account that has them."""


def render(stack: str, *, project_dir: Path) -> dict[str, Any]:
    """Run the program for ``stack`` on a predicted AWS; the caller is the first of the stack's deployers.

    Args:
        stack: the stack's name, as in ``Pulumi.<stack>.yaml``.
        project_dir: the folder of ``Pulumi.yaml``.

    Returns:
        ``{"version": 3, "deployment": {"resources": [...]}}``; whatever is needed comes before what needs it.

    Raises:
        ProjectError: no such stack, or a broken file.
        ProgramError: the program refused its settings, or failed.
    """
    project = load(project_dir.resolve(), stack)
    report = Report(preview=False, quiet=True)
    state = State()
    caller = _caller(project)
    principals = _PRINCIPAL.findall(" ".join(project.configuration.values()))

    def predict(configuration: Configuration) -> PredictedCloud:
        place = Place(account=caller["Account"], region=configuration.region)
        return PredictedCloud(place, caller, principals=principals)

    providers = Providers(lambda: AwsProvider(predict))
    deployment = Deployment(project, state=state, providers=providers, report=report, draw_seed=bytes)
    monitor = Monitor(deployment, report)
    with _on_this_machine():
        run_program(project, monitor, Engine(report), preview=False)
    if report.failures:
        raise ProgramError("\n".join(f"{urn}: {error}" for urn, error in report.failures))
    return state.export()


def main(stack: str, *, as_json: bool, project_dir: Path | None = None) -> int:
    """Print a rendering, as JSON or one line for each resource; return the command's exit code.

    Args:
        stack: the stack's name.
        as_json: print what ``render`` returns.
        project_dir: the folder of ``Pulumi.yaml``, by default the current one.
    """
    try:
        rendering = render(stack, project_dir=project_dir or Path.cwd())
    except ProjectError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except ProgramError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if as_json:
        sys.stdout.write(json.dumps(rendering, indent=2) + "\n")
        return 0
    for resource in rendering["deployment"]["resources"]:
        name = resource["urn"].rpartition("::")[2]
        sys.stdout.write(f"{resource['type']}  {name}  {resource.get('id', '')}\n")
    return 0


@contextmanager
def _on_this_machine() -> Iterator[None]:
    """The stack ``local`` asks for a loopback endpoint; a rendering calls none."""
    before = os.environ.get("AWS_ENDPOINT_URL")
    os.environ["AWS_ENDPOINT_URL"] = "http://127.0.0.1:4566"
    try:
        yield
    finally:
        del os.environ["AWS_ENDPOINT_URL"]
        if before is not None:
            os.environ["AWS_ENDPOINT_URL"] = before


def _caller(project: Project) -> dict[str, str]:
    """Who a rendering is made by: the first deployer of the stack's account, as STS would show its session."""
    settings = project.configuration
    account = settings.get(f"{project.name}:accountId", "000000000000")
    arn = _first_deployer(settings.get(f"{project.name}:deployers", "[]")) or f"arn:aws:iam::{account}:root"
    if ":role/" in arn:
        session = f"{arn.rpartition('/')[2]}/render"
        return {
            "Account": account,
            "Arn": f"arn:aws:sts::{account}:assumed-role/{session}",
            "UserId": "AROARENDER:render",
            "Issuer": arn,
        }
    return {"Account": account, "Arn": arn, "UserId": account, "Issuer": arn}


def _first_deployer(setting: str) -> str:
    """The first of the deployers; empty where the setting is no list of text, which the program itself refuses."""
    try:
        deployers = json.loads(setting)
    except ValueError:
        return ""
    first = deployers[0] if isinstance(deployers, list) and deployers else ""
    return first if isinstance(first, str) else ""
