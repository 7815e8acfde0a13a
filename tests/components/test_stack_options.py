"""What users of Pulumi do to a whole stack: two environments, a transform of every tag, autonaming, new names."""

from typing import Any

import pulumi

from sandbox.provider.resources import TABLE
from tests.components.recording import Build, Recorder, far, load_stack, whole

SECRET, KEY = "aws:secretsmanager/secret:Secret", "aws:kms/key:Key"


def add_tag(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
    """What a user writes who wants a tag on everything that takes tags."""
    if "tags" not in args.props:
        return None
    own: Any = args.props["tags"]
    return pulumi.ResourceTransformationResult({**args.props, "tags": {**own, "cost-centre": "42"}}, args.opts)


def test_a_transform_of_every_tag_reaches_every_resource_that_takes_tags(build: Build) -> None:
    def program() -> None:
        pulumi.runtime.register_stack_transformation(add_tag)
        whole("prod", settings=far("prod"))

    transformed = build(program)
    taggable = [it for it in transformed.resources if it.type in TABLE and TABLE[it.type].taggable]
    assert len(taggable) > 50
    assert {it.inputs["tags"]["cost-centre"] for it in taggable} == {"42"}
    assert {it.inputs["tags"]["owner"] for it in taggable} == {"platform"}


def test_a_watch_has_the_rules_that_it_had_under_its_former_type(build: Build) -> None:
    """Else Pulumi would delete them after it made them, under the same names, anew."""
    former: dict[str, list[object]] = {}

    def look(args: pulumi.ResourceTransformationArgs) -> None:
        if args.type_ == "klaviyo-access:index:FarWatch":
            former[args.name] = [one.type_ for one in args.opts.aliases or () if isinstance(one, pulumi.Alias)]

    def program() -> None:
        pulumi.runtime.register_stack_transformation(look)
        whole("prod", settings=far("prod"))

    build(program)
    names = ("klaviyo-watch-us-east-1", "klaviyo-watch-roles")
    assert former == {name: ["klaviyo-access:index:ReplicaWatch"] for name in names}


def test_every_name_is_given_so_that_autonaming_has_nothing_to_say(far_prod: Recorder) -> None:
    """Whatever `pulumi:autonaming` says, `verbatim` or `disabled`: no physical name follows from a logical one."""
    named = {kind: entry.auto_name.property for kind, entry in TABLE.items() if entry.auto_name}
    of_these = [it for it in far_prod.resources if it.type in named]
    assert len({it.type for it in of_these}) > 8
    assert [it.name for it in of_these if not it.inputs.get(named[it.type])] == []


def physical(recorder: Recorder) -> dict[tuple[str, str], Any]:
    return {(it.type, it.name): it.inputs.get("name") for it in recorder.resources if it.type in (SECRET, KEY)}


def test_two_environments_in_one_program_share_nothing(build: Build) -> None:
    def both() -> None:
        whole("dev", "blue", settings=far("dev"))
        whole("staging", "green", settings=far("staging"))

    recorder = build(both)
    identities = [(it.type, it.name) for it in recorder.resources]
    assert len(identities) == len(set(identities))
    regional = [
        (it.type, it.inputs["name"], it.inputs.get("region"))
        for it in recorder.resources
        if "name" in it.inputs and it.type != "aws:iam/rolePolicy:RolePolicy"
    ]
    assert len(regional) == len(set(regional))


def test_a_new_name_of_the_component_changes_no_secret_and_no_kms_key(build: Build) -> None:
    before = physical(build(lambda: whole("dev", "klaviyo") and None))
    after = physical(build(lambda: whole("dev", "something-else") and None))
    assert len(before) == 21
    assert before == after


def test_a_new_name_of_a_service_changes_no_secret(build: Build) -> None:
    facts = load_stack("dev")
    services = {name: platform for name, platform in facts.settings.services.items() if name != "app-api"}
    fewer = facts.settings.model_copy(update={"services": services})
    assert physical(build(lambda: whole("dev") and None)) == physical(
        build(lambda: whole("dev", settings=fewer) and None)
    )
