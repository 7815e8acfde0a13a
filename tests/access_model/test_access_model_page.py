"""docs/access-model.md: what it adds to the shipped access model is accepted, and means what the page says."""

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from klaviyo_access.access_model import AccessModel, AccessModelError

PROJECT = Path(__file__).parents[2]
ADDITIONS = re.findall(r"```yaml\n(.*?)```", (PROJECT / "docs/access-model.md").read_text("utf-8"), re.DOTALL)


def with_additions(path: Path, additions: list[str]) -> AccessModel:
    """The shipped model, with the entries of ``additions`` in it."""
    yaml = YAML()
    document: Any = yaml.load(PROJECT / "access.yaml")
    for addition in additions:
        for section, entries in yaml.load(addition).items():
            document[section].update(entries)
    yaml.dump(document, path)
    return AccessModel.load(path)


def test_what_the_page_adds_is_accepted(tmp_path: Path) -> None:
    model = with_additions(tmp_path / "access.yaml", ADDITIONS)
    support = model.in_environment("prod").roles["support"]
    assert support.scopes == ("accounts:read", "profiles:read", "templates:read")
    assert support.taken_away == ("events:read",)
    assert support.services == ("help-desk",)
    assert model.in_environment("qa").roles["event-tracker"].taken_away == ("profiles:write",)
    assert {"erasing-at-night", "denied-burst"} <= set(model.suspicious)


def test_a_role_that_no_service_reads_and_excess_without_a_reason_are_refused(tmp_path: Path) -> None:
    (role,) = (addition for addition in ADDITIONS if addition.startswith("roles:"))
    alone = role.partition("services:")[0]
    unexplained = re.sub(r"    reasons:\n.*\n", "", role)
    for wrong, rule in ((alone, "Every role is read by a service"), (unexplained, "has a reason")):
        with pytest.raises(AccessModelError, match=rule):
            with_additions(tmp_path / "access.yaml", [*ADDITIONS[:1], wrong])
