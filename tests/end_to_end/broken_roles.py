"""IAM roles, broken by hand."""

import json
from collections.abc import Generator

from tests.end_to_end.doctor_world import Broken, World


def anybody_trusted(world: World) -> Generator[None, None, None]:
    client, name = world.aws("iam"), "klaviyo-local-reporting"
    trusted = client.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    opened = json.dumps(trusted).replace("ec2.amazonaws.com", "lambda.amazonaws.com")
    client.update_assume_role_policy(RoleName=name, PolicyDocument=opened)
    yield
    client.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trusted))


BROKEN = (
    Broken(anybody_trusted, "iam roles", "klaviyo-local-reporting", "another trust policy", "UpdateAssumeRolePolicy"),
)
