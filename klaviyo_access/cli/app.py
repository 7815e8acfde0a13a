"""The command line's tree: each command lives in a file of its own."""

from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from klaviyo_access.cli.audit.suspicious import suspicious
from klaviyo_access.cli.audit.verify import verify_audit
from klaviyo_access.cli.cost.command import cost
from klaviyo_access.cli.deployer.command import deployer_policy
from klaviyo_access.cli.doctor.command import doctor
from klaviyo_access.cli.keys.adopt import adopt
from klaviyo_access.cli.keys.leaked import leaked
from klaviyo_access.cli.keys.retire import retire
from klaviyo_access.cli.keys.rollback import rollback
from klaviyo_access.cli.keys.rotate import rotate
from klaviyo_access.cli.keys.stage import stage
from klaviyo_access.cli.keys.status import status
from klaviyo_access.cli.keys.unstick import unstick
from klaviyo_access.cli.oauth_stage import stage_client
from klaviyo_access.cli.permissions import permissions
from klaviyo_access.cli.restore import restore
from klaviyo_access.cli.scopes import scopes

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
keys = typer.Typer(no_args_is_help=True)
audit = typer.Typer(no_args_is_help=True)
oauth = typer.Typer(no_args_is_help=True)


def _print_version(asked: bool) -> None:  # noqa: FBT001 - typer calls it so
    if not asked:
        return
    try:
        installed = version("klaviyo-access")
    except PackageNotFoundError:
        installed = "(a checkout, not installed)"
    typer.echo(f"klaviyo-access {installed}")
    raise typer.Exit


@app.callback()
def _root(
    *,
    print_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Every role its own scoped Klaviyo API key on AWS: say what to create, stage keys, rotate them, look at them.

    A command works on one stack (--stack, or KLAVIYO_ACCESS_STACK), whose name is its environment's. Exit 0: fine;
    1: the check failed; 2: wrong usage; 3: AWS or Klaviyo could not be reached.

    A first key: klaviyo-access scopes --role viewer --stack dev; then keys stage viewer; then keys rotate viewer.
    """


@keys.callback()
def _keys() -> None:
    """The life of the roles' keys: stage a spare, rotate it into use, see where each key stands.

    You act in the environment's operators' role; the command assumes it by itself. No command reads a key.
    """


@audit.callback()
def _audit() -> None:
    """The audit entries of services: whether any is missing or changed, and what marks one as suspicious."""


@oauth.callback()
def _oauth() -> None:
    """The stack's OAuth app, which works on the accounts of others: stage its client id and secret."""


app.command()(scopes)
app.command()(permissions)
app.add_typer(keys, name="keys")
app.add_typer(audit, name="audit")
app.add_typer(oauth, name="oauth")
app.command()(doctor)
app.command()(deployer_policy)
app.command()(cost)
app.command()(restore)
keys.command()(stage)
keys.command()(status)
keys.command()(rotate)
keys.command()(rollback)
keys.command()(unstick)
keys.command()(retire)
keys.command()(leaked)
keys.command()(adopt)
audit.command("verify")(verify_audit)
audit.command()(suspicious)
oauth.command("stage")(stage_client)
