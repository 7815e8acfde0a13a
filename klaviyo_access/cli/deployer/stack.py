"""A rendered stack as the deployer's policy sees it: what its resources are called in ARNs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from klaviyo_access.cli.errors import UsageError
from klaviyo_access.cli.rendering import Resource

ASSOCIATION: Final = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
BUCKET: Final = "aws:s3/bucket:Bucket"
EVENT_TARGET: Final = "aws:cloudwatch/eventTarget:EventTarget"
FUNCTION: Final = "aws:lambda/function:Function"
KEY: Final = "aws:kms/key:Key"
PROFILE: Final = "aws:iam/instanceProfile:InstanceProfile"
ROLE: Final = "aws:iam/role:Role"
ROLE_POLICY: Final = "aws:iam/rolePolicy:RolePolicy"
SCHEDULE: Final = "aws:scheduler/schedule:Schedule"
SECRET: Final = "aws:secretsmanager/secret:Secret"  # noqa: S105 - a type's name
TOPIC: Final = "aws:sns/topic:Topic"
TRAIL: Final = "aws:cloudtrail/trail:Trail"

TAGS: Final = ("environment", "managed-by")
"""The tags by which the stack's KMS keys are told from others: a key has no name."""

PASSED: Final[Mapping[str, tuple[str, str]]] = {
    TRAIL: ("cloudWatchLogsRoleArn", "cloudtrail.amazonaws.com"),
    ASSOCIATION: ("roleArn", "pods.eks.amazonaws.com"),
    PROFILE: ("role", "ec2.amazonaws.com"),
    FUNCTION: ("role", "lambda.amazonaws.com"),
    SCHEDULE: ("target", "scheduler.amazonaws.com"),
    EVENT_TARGET: ("roleArn", "events.amazonaws.com"),
}
"""Which argument of which type hands a role to which service: only so may a role be passed."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """The stack as the rules see it.

    Attributes:
        resources: AWS's resources of the stack.
        partition: as in ``aws``.
        region: where the stack is.
        account: 12 digits.
        deployers: ARNs of the IAM roles and users that deploy it.
        principals: ARNs of all whom its settings name, the deployers among them.
        marks: what every name of the stack starts with; where given, ARNs end there in ``*``, so that the policy
            holds for roles and services that access.yaml gains later.
    """

    resources: Sequence[Resource]
    partition: str
    region: str
    account: str
    deployers: Sequence[str]
    principals: Sequence[str] = ()
    marks: Sequence[str] = ()

    def of(self, kind: str) -> list[Resource]:
        """The stack's own resources of a type."""
        return [resource for resource in self.resources if resource.type == kind and not resource.external]

    @property
    def read_only(self) -> list[Resource]:
        """The resources that the stack reads and does not manage."""
        return [resource for resource in self.resources if resource.external]

    @property
    def key_regions(self) -> list[str]:
        """The regions that the stack has KMS keys in."""
        return sorted({key.inputs.get("region", self.region) for key in self.of(KEY)} or {self.region})

    def arns(self, kind: str, service: str, pattern: str, *, regional: bool = True) -> list[str]:
        """ARNs of a type's resources; ``pattern`` makes the last part of one out of the resource's arguments."""
        account = "" if service == "s3" else self.account
        return self.widened(
            f"arn:{self.partition}:{service}:{one.inputs.get('region', self.region) if regional else ''}:{account}:"
            f"{pattern.format(**one.inputs)}"
            for one in self.of(kind)
        )

    def widened(self, arns: Iterable[str]) -> list[str]:
        """The ARNs, each once and cut off after the first mark that it holds, if any."""
        return sorted(
            {next((f"{arn.partition(mark)[0]}{mark}*" for mark in self.marks if mark in arn), arn) for arn in arns}
        )

    @cached_property
    def role_arns(self) -> Mapping[str, str]:
        """ARN of each of the stack's roles by URN."""
        start = f"arn:{self.partition}:iam::{self.account}:role"
        return {role.urn: f"{start}{role.inputs.get('path', '/')}{role.inputs['name']}" for role in self.of(ROLE)}

    @property
    def given_roles(self) -> list[str]:
        """Names of the roles that the stack writes a policy into and does not make."""
        own = {role.inputs["name"] for role in self.of(ROLE)}
        given = (one.inputs.get("role") for one in self.of(ROLE_POLICY) if not one.refers_to.get("role"))
        return sorted({str(name) for name in given if name and name not in own})

    def passed(self, kind: str) -> list[str]:
        """ARNs of the roles that resources of a type hand on: the stack's own, or one that exists already."""
        name, arns = PASSED[kind][0], set[str]()
        for resource in self.of(kind):
            own = [self.role_arns[urn] for urn in resource.refers_to.get(name, ()) if urn in self.role_arns]
            given = str(resource.inputs.get(name, ""))
            arns.update(own or ([given] if given.startswith("arn:") else []))
        return self.widened(arns)

    @property
    def key_tags(self) -> Mapping[str, str]:
        """The tags that all of the stack's KMS keys have.

        Raises:
            UsageError: a key lacks one of them, or two keys differ.
        """
        found = [{tag: key.inputs.get("tags", {}).get(tag) for tag in TAGS} for key in self.of(KEY)]
        if not all(tags == found[0] and all(tags.values()) for tags in found):
            raise UsageError(
                f"The policy tells this stack's KMS keys from others by their tags {' and '.join(TAGS)}, which each "
                f"key must have with one value; rendered: {found}.",
                cure="Let no transform of the program remove or change these tags.",
            )
        return {tag: str(value) for tag, value in found[0].items()} if found else {}
