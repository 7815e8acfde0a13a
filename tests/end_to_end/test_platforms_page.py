"""docs/platforms.md: each example is held against the program's outputs, and a service runs with what it hands over."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from components.snippets import dotenv, external_secret
from klaviyo_access.access_model.environment import PROJECT as OURS
from klaviyo_access.access_model.environment import Environment, read_config
from tests.end_to_end.deployed import PROJECT, Deployed
from tests.end_to_end.kubernetes import manifests, mounted, pod_of

PAGE = (PROJECT / "docs/platforms.md").read_text("utf-8")
PROD = Environment.of_config("prod", read_config(PROJECT, "prod"), {})
FROM_THE_PLATFORM = {"AWS_REGION": "us-east-1"}  # what Lambda sets by itself
USE = "from klaviyo_access.klaviyo import session_for_role as s; print(s('{role}').Accounts.get_accounts().data[0].id)"


def blocks(heading: str, language: str) -> list[str]:
    """The fenced blocks below a heading of the page."""
    (section,) = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    return re.findall(rf"^```{language}\n(.*?)^```", section, re.MULTILINE | re.DOTALL)


def block(heading: str, language: str) -> str:
    """The last block below a heading."""
    return blocks(heading, language)[-1]


def on_the_sandbox(text: str) -> str:
    """An example of `prod` with the sandbox's account, region and environment in it."""
    return re.sub(r"\bprod\b", "local", text.replace(PROD.account_id, "0" * 12).replace(PROD.region, "us-east-1"))


def container(heading: str) -> Mapping[str, Any]:
    """The one container of an ECS task definition."""
    (only,) = json.loads(on_the_sandbox(block(heading, "json")))["containerDefinitions"]
    return only  # type: ignore[no-any-return] # JSON


def variables(listed: list[Mapping[str, str]]) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in listed}


def as_dict(lines: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in lines.splitlines())


def yaml(heading: str) -> Any:
    return YAML(typ="safe").load(on_the_sandbox(block(heading, "yaml")))


# By the page's headings: the service, its role, and the environment that the example gives its process.
FETCHING: dict[str, tuple[str, str, dict[str, str]]] = {
    "ECS, the service fetches its key": (
        "profile-sync",
        "profile-sync",
        variables(container("ECS, the service fetches its key")["environment"]),
    ),
    "Lambda": (
        "event-tracker",
        "event-tracker",
        FROM_THE_PLATFORM | yaml("Lambda")["Resources"]["EventTracker"]["Properties"]["Environment"]["Variables"],
    ),
    "EC2": ("app-api", "marketer", yaml("EC2")["services"]["app-api"]["environment"]),
    "EKS, Pod Identity": (
        "reporting",
        "reporting",
        variables(
            pod_of(manifests(on_the_sandbox(block("EKS, Pod Identity", "yaml"))))["containers"][0]["env"],
        ),
    ),
}


def service_role(service: str) -> str:
    return f"arn:aws:iam::{PROD.account_id}:role/klaviyo/prod/klaviyo-prod-{service}"


@pytest.mark.end_to_end
def test_an_example_names_the_role_that_the_program_makes(deployed: Deployed) -> None:
    made = json.loads(deployed.run("-m", "sandbox.engine", "output", "--stack", "local", "--json").stdout)
    shown = set(re.findall(r"arn:aws:iam::\d+:role/klaviyo/\S+?(?=[\",\s])", PAGE))
    assert {on_the_sandbox(arn) for arn in shown} <= set(made["serviceRoleArns"].values())
    tasks = [json.loads(block(heading, "json")) for heading in re.findall(r"^## (ECS, .*)", PAGE, re.MULTILINE)]
    assert [task.get("taskRoleArn") for task in tasks] == [service_role("profile-sync"), None]
    assert [task.get("executionRoleArn") for task in tasks] == [None, service_role("admin-console")]


@pytest.mark.parametrize("heading", FETCHING)
def test_an_example_sets_what_the_programs_snippet_sets(heading: str) -> None:
    _, role, environ = FETCHING[heading]
    local = PROD.model_copy(update={"name": "local", "region": "us-east-1"})
    expected = as_dict(dotenv(local, role))
    if heading == "EC2":  # a service of several roles names one in code
        del expected["KLAVIYO_ACCESS_ROLE"]
    assert environ == expected


@pytest.mark.end_to_end
@pytest.mark.parametrize("heading", FETCHING)
def test_a_service_works_with_what_its_platform_hands_over(deployed: Deployed, heading: str) -> None:
    service, role, environ = FETCHING[heading]
    credentials = {name: value for name, value in deployed.as_service(service).items() if name.startswith("AWS_")}
    assert use(deployed, role, credentials | environ)


def use(deployed: Deployed, role: str, environ: Mapping[str, str]) -> str:
    """What Klaviyo answers a service with this environment and no other."""
    klaviyo = {"KLAVIYO_URL": deployed.signed_in("operator")["KLAVIYO_URL"]}
    done = deployed.run("-c", USE.format(role=role), environ={**klaviyo, **environ})
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def secret_of(deployed: Deployed, service: str, name: str) -> dict[str, str]:
    """The fields of a secret, and ``whole``, as whoever acts for the service reads it."""
    client = deployed.client("secretsmanager", deployed.as_service(service))
    text = client.get_secret_value(SecretId=name)["SecretString"]
    return {**json.loads(text), "whole": text}


@pytest.mark.end_to_end
def test_ecs_injects_the_key_into_a_task_that_may_read_nothing(deployed: Deployed) -> None:
    task = container("ECS, the platform injects the key")
    (injected,) = task["secrets"]
    arn, field = re.fullmatch(r"(.+-)AbCdEf:(\w+)::", injected["valueFrom"]).groups()  # type: ignore[union-attr] # as shown
    name = arn.partition(":secret:")[2].removesuffix("-")
    key = secret_of(deployed, "admin-console", name)[field]
    assert use(deployed, "admin", variables(task["environment"]) | {injected["name"]: key})
    made = json.loads(deployed.run("-m", "sandbox.engine", "output", "--stack", "local", "--json").stdout)
    assert made["keyArns"]["admin"][:-6] == arn
    shown = json.loads(made["snippets"]["admin"]["ecs"])
    assert injected | {"valueFrom": f"{made['keyArns']['admin']}:{field}::"} == shown


@pytest.mark.end_to_end
@pytest.mark.parametrize("heading", ["External Secrets Operator", "Secrets Store CSI driver"])
def test_a_pod_works_with_the_file_that_is_mounted(deployed: Deployed, tmp_path: Path, heading: str) -> None:
    documents = manifests(on_the_sandbox(block(heading, "yaml")))
    environ = variables(pod_of(documents)["containers"][0]["env"])
    ((path, content),) = mounted(documents, lambda name: secret_of(deployed, "reporting", name)).items()
    assert environ["KLAVIYO_ACCESS_KEY_FILE"] == path
    (tmp_path / "key").write_text(content)
    assert use(deployed, "reporting", environ | {"KLAVIYO_ACCESS_KEY_FILE": str(tmp_path / "key")})


def test_the_external_secret_is_the_programs_snippet() -> None:
    assert external_secret(PROD, "reporting") in block("External Secrets Operator", "yaml")


FRAGMENTS = [text for text in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL) if OURS in text]


def test_settings_in_the_text_are_those_of_the_shipped_stack() -> None:
    named = [YAML(typ="safe").load(text) for text in re.findall(r"Settings: `([^`]+)`", PAGE)]
    assert len(named) == 4
    shipped = read_config(PROJECT, "prod")[f"{OURS}:services"]
    assert {service: where for entry in named for service, where in entry.items()}.items() <= shipped.items()
    pod = YAML(typ="safe").load(FRAGMENTS[0])[f"{OURS}:services"]["reporting"]
    account = manifests(block("EKS, Pod Identity", "yaml"))["ServiceAccount"]["metadata"]
    assert pod == shipped["reporting"]
    assert account == {"name": pod["serviceAccount"], "namespace": pod["namespace"]}
