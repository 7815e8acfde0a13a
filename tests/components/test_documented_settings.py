"""Settings that the pages show are accepted, and the organization's policies name the principals of those settings."""

import json
import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from components.principals import Principals
from components.settings import Settings, parse_settings
from klaviyo_access.access_model import AccessModel
from klaviyo_access.access_model.environment import PROJECT, Environment, read_config

FOLDER = Path(__file__).parents[2]
ELSEWHERE = ("accountId", "klaviyoAccountId")
BLOCKS = {
    f"{page.name} {number}": textwrap.dedent(text)
    for page in sorted((FOLDER / "docs").glob("*.md"))
    for number, text in enumerate(re.findall(r"^ *```yaml\n(.*?)^ *```", page.read_text("utf-8"), re.M | re.S), start=1)
    if f"{PROJECT}:" in text
}


def settings_of(config: Mapping[str, Any]) -> Settings:
    ours = {name.removeprefix(f"{PROJECT}:"): value for name, value in config.items() if name.startswith(PROJECT)}
    return parse_settings("prod", {name: value for name, value in ours.items() if name not in ELSEWHERE})


@pytest.mark.parametrize("block", BLOCKS)
def test_settings_that_a_page_shows_are_a_stack_that_could_be_built(block: str) -> None:
    shown = YAML(typ="safe").load(BLOCKS[block])
    shipped = read_config(FOLDER, "prod")
    config = shown.get("config") or {**shipped, **shown}
    services = {**shipped[f"{PROJECT}:services"], **config[f"{PROJECT}:services"]}
    settings = settings_of(config if "config" in shown else {**config, f"{PROJECT}:services": services})
    access = AccessModel.load(FOLDER / "access.yaml").in_environment("prod")
    assert Principals.of(Environment.of_config("prod", config, {}), settings, access).readers["event-tracker"]


def test_pages_show_settings() -> None:
    assert len(BLOCKS) > 6


def test_the_control_policy_names_the_operators_of_the_page() -> None:
    config = YAML(typ="safe").load(BLOCKS["going-to-production.md 1"])["config"]
    control = json.loads((FOLDER / "docs/policies/service-control-policy.json").read_text("utf-8"))
    (operators,) = (
        statement["Condition"]["ArnNotLike"]["aws:PrincipalArn"]
        for statement in control["Statement"]
        if statement["Sid"] == "BecomeAServiceNever"
    )
    assert [operators.replace("*", config[f"{PROJECT}:accountId"])] == list(settings_of(config).operators)
