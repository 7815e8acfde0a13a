"""Whether each IAM role is there, can be taken by whom the program declares, and may do what it declares."""

from collections.abc import Iterator, Mapping, Set
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from klaviyo_access.cli.deployer.stack import PROFILE, ROLE, ROLE_POLICY
from klaviyo_access.cli.doctor.findings import Check, Trouble
from klaviyo_access.cli.doctor.sight import UNKNOWN, Sight, each, same_document, unless_absent
from klaviyo_access.cli.identity import PATIENCE

if TYPE_CHECKING:
    from types_boto3_iam import IAMClient
    from types_boto3_iam.type_defs import InstanceProfileTypeDef as InstanceProfile

_ATTACHMENT: Final = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"


def roles(sight: Sight) -> Iterator[Trouble]:
    """Roles that are gone, or that others may take."""
    client: IAMClient = sight.session.client("iam", config=PATIENCE)
    declared = {str(role.inputs["name"]): role.inputs for role in sight.of(ROLE)}
    found = each(declared, lambda name: unless_absent(lambda: client.get_role(RoleName=name)["Role"]))
    for name, role in found.items():
        if role is None:
            yield Trouble(
                on=name,
                cause="is not deployed, or somebody deleted it: whoever works in this role cannot start",
                cure=sight.deploy,
            )
            continue
        trusted = str(declared[name].get("assumeRolePolicy", ""))
        if trusted.startswith("{") and not same_document(role["AssumeRolePolicyDocument"], trusted):
            yield Trouble(
                on=name,
                cause="has another trust policy than the program declares: its service cannot take it, or somebody "
                "else can",
                cure=f"Look who changed it (CloudTrail: UpdateAssumeRolePolicy). {sight.deploy}",
            )


def permissions(sight: Sight) -> Iterator[Trouble]:
    """Roles that may do less than the program declares, or more."""
    client: IAMClient = sight.session.client("iam", config=PATIENCE)
    declared: dict[str, dict[str, str]] = {str(role.inputs["name"]): {} for role in sight.of(ROLE)}
    for one in sight.of(ROLE_POLICY):
        declared.setdefault(str(one.inputs["role"]), {})[str(one.inputs["name"])] = str(one.inputs.get("policy", ""))
    attached = {(str(one.inputs["role"]), str(one.inputs["policyArn"])) for one in sight.of(_ATTACHMENT)}
    found = each(declared, lambda role: unless_absent(partial(_policies, client, role)))
    for role, policies in found.items():
        if policies is None:
            continue
        yield from _inline(sight, role, wanted=declared[role], found=policies)
        managed = {one["PolicyArn"] for one in client.list_attached_role_policies(RoleName=role)["AttachedPolicies"]}
        yield from _managed(sight, role, wanted={arn for name, arn in attached if name == role}, found=managed)


def _policies(client: "IAMClient", role: str) -> dict[str, Any]:
    names = client.list_role_policies(RoleName=role)["PolicyNames"]
    return {name: client.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names}


def _inline(sight: Sight, role: str, *, wanted: Mapping[str, str], found: Mapping[str, Any]) -> Iterator[Trouble]:
    known = {name: policy for name, policy in wanted.items() if policy.startswith("{") and name in found}
    changed = [name for name, policy in known.items() if not same_document(found[name], sight.as_deployed(policy))]
    if differ := sorted({*changed, *(wanted.keys() - found.keys())}):
        yield Trouble(
            on=role,
            cause=f"lacks the policy {' and '.join(differ)}, or has another one than the program renders: it may do "
            "more than access.yaml gives it, or not what it needs",
            cure=f"Look who changed it (CloudTrail: PutRolePolicy, DeleteRolePolicy). {sight.deploy}",
        )
    for name in sorted(found.keys() - wanted.keys()):
        yield Trouble(
            on=role,
            cause=f"has the policy {name}, which the program does not declare: it may do what access.yaml does not "
            "give it",
            cure="Look who gave it (CloudTrail: PutRolePolicy). A deployer runs: aws iam delete-role-policy "
            f"--role-name {role} --policy-name {name}",
        )


def _managed(sight: Sight, role: str, *, wanted: Set[str], found: Set[str]) -> Iterator[Trouble]:
    for arn in sorted(wanted - found - {UNKNOWN}):
        yield Trouble(
            on=role,
            cause=f"lacks {arn}: it cannot do what it needs",
            cure=f"Look who did (CloudTrail: DetachRolePolicy). {sight.deploy}",
        )
    for arn in sorted(found - wanted):
        yield Trouble(
            on=role,
            cause=f"has {arn}, which the program does not declare: it may do what access.yaml does not give it",
            cure="Look who gave it (CloudTrail: AttachRolePolicy). A deployer runs: aws iam detach-role-policy "
            f"--role-name {role} --policy-arn {arn}",
        )


def profiles(sight: Sight) -> Iterator[Trouble]:
    """Instance profiles that are gone or hold another role, so that instances get no credentials, or others'."""
    client: IAMClient = sight.session.client("iam", config=PATIENCE)
    declared = {str(one.inputs["name"]): str(one.inputs.get("role", UNKNOWN)) for one in sight.of(PROFILE)}
    found = each(declared, lambda name: unless_absent(lambda: _profile(client, name)))
    for name, profile in found.items():
        held = [role["RoleName"] for role in profile["Roles"]] if profile else []
        if profile is None or declared[name] not in {UNKNOWN, *held}:
            yield Trouble(
                on=name,
                cause=f"is an instance profile that {'holds another role, or none' if profile else 'is not deployed'}: "
                "its service gets no credentials, or those of another",
                cure=f"Look who did (CloudTrail: RemoveRoleFromInstanceProfile, DeleteInstanceProfile). {sight.deploy}",
            )


def _profile(client: "IAMClient", name: str) -> "InstanceProfile":
    return client.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]


CHECKS: Final = (
    Check(name="iam roles", fine="each IAM role is there for whom the program declares", look=roles),
    Check(name="iam policies", fine="each IAM role may do what the program declares", look=permissions),
    Check(name="instance profiles", fine="each instance profile holds its role", look=profiles),
)
