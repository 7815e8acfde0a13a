"""The project's own stacks, rendered without any sandbox."""

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.provider.schema import declared_inputs
from sandbox.provider.wire import UNKNOWNS
from sandbox.render import main, render

CHECKOUT = Path(__file__).resolve().parents[2]
STACKS = ("local", "dev", "staging", "prod")
Resources = list[dict[str, Any]]


@pytest.fixture(scope="module", params=STACKS)
def resources(request: pytest.FixtureRequest) -> Resources:
    rendered: Resources = render(request.param, project_dir=CHECKOUT)["deployment"]["resources"]
    return rendered


def test_every_stack_renders_with_properties_that_pulumi_aws_declares(resources: Resources) -> None:
    provided = [resource for resource in resources if resource["type"].startswith("aws:")]
    assert len(provided) > 100
    for resource in provided:
        assert set(resource["inputs"]) <= declared_inputs(resource["type"])


def test_nothing_of_a_rendering_is_unknown(resources: Resources) -> None:
    text = json.dumps(resources)
    assert not any(unknown in text for unknown in UNKNOWNS)


def test_whatever_a_resource_needs_comes_before_it(resources: Resources) -> None:
    seen: set[str] = set()
    for resource in resources:
        needed = {*resource.get("dependencies", []), resource.get("parent", "")} - {""}
        assert needed <= seen
        seen.add(resource["urn"])


def test_arns_look_as_aws_makes_them(resources: Resources) -> None:
    secrets = [each["outputs"]["arn"] for each in resources if each["type"] == "aws:secretsmanager/secret:Secret"]
    assert len(secrets) == 18
    policies = json.dumps([each["inputs"] for each in resources if each["type"] == "aws:iam/rolePolicy:RolePolicy"])
    for arn in secrets:
        assert len(arn.rpartition("-")[2]) == 6
        assert arn in policies


def test_a_stack_renders_to_the_same_text_every_time(capsys: pytest.CaptureFixture[str]) -> None:
    texts = []
    for _ in range(2):
        assert main("prod", as_json=True, project_dir=CHECKOUT) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]


def test_without_json_each_resource_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("dev", as_json=False, project_dir=CHECKOUT) == 0
    assert "aws:cloudtrail/trail:Trail  klaviyo-audit-trail  arn:aws:cloudtrail:" in capsys.readouterr().out


def test_an_unknown_stack_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("nowhere", as_json=True, project_dir=CHECKOUT) == 2
    assert "There is no stack 'nowhere'" in capsys.readouterr().err


def test_a_program_that_refuses_its_settings_is_told_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: small\n")
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  aws:region: us-east-1\n")
    (tmp_path / "__main__.py").write_text("import pulumi\nraise pulumi.RunError('no such setting')\n")
    assert main("dev", as_json=True, project_dir=tmp_path) == 1
    assert capsys.readouterr().err == "no such setting\n"


@pytest.mark.parametrize("deployers", ["arn:aws:iam::111111111111:role/ci/one", "5", "[5]", "{a: b}", "[]"])
def test_deployers_that_are_no_list_of_arns_are_refused_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], deployers: str
) -> None:
    for part in CHECKOUT.iterdir():
        if part.name != "Pulumi.dev.yaml" and not part.name.startswith("."):
            (tmp_path / part.name).symlink_to(part)
    (given,) = [line for line in (CHECKOUT / "Pulumi.dev.yaml").read_text().splitlines() if "access:deployers" in line]
    settings = (CHECKOUT / "Pulumi.dev.yaml").read_text().replace(given, f"  klaviyo-access:deployers: {deployers}")
    (tmp_path / "Pulumi.dev.yaml").write_text(settings)
    assert main("dev", as_json=True, project_dir=tmp_path) == 1
    (_, said) = capsys.readouterr().err.strip().splitlines()
    assert said.startswith("  klaviyo-access:deployers")
    assert all(part in said for part in (" must ", "because", "given: ", "Fix: "))
