"""What a deployment must come to, told once for both drivers: each scenario is a table of commands and answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

TWO = """
a = role("a")
b = grant("b", a)
pulumi.export("arn", a.arn)
"""
NAMELESS = 'a = aws.iam.Role("a", assume_role_policy=TRUST, path="/one/")\npulumi.export("name", a.name)\n'
BROKEN = TWO + 'aws.iam.RolePolicy("c", role="nobody", policy="{}", opts=ResourceOptions(depends_on=[b]))\n'
PROTECTED = 'role("a", opts=ResourceOptions(protect=True))'
READ = 'a = aws.iam.Role.get("a", f"{NAME}-a")\ngrant("b", a)\npulumi.export("arn", a.arn)\n'
IMPORTED = 'role("a", opts=ResourceOptions(import_=f"{NAME}-a"))'
KEPT_IMPORT = 'role("a", opts=ResourceOptions(import_=f"{NAME}-a", protect=True))'
OTHER = 'aws.iam.Role("a", name=f"{NAME}-b", assume_role_policy=TRUST, opts=ResourceOptions(protect=True))'
REFUSED = """
try:
    aws.lambda_.get_function(function_name="nobody")
except Exception as error:
    pulumi.export("said", "not found" if "ResourceNotFoundException" in str(error) else str(error))
role("a")
"""
TAGGED = """
def tag(args):
    if args.type_ == "aws:iam/role:Role":
        args.props["tags"] = {**(args.props.get("tags") or {}), "team": "one"}
    return pulumi.ResourceTransformResult(args.props, args.opts)

pulumi.runtime.register_resource_transform(tag)
a = role("a", tags={"own": "1"}, opts=ResourceOptions(protect=False, aliases=[pulumi.Alias(name="before")]))
b = grant("b", a, opts=ResourceOptions(depends_on=[a]))
pulumi.export("tags", a.tags_all)
"""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One command, and what it must come to.

    Attributes:
        by_hand: what somebody does first: boto3's method of IAM on the role ``<project>-a``, with its parameters.
        program: written before the command; empty: the one before.
        config: a line of the stack's configuration.
        command: Pulumi's.
        summary: how many resources of each outcome; None where the command fails.
        names: names by outcome, in their order.
        outputs: what the stack then gives, with ``{name}`` for the project.
        says: what a failure says.
    """

    by_hand: tuple[str, Mapping[str, Any]] | None = None
    program: str = ""
    config: str = ""
    command: str = "up"
    summary: Mapping[str, int] | None = None
    names: Mapping[str, list[str]] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    says: str = ""


UNCHANGED: Final = Step(summary={"unchanged": 2})

SCENARIOS: Final[Mapping[str, tuple[Step, ...]]] = {
    "up, up again and destroy in reverse": (
        Step(program=TWO, summary={"created": 2}, outputs={"arn": "arn:aws:iam::000000000000:role/{name}-a"}),
        UNCHANGED,
        Step(command="destroy", summary={"deleted": 2}, names={"deleted": ["b", "a"]}),
    ),
    "an update in place": (
        Step(program=TWO, summary={"created": 2}),
        Step(program=TWO.replace('role("a")', 'role("a", description="new")'), summary={"updated": 1, "unchanged": 1}),
        UNCHANGED,
    ),
    "a replacement that makes way first, and takes along what needs it": (
        Step(program=TWO, summary={"created": 2}),
        Step(program=TWO.replace('role("a")', 'role("a", path="/other/")'), summary={"replaced": 2}),
        UNCHANGED,
    ),
    "a replacement that is made before the old one goes": (
        Step(program=NAMELESS, summary={"created": 1}),
        Step(program=NAMELESS.replace("/one/", "/two/"), summary={"replaced": 1}),
        Step(summary={"unchanged": 1}),
    ),
    "a drift that refresh finds and up mends": (
        Step(program=TWO, summary={"created": 2}),
        Step(by_hand=("update_role", {"Description": "by hand"}), summary={"unchanged": 2}),
        Step(command="refresh", summary={"updated": 1, "unchanged": 1}),
        Step(summary={"updated": 1, "unchanged": 1}),
        Step(command="refresh", summary={"unchanged": 2}),
    ),
    "something removed by hand that refresh misses and up makes again": (
        Step(program=TWO, summary={"created": 2}),
        Step(
            by_hand=("delete_role_policy", {"PolicyName": "grant"}),
            command="refresh",
            summary={"deleted": 1, "unchanged": 1},
        ),
        Step(summary={"created": 1, "unchanged": 1}),
    ),
    "an import": (
        Step(program="pass", by_hand=("create_role", {"AssumeRolePolicyDocument": "{trust}"}), summary={}),
        Step(program=IMPORTED.replace("NAME}-a", "NAME}-nobody"), says="not exist"),
        Step(program=IMPORTED.replace('"a",', '"a", path="/other/",'), says="replace"),
        Step(program=IMPORTED, summary={"unchanged": 1}),
        Step(program='role("a")', summary={"unchanged": 1}),
        Step(command="destroy", summary={"deleted": 1}),
    ),
    "an import of something that differs": (
        Step(program="pass", by_hand=("create_role", {"AssumeRolePolicyDocument": "{trust}"}), summary={}),
        Step(program=IMPORTED.replace('"a",', '"a", description="new",'), summary={"imported": 1, "updated": 1}),
        Step(program='role("a", description="new")', summary={"unchanged": 1}),
    ),
    "an import that takes the place of what is on record, even where that is protected": (
        Step(program=OTHER, by_hand=("create_role", {"AssumeRolePolicyDocument": "{trust}"}), summary={"created": 1}),
        Step(program=KEPT_IMPORT, command="preview", names={"replaced": ["a"]}),
        Step(program=KEPT_IMPORT, summary={"replaced": 1}),
        Step(program=KEPT_IMPORT, summary={"unchanged": 1}),
        Step(program='role("a")\nrole("b")', summary={"created": 1, "unchanged": 1}),
    ),
    "an import that takes the place of what is on record, and differs": (
        Step(program=OTHER, by_hand=("create_role", {"AssumeRolePolicyDocument": "{trust}"}), summary={"created": 1}),
        Step(program=IMPORTED.replace('"a",', '"a", description="new",'), summary={"replaced": 1, "updated": 1}),
        Step(program='role("a", description="new")', summary={"unchanged": 1}),
    ),
    "somebody else's role, which is looked at and never removed": (
        Step(program="pass", by_hand=("create_role", {"AssumeRolePolicyDocument": "{trust}"}), summary={}),
        Step(program=READ, summary={"created": 1}, outputs={"arn": "arn:aws:iam::000000000000:role/{name}-a"}),
        Step(summary={"unchanged": 1}),
        Step(command="destroy", summary={"deleted": 1}),
        Step(program=IMPORTED, summary={"imported": 1}),
        Step(command="destroy", summary={"deleted": 1}),
    ),
    "a failure half way, and a run that goes on from there": (
        Step(program=BROKEN, names={"created": ["a", "b"]}, says="PutRolePolicy was refused with NoSuchEntity"),
        Step(program=TWO + 'role("c")', summary={"created": 1, "unchanged": 2}),
    ),
    "nothing removed after a failure": (
        Step(program=TWO, summary={"created": 2}),
        Step(program='aws.iam.RolePolicy("c", role="nobody", policy="{}")', names={"deleted": []}, says="NoSuchEntity"),
        Step(program=TWO, summary={"unchanged": 2}),
    ),
    "a protected resource": (
        Step(program=PROTECTED, summary={"created": 1}),
        Step(command="destroy", says="rotect"),
        Step(program="pass", says="rotect"),
        Step(program=PROTECTED.replace('"a",', '"a", path="/x/",'), says="rotect"),
        Step(program='role("a")', summary={"unchanged": 1}),
        Step(command="destroy", summary={"deleted": 1}),
    ),
    "verbatim names": (
        Step(
            program='a = aws.iam.Role(NAME, assume_role_policy=TRUST)\npulumi.export("name", a.name)',
            config="pulumi:autonaming: {mode: verbatim}",
            summary={"created": 1},
            outputs={"name": "{name}"},
        ),
        Step(
            program='a = aws.iam.Role(NAME, assume_role_policy=TRUST, path="/x/")\npulumi.export("name", a.name)',
            config="pulumi:autonaming: {mode: verbatim}",
            summary={"replaced": 1},
            outputs={"name": "{name}"},
        ),
    ),
    "no names but the program's": (
        Step(program=NAMELESS, config="pulumi:autonaming: {mode: disabled}", says="automatic naming is disabled"),
        Step(program=TWO, config="pulumi:autonaming: {mode: disabled}", summary={"created": 2}),
    ),
    "tags that a stack-wide transform adds": (
        Step(program=TAGGED, summary={"created": 2}, outputs={"tags": {"own": "1", "team": "one"}}),
        UNCHANGED,
        Step(program=TAGGED.replace('"one"', '"two"'), summary={"updated": 1, "unchanged": 1}),
    ),
    "a look-up that AWS refuses, without which the program goes on": (
        Step(program=REFUSED, summary={"created": 1}, outputs={"said": "not found"}),
    ),
}
