"""The catalog and the operations are what the installed SDK says, and a stale file is noticed."""

import json
from pathlib import Path

import pytest

from klaviyo_access.access_model.catalog import BETA_SCOPES, FAMILIES, GA_SCOPES
from tools.generate import CATALOG, OPERATIONS, generated_files, main

ROOT = Path(__file__).parents[2]


def test_the_generated_files_are_up_to_date() -> None:
    generated = generated_files()

    assert {path: (ROOT / path).read_text("utf-8") for path in generated} == generated


def test_the_catalog_has_every_scope_of_every_operation() -> None:
    operations = json.loads((ROOT / OPERATIONS).read_text("utf-8"))

    assert {scope for operation in operations for scope in operation["scopes"]} == set(GA_SCOPES)
    assert len(GA_SCOPES) == 53
    assert set(GA_SCOPES).isdisjoint(BETA_SCOPES)


def test_families_offer_what_the_scopes_say() -> None:
    assert {f"{family}:{access}" for family, offers in FAMILIES.items() for access in offers} == {
        *GA_SCOPES,
        *BETA_SCOPES,
    }
    assert [family for family, offers in FAMILIES.items() if offers == ("read",)] == [
        "accounts",
        "applications",
        "usage",
    ]
    assert [family for family, offers in FAMILIES.items() if offers == ("write",)] == ["data-privacy"]


def test_an_operation_has_method_path_scopes_and_limits() -> None:
    lines = (ROOT / OPERATIONS).read_text("utf-8").splitlines()

    assert (
        '{"method": "POST", "path": "/api/data-privacy-deletion-jobs", "operationId": "request_profile_deletion", '
        '"scopes": ["data-privacy:write"], "burst": "3/s", "steady": "60/m"},' in lines
    )
    assert len(lines) == len(json.loads("".join(lines))) + 2


def test_operations_are_sorted_and_each_stands_once() -> None:
    places = [(row["path"], row["method"]) for row in json.loads((ROOT / OPERATIONS).read_text("utf-8"))]

    assert places == sorted(set(places))


def test_a_check_names_each_stale_file_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], root=tmp_path) == 0
    assert main(["--check"], root=tmp_path) == 0
    assert (tmp_path / CATALOG).read_text("utf-8") == (ROOT / CATALOG).read_text("utf-8")
    (tmp_path / OPERATIONS).write_text("[]\n", "utf-8")
    (tmp_path / CATALOG).unlink()
    capsys.readouterr()

    assert main(["--check"], root=tmp_path) == 1

    assert capsys.readouterr().err.splitlines() == [
        "klaviyo_access/access_model/catalog.py is stale: run python -m tools.generate and commit what it writes.",
        "klaviyo_access/klaviyo/operations.json is stale: run python -m tools.generate and commit what it writes.",
    ]
    assert (tmp_path / OPERATIONS).read_text("utf-8") == "[]\n"
    assert not (tmp_path / CATALOG).exists()
