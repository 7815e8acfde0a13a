"""What docs/ adds to the shipped access model is accepted, and means what the page says."""

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from klaviyo_access.access_model import AccessModel, AccessModelError

PROJECT = Path(__file__).parents[2]
READER = "services: {pages: {description: Shows people, role: profile-reader, needs: [profiles:read], reads: library}}"


def additions_of(page: str) -> list[str]:
    """The YAML blocks of a page that speak of the access model."""
    blocks = re.findall(r"^ *```yaml\n(.*?)^ *```", (PROJECT / "docs" / page).read_text("utf-8"), re.M | re.S)
    return [textwrap.dedent(block) for block in blocks if "klaviyo-access:" not in block]


ADDITIONS = additions_of("access-model.md")


def with_additions(path: Path, additions: list[str]) -> AccessModel:
    """The shipped model, with the entries of ``additions`` in it."""
    yaml = YAML()
    document: Any = yaml.load(PROJECT / "access.yaml")
    for addition in additions:
        for section, entries in yaml.load(addition).items():
            for name, entry in entries.items():
                document[section][name] = {**document[section].get(name, {}), **entry}
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


def test_what_other_pages_add_is_accepted_too(tmp_path: Path) -> None:
    oauth, sessions = additions_of("oauth.md"), additions_of("sessions.md")
    assert (len(oauth), len(sessions)) == (1, 1)
    access = with_additions(tmp_path / "access.yaml", [*oauth, *sessions, READER]).in_environment("prod")
    assert access.oauth_app
    assert access.oauth_app.service == "app-api"
    assert access.roles["profile-reader"].scopes == ("accounts:read", "profiles:read")
