"""Whether each IAM role is there, and can be taken by whom the program declares."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from klaviyo_access.cli.deployer_stack import ROLE
from klaviyo_access.cli.doctor.findings import Check, Trouble
from klaviyo_access.cli.doctor.sight import Sight, each, same_document, unless_absent
from klaviyo_access.cli.identity import PATIENCE

if TYPE_CHECKING:
    from types_boto3_iam import IAMClient


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


CHECKS: Final = (Check(name="iam roles", fine="each IAM role is there for whom the program declares", look=roles),)
