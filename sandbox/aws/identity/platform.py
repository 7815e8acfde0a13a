"""Hands out credentials as the platforms do: a sign-in for people, a role's trust policy for everything else."""

import uuid
from typing import Any, Final

from sandbox.aws.backend import ACCOUNT, Backend
from sandbox.aws.calls import AwsError, Call, Caller, Json
from sandbox.aws.identity.bootstrap import bootstrap_arn
from sandbox.aws.identity.credentials import Session, Sessions
from sandbox.aws.identity.identities import Identities, StoredRole
from sandbox.aws.identity.sts import Sts

_SIGN_IN_SECONDS: Final = 12 * 3600
_REGION: Final = "us-east-1"
_PODS: Final = "pods.eks.amazonaws.com"
_SOURCES: Final = {
    "ecs-tasks.amazonaws.com": "ecs",
    "lambda.amazonaws.com": "lambda",
    "ec2.amazonaws.com": "ec2",
    _PODS: "eks",
}
"""The services that the sandbox can stand for, and the name of each in the ARNs of what it runs."""


class Platform:
    """Plays the platforms that hand roles to workloads, and the engineer who assumes one.

    Args:
        sts: decides and issues.
        identities: knows the roles.
        sessions: issues the sessions of the roles of the start.
        backend: knows which service account of which cluster of EKS has a role.
    """

    def __init__(self, *, sts: Sts, identities: Identities, sessions: Sessions, backend: Backend) -> None:
        self._sts = sts
        self._identities = identities
        self._sessions = sessions
        self._backend = backend

    async def sign_in(self, name: str) -> Session:
        """A session of a role of the start: ``deployer``, ``engineer`` or ``intruder``.

        Raises:
            AwsError: there is no such role.
        """
        try:
            arn = bootstrap_arn(name)
        except KeyError:
            raise AwsError("NoSuchRole", f"Nobody signs in as {name!r}: use deployer, engineer or intruder.") from None
        role = (await self._role(arn)).role
        return self._sessions.issue(role, session_name=name, seconds=_SIGN_IN_SECONDS)

    async def credentials(self, role_arn: str) -> Session:
        """A session of a role, for the first principal of its trust policy that the sandbox can be.

        Raises:
            AwsError: the role does not exist, or its trust policy lets none of them in.
        """
        stored = await self._role(role_arn)
        refusals = []
        for caller in [*_services(stored.trust_policy), (await self.sign_in("engineer")).caller]:
            try:
                return await self._assume(caller, stored)
            except AwsError as error:
                refusals.append(error.message)
        raise AwsError(
            "AccessDenied",
            f"The trust policy of {role_arn} names nobody that the sandbox can be: {'; '.join(refusals)}",
        )

    async def _assume(self, caller: Caller, stored: StoredRole) -> Session:
        context = {}
        if source := _SOURCES.get(caller.principal_arn):
            context = {"aws:SourceAccount": ACCOUNT, "aws:SourceArn": f"arn:aws:{source}:{_REGION}:{ACCOUNT}:sandbox"}
        if caller.principal_arn == _PODS:
            context |= await self._pods_tags(stored.role.arn)
        call = Call(
            service="sts",
            operation="AssumeRole",
            parameters={"RoleArn": stored.role.arn, "RoleSessionName": stored.role.name[:64]},
            caller=caller,
            region=_REGION,
            request_id=str(uuid.uuid4()),
        )
        return await self._sts.assume(call, context=context)

    async def _pods_tags(self, role_arn: str) -> dict[str, str]:
        """The session tags by which EKS says for whom it takes a role; none where no service account has the role."""
        clusters = (await self._eks("ListClusters"))["clusters"]
        for cluster in clusters:
            for listed in (await self._eks("ListPodIdentityAssociations", clusterName=cluster))["associations"]:
                which = {"clusterName": cluster, "associationId": listed["associationId"]}
                found = (await self._eks("DescribePodIdentityAssociation", **which))["association"]
                if found["roleArn"] == role_arn:
                    return {
                        "aws:RequestTag/eks-cluster-arn": f"arn:aws:eks:{_REGION}:{ACCOUNT}:cluster/{cluster}",
                        "aws:RequestTag/kubernetes-namespace": found["namespace"],
                        "aws:RequestTag/kubernetes-service-account": found["serviceAccount"],
                    }
        return {}

    async def _eks(self, operation: str, **parameters: str) -> Json:
        return await self._backend.call("eks", operation, parameters, region=_REGION)

    async def _role(self, arn: str) -> StoredRole:
        stored = await self._identities.role(arn)
        if stored is None:
            raise AwsError("NoSuchEntity", f"There is no role {arn}: see 'aws iam list-roles', and write its path too.")
        return stored


def _services(trust_policy: Json) -> list[Caller]:
    statements: Any = trust_policy["Statement"]
    named: list[str] = []
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal", {})
        services = principal.get("Service", []) if isinstance(principal, dict) else []
        named += services if isinstance(services, list) else [services]
    return [
        Caller(kind="AWSService", account=ACCOUNT, arn=name, principal_arn=name) for name in named if name in _SOURCES
    ]
