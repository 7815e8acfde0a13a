"""``oauth stage``: the client id and secret of the stack's OAuth app, from Klaviyo's page into its secret."""

import json
import sys
from typing import Annotated, Final

import typer

from klaviyo_access.access_model.environment import PROJECT, read_config
from klaviyo_access.cli.console import note, results
from klaviyo_access.cli.errors import StoppedError, UsageError
from klaviyo_access.cli.identity import become_operator, open_session
from klaviyo_access.cli.options import Project, Stack
from klaviyo_access.cli.prompts import ask, ask_hidden
from klaviyo_access.cli.secrets_manager import Secrets
from klaviyo_access.cli.workspace import Workspace, open_workspace
from klaviyo_access.hidden import fingerprint

SETTING: Final = f"{PROJECT}:oauthApp"

_FORM: Final = 'the client secret, or {"clientId": …, "clientSecret": …},'


def stage_client(
    stack: Stack = None,
    project: Project = None,
    client_id: Annotated[
        str | None,
        typer.Option(
            "--client-id", metavar="ID", help="The app's client id, which is no secret.", show_default="asked"
        ),
    ] = None,
) -> None:
    """Stage the client id and secret of the OAuth app that you registered at Klaviyo; its service reads them at start.

    The secret is asked for at a hidden prompt, or read from standard input, there also as the JSON of both. It is never
    an argument. The new one replaces the one before, which nobody can read back: restart the service afterwards.

    Example: klaviyo-access oauth stage --stack dev
    """
    workspace = open_workspace(project, stack)
    _require_app(workspace)
    given = None if sys.stdin.isatty() else sys.stdin.read()
    secrets = Secrets(
        become_operator(open_session(workspace.environment), workspace.environment), workspace.environment
    )
    try:
        identity, secret = _read(given, client_id) if given is not None else _ask(client_id)
    except KeyboardInterrupt:
        raise StoppedError("Stopped. Nothing was staged.", cure="Run the command again.") from None
    secrets.put_oauth_client(json.dumps({"clientId": identity, "clientSecret": secret}))
    results().print(f"Staged the client secret {fingerprint(secret)} of the app {identity}.")
    note("Next: restart the app's service, which reads it when it starts.")


def _require_app(workspace: Workspace) -> None:
    stack = workspace.environment.name
    if not read_config(workspace.directory, stack).get(SETTING):
        raise UsageError(
            f"A stack has a secret for its OAuth app where {SETTING} names the accounts that it serves; "
            f"Pulumi.{stack}.yaml does not have it: the app is off in {stack}.",
            cure=f"Add '{SETTING}: {{accounts: [AbC123]}}' to Pulumi.{stack}.yaml and let a deployer run 'pulumi up'.",
        )


def _ask(client_id: str | None) -> tuple[str, str]:
    identity = client_id or ask("Client id")
    return _checked(identity, ask_hidden("Client secret"))


def _read(text: str, client_id: str | None) -> tuple[str, str]:
    """Both from standard input, or the secret alone where the id is an argument."""
    if not text.lstrip().startswith("{"):
        if client_id is None:
            raise UsageError(
                "Standard input holds no client id, which an app has beside its secret.",
                cure=f"Add --client-id ID, or give {_FORM} on standard input.",
            )
        return _checked(client_id, text)
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    match document:
        case {"clientId": str(identity), "clientSecret": str(secret), **rest} if not rest and client_id in (
            None,
            identity,
        ):
            return _checked(identity, secret)
    raise UsageError(
        "The JSON of an app has two texts, clientId and clientSecret, and nothing else; what standard input holds has "
        "another form, or another client id than --client-id.",
        cure=f"Give {_FORM} on standard input.",
    )


def _checked(client_id: str, secret: str) -> tuple[str, str]:
    identity, secret = client_id.strip(), secret.strip()
    wrong = [name for name, value in (("client id", identity), ("client secret", secret)) if not _is_word(value)]
    if wrong or identity == secret:
        what = f"the {' and the '.join(wrong)} given" if wrong else "what was given twice"
        raise UsageError(
            f"An app's client id and client secret are two different words of printable ASCII without spaces; {what} "
            "is none such. Nothing was staged.",
            cure="Copy both again from the app's page at https://www.klaviyo.com/oauth/client.",
        )
    if secret.startswith("pk_"):
        raise UsageError(
            "An OAuth app has a client secret; what was given looks like a private API key. Nothing was staged.",
            cure="Copy the client secret from the app's page; keys are staged by 'klaviyo-access keys stage'.",
        )
    return identity, secret


def _is_word(value: str) -> bool:
    return bool(value) and value.isascii() and value.isprintable() and " " not in value
