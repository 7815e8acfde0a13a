"""The operations on a secret's resource policy: put, get, delete, validate."""

from dataclasses import replace

from sandbox.aws.calls import AwsError, Call, Json
from sandbox.aws.secrets_manager import conditions, policies
from sandbox.aws.secrets_manager.descriptions import identity
from sandbox.aws.secrets_manager.state import Secret
from sandbox.aws.secrets_manager.vault import Vault, not_found


class ResourcePolicies:
    """PutResourcePolicy, GetResourcePolicy, DeleteResourcePolicy, ValidateResourcePolicy."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def put(self, call: Call) -> Json:
        secret = await self._vault.open(call)
        text = call.parameters["ResourcePolicy"]
        public = policies.public_statements(policies.parse(text))
        if public and call.parameters.get("BlockPublicPolicy", False):
            raise AwsError("PublicPolicyException", broad_access(public))
        return identity(self._vault.change(secret.arn, lambda secret: replace(secret, policy=text)))

    async def get(self, call: Call) -> Json:
        secret = await self._vault.open(call)
        return identity(secret) | ({"ResourcePolicy": secret.policy} if secret.policy else {})

    async def delete(self, call: Call) -> Json:
        secret = await self._vault.open(call)
        return identity(self._vault.change(secret.arn, lambda secret: replace(secret, policy=None)))

    async def validate(self, call: Call) -> Json:
        """Check a policy without attaching it: its syntax, whether it is public, whether it locks the caller out."""
        secret = await self._named(call)
        document = policies.parse(call.parameters["ResourcePolicy"])
        errors = []
        if public := policies.public_statements(document):
            errors.append({"CheckName": "PUBLIC_POLICY", "ErrorMessage": broad_access(public)})
        if secret and await self._locks_out(call, secret, document):
            errors.append(
                {"CheckName": "LOCKOUT", "ErrorMessage": "The policy would not let you manage this secret's policy."}
            )
        return {"PolicyValidationPassed": not errors, "ValidationErrors": errors}

    async def _named(self, call: Call) -> Secret | None:
        """The secret that the call names, if it names one, once the caller may validate and put its policy."""
        named = "SecretId" in call.parameters
        secret = self._vault.find(call.region, call.parameters["SecretId"]) if named else None
        for operation in ("ValidateResourcePolicy", "PutResourcePolicy"):
            await self._vault.require(call, operation, secret)
        if named and secret is None:
            raise not_found()
        return secret

    async def _locks_out(self, call: Call, secret: Secret, document: Json) -> bool:
        try:
            await self._vault.authorize(
                call,
                action="secretsmanager:PutResourcePolicy",
                resource=secret.arn,
                context=conditions.of_secret(secret),
                resource_policy=document,
            )
        except AwsError:
            return True
        return False


def broad_access(public: list[str]) -> str:
    """Which statements let everybody in, and what narrows them."""
    return (
        f"The resource policy grants broad access: {', '.join(public)} allows any principal. Name principals, or add a "
        "condition with fixed values such as StringEquals aws:PrincipalArn."
    )
