"""``deployer-policy``: the least IAM policy with which a stack can be deployed."""

import json
from pathlib import Path
from shlex import quote
from typing import Annotated, Any, Final

import typer

from klaviyo_access.access_model.environment import PROJECT, Environment, read_config
from klaviyo_access.cli.console import note, print_json, results
from klaviyo_access.cli.deployer.documents import reasons, statements
from klaviyo_access.cli.deployer.policy_documents import ATTACHED_LIMIT, Document, fit, to_json
from klaviyo_access.cli.deployer.stack import Stack
from klaviyo_access.cli.errors import UsageError
from klaviyo_access.cli.options import Json, Project
from klaviyo_access.cli.options import Stack as StackName
from klaviyo_access.cli.rendering import RenderedFile, rendered_resources
from klaviyo_access.cli.workspace import find_stack

Out = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="DIR", help="Write each document to a file in DIR, which is made.", show_default=False
    ),
]
ByPrefix = Annotated[
    bool,
    typer.Option(
        "--by-prefix",
        help="Name the stack's resources by what their names start with, not one by one: shorter, wider, and good for "
        "roles and services that access.yaml gains later.",
    ),
]

_REMARKS: Final = (
    "No statement allows secretsmanager:GetSecretValue: a deployer reads no key.",
    "A deployer writes the policies of the stack's roles and secrets, so he could allow himself to read keys.",
    "The alerts tell of such a change to a secret; one to an IAM role, a function or a KMS key is in the trail alone.",
    "Two policies of the organization stop it: attach those of docs/policies (docs/going-to-production.md).",
    "Deletions are allowed, for 'pulumi destroy' and for what access.yaml no longer has.",
    "Where Pulumi keeps its state (a bucket, a key of KMS) is a matter of its own.",
)
_TAGS_TAKE_TIME: Final = (
    "KMS may take five minutes to see the tags of a new key, on which these statements depend: where the first 'pulumi "
    "up' is refused at a KMS key with AccessDenied, run it again then; it goes on from there."
)
_BY_NAME: Final = (
    "The stack's resources are named one by one: write the policy again, and attach it, before a deployment that adds "
    "a role, a service or a webhook. --by-prefix names them by what their names start with."
)


def deployer_policy(
    stack: StackName = None,
    project: Project = None,
    rendered: RenderedFile = None,
    out: Out = None,
    *,
    by_prefix: ByPrefix = False,
    as_json: Json = False,
) -> None:
    """Write the least IAM policy for the roles that deploy a stack, from the resources that the program declares.

    In as many documents as IAM's limit of 6,144 characters asks for, each a managed policy; every Resource that is
    wider than the stack's own has its reason. Only files are read: AWS is not asked.

    Example: klaviyo-access deployer-policy --stack dev --out deployer
    """
    directory, name = find_stack(project, stack)
    environment = Environment.of_stack(directory, name)
    whole = Stack(
        resources=rendered_resources(directory, name, rendered),
        partition=environment.partition,
        region=environment.region,
        account=environment.account_id,
        deployers=deployers(directory, name),
        principals=principals(directory, name),
        marks=marks(environment) if by_prefix else (),
    )
    documents = fit(statements(whole))
    if len(documents) > ATTACHED_LIMIT:
        raise UsageError(
            f"An IAM role has at most {ATTACHED_LIMIT} managed policies; {name} has so many resources that its "
            f"deployer's policy is {len(documents)} documents of 6,144 characters.",
            cure="Name the resources by what their names start with: add --by-prefix.",
        )
    names = [f"{environment.prefix}-{name}-deployer-{number}" for number in range(1, len(documents) + 1)]
    files = _write(out, names, documents) if out else []
    answer = {
        "stack": name,
        "documents": dict(zip(names, documents, strict=True)),
        "reasons": reasons(documents),
        "remarks": [*_REMARKS, _TAGS_TAKE_TIME, _room(len(documents)), *([] if by_prefix else [_BY_NAME])],
        "attach": attach_commands(whole, names, out or Path()),
    }
    if as_json:
        print_json(answer)
    else:
        _print(answer, files)


def deployers(directory: Path, stack: str) -> tuple[str, ...]:
    """ARNs of the stack's deployers, from its settings.

    Raises:
        UsageError: there are none, or the setting is no list of ARNs.
    """
    found = read_config(directory, stack).get(f"{PROJECT}:deployers")
    if not isinstance(found, list) or not found or not all(str(arn).startswith("arn:") for arn in found):
        raise UsageError(
            f"A deployer is one of {PROJECT}:deployers in Pulumi.{stack}.yaml, a list of ARNs with their paths; "
            f"given: {found!r}.",
            cure="Add the ARN of the IAM role that runs 'pulumi up'.",
        )
    return tuple(map(str, found))


def principals(directory: Path, stack: str) -> tuple[str, ...]:
    """ARNs of the roles and users that the stack's settings name, whose existence the program asks for."""
    config = read_config(directory, stack)
    found = {*deployers(directory, stack)}
    for setting in ("breakGlass", "operators"):
        found.update(map(str, config.get(f"{PROJECT}:{setting}") or ()))
    services = config.get(f"{PROJECT}:services") or {}
    found.update(str(service["roleArn"]) for service in services.values() if service.get("roleArn"))
    return tuple(sorted(found))


def marks(environment: Environment) -> tuple[str, ...]:
    """What the names of an environment's resources start with, in its two spellings."""
    prefix, name = environment.prefix, environment.name
    return (f"{prefix}/{name}/", f"{prefix}-{name}-")


def attach_commands(stack: Stack, names: list[str], directory: Path) -> list[str]:
    """The AWS CLI's commands that make the documents managed policies, and attach them to each deployer.

    Args:
        stack: whose deployers.
        names: of the documents.
        directory: where their files are.
    """
    policies = f"arn:{stack.partition}:iam::{stack.account}:policy"
    made = [
        f"aws iam create-policy --policy-name {name} --policy-document {quote(f'file://{directory / name}.json')}"
        for name in names
    ]
    return made + [
        f"aws iam attach-{kind}-policy --{kind}-name {arn.rpartition('/')[2]} --policy-arn {policies}/{name}"
        for arn in stack.deployers
        for kind in ("role", "user")
        if f":{kind}/" in arn
        for name in names
    ]


def _room(documents: int) -> str:
    return f"{documents} of the {ATTACHED_LIMIT} managed policies that a role or a user takes are for this stack."


def _write(directory: Path, names: list[str], documents: list[Document]) -> list[Path]:
    files = [directory / f"{name}.json" for name in names]
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for file, document in zip(files, documents, strict=True):
            file.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{directory} cannot be written to: {error}.", cure="Name another folder with --out."
        ) from None
    return files


def _print(answer: dict[str, Any], files: list[Path]) -> None:
    console = results()
    for name, document in answer["documents"].items():
        if not files:
            console.print(json.dumps(document, indent=2), markup=False, soft_wrap=True)
        note(f"{name}: {len(document['Statement'])} statements, {len(to_json(document)):,} of 6,144 characters.")
    for file in files:
        console.print(str(file), markup=False, soft_wrap=True)
    for sid, reason in answer["reasons"].items():
        note(f"{sid} is wider than the stack's own names: {reason}.")
    for remark in answer["remarks"]:
        note(remark)
    if not files:
        note("--out DIR writes each document to a file, which the commands below name.")
    note(
        "Attach the documents, as somebody who may (a policy that exists gets a new version: aws iam "
        "create-policy-version --set-as-default):"
    )
    for command in answer["attach"]:
        note(f"  {command}")
