"""Writes the files that are derived from Klaviyo's official SDK and from the code, or says which of them are stale.

python -m tools.generate            write access_model/catalog.py and klaviyo/operations.json of the package, and
                                    docs/reference/
python -m tools.generate --check    write nothing; exit 1 and name each file that differs
"""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tools.klaviyo_sdk import Operation, SdkFormError, installed_operations, installed_revision
from tools.reference import reference_files
from tools.reference.docstrings import DocumentationError

ROOT: Final = Path(__file__).resolve().parent.parent
CATALOG: Final = Path("klaviyo_access/access_model/catalog.py")
OPERATIONS: Final = Path("klaviyo_access/klaviyo/operations.json")

BETA_SCOPES: Final = ("agents:read", "agents:write", "applications:read", "credentials:read", "credentials:write")
"""Scopes of beta operations only, which the SDK does not carry: kept by hand.

Source: Klaviyo's OpenAPI, beta 2026-07-15.pre (github.com/klaviyo/openapi, openapi/beta).
"""

CATALOG_TEXT: Final = '''"""Klaviyo's API scopes. Written by ``python -m tools.generate``; do not edit.

Source of the GA scopes: the docstrings of the installed ``klaviyo-api``. Beta scopes: Klaviyo's OpenAPI, beta
2026-07-15.pre, kept by hand in ``tools/generate.py``.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

REVISION: Final = "{revision}"
"""The API revision that the installed ``klaviyo-api`` asks for; rotators and services send the same."""

GA_SCOPES: Final[tuple[str, ...]] = (
{ga}
)
"""Every scope that an operation in general availability asks for, sorted."""

BETA_SCOPES: Final[tuple[str, ...]] = (
{beta}
)
"""Scopes that only beta operations ask for; an account has them when Klaviyo lets it into the beta."""

FAMILIES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {{
{families}
    }}
)
"""What each family offers, GA and beta: ``read``, ``write`` or both. Klaviyo's dashboard has one line a family."""
'''


def generated_files() -> dict[Path, str]:
    """The text of each generated file by its path below the project's root."""
    operations = installed_operations()
    derived = {CATALOG: _catalog(operations), OPERATIONS: _operations_json(operations)}
    return derived | reference_files(ROOT)


def _catalog(operations: Iterable[Operation]) -> str:
    ga = sorted({scope for operation in operations for scope in operation.scopes})
    families = _families([*ga, *BETA_SCOPES])
    return CATALOG_TEXT.format(
        revision=installed_revision(),
        ga="\n".join(f'    "{scope}",' for scope in ga),
        beta="\n".join(f'    "{scope}",' for scope in BETA_SCOPES),
        families="\n".join(f'        "{family}": {_source(offers)},' for family, offers in families.items()),
    )


def _families(scopes: Iterable[str]) -> dict[str, list[str]]:
    families: dict[str, list[str]] = {}
    for scope in sorted(scopes):
        family, _, access = scope.partition(":")
        families.setdefault(family, []).append(access)
    return families


def _source(texts: list[str]) -> str:
    """A tuple of ``texts`` as ``ruff format`` writes it."""
    quoted = ", ".join(f'"{text}"' for text in texts)
    return f"({quoted},)" if len(texts) == 1 else f"({quoted})"


def _operations_json(operations: Iterable[Operation]) -> str:
    lines = ",\n".join(
        json.dumps(
            {
                "method": operation.method,
                "path": operation.path,
                "operationId": operation.operation_id,
                "scopes": operation.scopes,
                "burst": operation.burst,
                "steady": operation.steady,
            }
        )
        for operation in operations
    )
    return f"[\n{lines}\n]\n"


def main(arguments: list[str] | None = None, *, root: Path = ROOT) -> int:
    """Write the generated files below ``root``, or only compare; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.generate", description="Write what the SDK and the code decide."
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 and name each stale file")
    check: bool = parser.parse_args(arguments).check
    try:
        files = generated_files()
    except (SdkFormError, DocumentationError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    stale = [path for path, text in files.items() if _text_of(root / path) != text]
    for path in stale:
        if check:
            sys.stderr.write(f"{path} is stale: run python -m tools.generate and commit what it writes.\n")
        else:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(files[path], "utf-8")
            sys.stdout.write(f"wrote {path}\n")
    return 1 if check and stale else 0


def _text_of(path: Path) -> str | None:
    return path.read_text("utf-8") if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
