"""The roles that exist from the start: who a person is in front of the sandbox."""

import json

from sandbox.aws.backend import ACCOUNT, Backend
from sandbox.aws.calls import Json

PATH = "/sandbox/"
_POLICIES: dict[str, Json] = {
    "deployer": {"Effect": "Allow", "Action": "*", "Resource": "*"},
    "engineer": {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"},
    "intruder": {"Effect": "Allow", "Action": "*", "Resource": "*"},
}
"""deployer runs the program, engineer is a person who may assume what trusts him, intruder a foreign administrator."""

_SIGNED_IN = {"Federated": f"arn:aws:iam::{ACCOUNT}:saml-provider/sandbox"}
"""Only the sandbox's own sign-in hands these roles out; no AWS principal can assume them."""


def bootstrap_arn(name: str) -> str:
    """The ARN of a role of the start.

    Raises:
        KeyError: there is none of this name.
    """
    _ = _POLICIES[name]
    return f"arn:aws:iam::{ACCOUNT}:role{PATH}{name}"


async def create_roles(backend: Backend) -> None:
    """Create the roles of the start as real roles of IAM."""
    trust = _document({"Effect": "Allow", "Principal": _SIGNED_IN, "Action": "sts:AssumeRoleWithSAML"})
    for name, statement in _POLICIES.items():
        role = {"RoleName": name, "Path": PATH, "AssumeRolePolicyDocument": trust, "MaxSessionDuration": 43200}
        await backend.call("iam", "CreateRole", role, region="us-east-1")
        policy = {"RoleName": name, "PolicyName": name, "PolicyDocument": _document(statement)}
        await backend.call("iam", "PutRolePolicy", policy, region="us-east-1")


def _document(statement: Json) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
