"""Where ``klaviyo-access`` starts and ends: every error becomes a message and an exit code, never a traceback.

Standard library only until the optional packages are known to be there.
"""

import re
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

PROGRAM: Final = "klaviyo-access"

# Wider than Klaviyo's exact form, so that a key with a slip in it is not echoed either.
_LOOKS_LIKE_A_KEY: Final = re.compile(r"pk_[A-Za-z0-9_]{16,}")

_EXTRA_PACKAGES: Final = frozenset({"boto3", "botocore", "pydantic", "rich", "ruamel", "typer"})

_KEY_AS_ARGUMENT: Final = """\
error: A key is never given as an argument, because the shell's history and the process list keep it; one of the \
arguments looks like a key (not shown).
  fix: Disable that key in Klaviyo's dashboard, since it is in the shell's history now, and make another. Give it \
to the prompt of 'klaviyo-access keys stage ROLE', or to its standard input."""


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code (``klaviyo_access.cli.errors.ExitCode``).

    Args:
        arguments: what follows the program's name; ``sys.argv`` when None.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if any(_LOOKS_LIKE_A_KEY.search(argument) for argument in arguments):
        _leave(_KEY_AS_ARGUMENT, code=2)
    try:
        _run_application(arguments)
    except KeyboardInterrupt:
        _leave("Interrupted: nothing was changed.", code=130)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA_PACKAGES:
            raise
        _leave(
            f"error: The operators' commands need the package {error.name!r}, which is not installed.\n"
            f"  fix: pip install 'klaviyo-access[cli]'",
            code=2,
        )
    sys.exit(0)


def _run_application(arguments: Sequence[str]) -> None:
    # Imported here, since the import is what fails where the optional packages are missing.
    from klaviyo_access.cli.app import app  # noqa: PLC0415
    from klaviyo_access.cli.errors import explain  # noqa: PLC0415

    try:
        app(arguments, prog_name=PROGRAM)
    except SystemExit as end:
        if end.code == 130:
            raise KeyboardInterrupt from None
        raise
    except Exception as error:  # noqa: BLE001 - the one place where every error gets its message
        explanation = explain(error)
        _leave(str(explanation), code=explanation.exit_code)


def _leave(message: str, *, code: int) -> NoReturn:
    sys.stderr.write(message + "\n")
    sys.exit(code)
