"""The embedded engine on small programs: what `engine_scenarios`, which the CLI answers too, has no words for."""

import json
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.engine_scenarios import NAMELESS, TWO
from tests.sandbox.running_sandbox import Sandbox
from tests.sandbox.stack_bench import Stack, make_stack


@pytest.fixture
def stack(
    tmp_path: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Stack:
    return make_stack(tmp_path, sandbox, capsys, monkeypatch)


def test_a_preview_says_what_up_would_do_and_does_nothing(stack: Stack) -> None:
    assert stack.run("preview", TWO).summary == {"created": 2}
    assert not stack.role_exists("a")
    stack.run("up")
    changed = TWO.replace('role("a")', 'role("a", path="/other/")')
    assert stack.run("preview", changed).steps("replaced") == ["a", "b"]
    assert stack.run("preview", "role('c')").summary == {"created": 1, "deleted": 2}
    assert stack.run("up", TWO).summary == {"unchanged": 2}


def test_a_changed_input_updates_in_place(stack: Stack) -> None:
    stack.run("up", TWO)
    changed = TWO.replace('role("a")', 'role("a", description="new", tags={"team": "x"})')
    assert stack.run("up", changed).summary == {"updated": 1, "unchanged": 1}
    role = stack.sandbox.client("iam").get_role(RoleName=f"{stack.name}-a")["Role"]
    assert (role["Description"], role["Tags"]) == ("new", [{"Key": "team", "Value": "x"}])
    assert stack.run("up").summary == {"unchanged": 2}


def test_a_resource_with_a_name_of_its_own_is_removed_before_its_replacement_and_its_dependents_with_it(
    stack: Stack,
) -> None:
    stack.run("up", TWO)
    run = stack.run("up", TWO.replace('role("a")', 'role("a", path="/other/")'))
    assert (run.code, run.summary, run.steps("replaced")) == (0, {"replaced": 2}, ["a", "b"])
    assert run.outputs["arn"].endswith(f"role/other/{stack.name}-a")
    assert stack.sandbox.client("iam").list_role_policies(RoleName=f"{stack.name}-a")["PolicyNames"] == ["grant"]
    assert stack.run("up").summary == {"unchanged": 2}


def test_a_resource_that_the_engine_named_is_replaced_before_it_is_removed(stack: Stack) -> None:
    before = stack.run("up", NAMELESS).outputs["name"]
    run = stack.run("up", NAMELESS.replace("/one/", "/two/"))
    assert [(step["outcome"], step["id"]) for step in run.document["steps"]] == [("replaced", run.outputs["name"])]
    assert before.startswith("a-")
    assert run.outputs["name"] != before
    with pytest.raises(ClientError, match="NoSuchEntity"):
        stack.sandbox.client("iam").get_role(RoleName=before)


def test_what_the_program_no_longer_has_is_removed_last(stack: Stack) -> None:
    stack.run("up", TWO)
    run = stack.run("up", 'role("c")')
    assert [step["outcome"] for step in run.document["steps"]] == ["created", "deleted", "deleted"]
    assert (stack.role_exists("a"), stack.role_exists("c")) == (False, True)


def test_ignored_changes_are_not_made(stack: Stack) -> None:
    program = 'role("a", description="one", tags={"x": "1"}, opts=ResourceOptions(ignore_changes=["description"]))'
    stack.run("up", program)
    assert stack.run("up", program.replace("one", "two")).summary == {"unchanged": 1}
    assert stack.run("up", program.replace('"1"', '"2"')).summary == {"updated": 1}


def test_a_program_that_fails_is_told_with_its_line_and_no_traceback(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    run = stack.run("up", 'role("a")\nraise KeyError("colour")')
    assert run.code == 1
    assert "__main__.py:" in run.failures
    assert "KeyError: 'colour'" in run.failures
    assert "Traceback" not in capsys.readouterr().err


def test_components_parent_their_children_and_a_renamed_one_keeps_them_by_its_alias(stack: Stack) -> None:
    program = """
class Pair(ComponentResource):
    def __init__(self, name, opts=None):
        super().__init__("test:index:Pair", name, None, opts)
        self.role = aws.iam.Role(
            f"{name}-role", name=f"{NAME}-pair", assume_role_policy=TRUST, opts=ResourceOptions(parent=self)
        )
        self.register_outputs({"arn": self.role.arn})

pair = Pair("old")
"""
    assert stack.run("up", program).summary == {"created": 2}
    deployment = json.loads(stack.state.read_text())["deployment"]
    urns = {resource["type"]: resource for resource in deployment["resources"]}
    assert urns["aws:iam/role:Role"]["urn"].endswith("::test:index:Pair$aws:iam/role:Role::old-role")
    assert urns["aws:iam/role:Role"]["parent"] == urns["test:index:Pair"]["urn"]
    assert urns["test:index:Pair"]["outputs"] == {"arn": f"arn:aws:iam::000000000000:role/{stack.name}-pair"}
    renamed = program.replace('Pair("old")', 'Pair("new", ResourceOptions(aliases=[pulumi.Alias(name="old")]))')
    assert stack.run("up", renamed).summary == {"unchanged": 2}
    assert stack.run("destroy").summary == {"deleted": 2}


def test_an_explicit_provider_has_its_own_region_and_tags(stack: Stack) -> None:
    program = """
other = aws.Provider("other", region="eu-west-1", default_tags={"tags": {"from": "provider"}})
log = aws.cloudwatch.LogGroup("log", name=f"/{NAME}", tags={"own": "1"}, opts=ResourceOptions(provider=other))
pulumi.export("arn", log.arn)
pulumi.export("tags", log.tags_all)
"""
    run = stack.run("up", program)
    assert run.outputs["arn"] == f"arn:aws:logs:eu-west-1:000000000000:log-group:/{stack.name}"
    assert run.outputs["tags"] == {"from": "provider", "own": "1"}
    retagged = stack.run("up", program.replace('"from": "provider"', '"from": "elsewhere"'))
    assert retagged.steps("updated") == ["log"]
    assert retagged.outputs["tags"] == {"from": "elsewhere", "own": "1"}
    moved = stack.run("up", program.replace("eu-west-1", "us-west-2"))
    assert (moved.code, moved.steps("replaced")) == (0, ["log"])
    assert stack.run("destroy").code == 0


def test_configuration_reaches_the_program_as_pulumi_hands_it_out(stack: Stack) -> None:
    stack.write(
        'config = pulumi.Config()\npulumi.export("all", [config.require_int("size"), config.require_bool("on"), '
        'config.require_object("map"), pulumi.Config("other").require("key")])\n',
        f"aws:region: us-east-1\n  {stack.name}:size: 3\n  on: true\n  map: {{list: [a, 1]}}\n  other:key: x",
    )
    assert stack.run("up").outputs["all"] == [3, True, {"list": ["a", 1]}, "x"]
