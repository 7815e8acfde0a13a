"""IAM roles, broken by hand."""

import json
from collections.abc import Generator

from tests.end_to_end.doctor_world import Broken, World

ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
EXECUTION = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
API, CONSOLE, REPORTING = "klaviyo-local-app-api", "klaviyo-local-admin-console", "klaviyo-local-reporting"
SYNC, TRACKER = "klaviyo-local-profile-sync", "klaviyo-local-event-tracker"
ROTATOR = "klaviyo-local-viewer-rotator"


def anybody_trusted(world: World) -> Generator[None, None, None]:
    client, name = world.aws("iam"), "klaviyo-local-reporting"
    trusted = client.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    opened = json.dumps(trusted).replace("ec2.amazonaws.com", "lambda.amazonaws.com")
    client.update_assume_role_policy(RoleName=name, PolicyDocument=opened)
    yield
    client.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trusted))


def _put_policy(world: World, role: str, name: str, **changed: str) -> Generator[None, None, None]:
    client, named = world.aws("iam"), {"RoleName": role, "PolicyName": name}
    policy = json.dumps(client.get_role_policy(**named)["PolicyDocument"])
    if changed:
        client.put_role_policy(**named, PolicyDocument=policy.replace(*changed.popitem()))
    else:
        client.delete_role_policy(**named)
    yield
    client.put_role_policy(**named, PolicyDocument=policy)


def rights_taken(world: World) -> Generator[None, None, None]:
    (name,) = [one for one in world.aws("iam").list_role_policies(RoleName=API)["PolicyNames"] if "read" in one]
    yield from _put_policy(world, API, name)


def rights_widened(world: World) -> Generator[None, None, None]:
    yield from _put_policy(world, ROTATOR, "rotate-key", **{"klaviyo/local/viewer/key": "klaviyo/local/*/key"})


def rights_added(world: World) -> Generator[None, None, None]:
    client, named = world.aws("iam"), {"RoleName": TRACKER, "PolicyName": "more"}
    everything = {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [everything]}
    client.put_role_policy(**named, PolicyDocument=json.dumps(policy))
    yield
    client.delete_role_policy(**named)


def administrator_made(world: World) -> Generator[None, None, None]:
    client, named = world.aws("iam"), {"RoleName": SYNC, "PolicyArn": ADMINISTRATOR}
    client.attach_role_policy(**named)
    yield
    client.detach_role_policy(**named)


def execution_detached(world: World) -> Generator[None, None, None]:
    client, named = world.aws("iam"), {"RoleName": CONSOLE, "PolicyArn": EXECUTION}
    client.detach_role_policy(**named)
    yield
    client.attach_role_policy(**named)


def profile_emptied(world: World) -> Generator[None, None, None]:
    client, named = world.aws("iam"), {"InstanceProfileName": REPORTING, "RoleName": REPORTING}
    client.remove_role_from_instance_profile(**named)
    yield
    client.add_role_to_instance_profile(**named)


BROKEN = (
    Broken(rights_taken, "iam policies", API, "lacks the policy read", "DeleteRolePolicy"),
    Broken(rights_widened, "iam policies", ROTATOR, "lacks the policy rotate-key, or has another", "PutRolePolicy"),
    Broken(rights_added, "iam policies", TRACKER, "has the policy more", "aws iam delete-role-policy"),
    Broken(administrator_made, "iam policies", SYNC, f"has {ADMINISTRATOR}", "aws iam detach-role-policy"),
    Broken(execution_detached, "iam policies", CONSOLE, f"lacks {EXECUTION}", "DetachRolePolicy"),
    Broken(profile_emptied, "instance profiles", REPORTING, "holds another role", "RemoveRoleFromInstanceProfile"),
    Broken(anybody_trusted, "iam roles", "klaviyo-local-reporting", "another trust policy", "UpdateAssumeRolePolicy"),
)
