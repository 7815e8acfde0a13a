"""Where a service runs: the platforms that a stack's settings may name for it, and the facts that each needs."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

PrincipalArn = Annotated[
    str,
    Field(
        pattern=r"^arn:aws[a-z-]*:iam::\d{12}:(role|user)/([\w+=,.@-]+/)*[\w+=,.@-]+$",
        description="ARN of an IAM role (or user) with its path; never an assumed-role session",
    ),
]
RoleArn = Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/([\w+=,.@-]+/)*[\w+=,.@-]+$")]


class Section(BaseModel):
    """A part of the settings: frozen, in camelCase, and nothing in it that nobody reads."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)


class EcsTask(Section):
    """A service on ECS that fetches its key by itself: the role is the task role."""

    platform: Literal["ecs-task"]


class EcsService(Section):
    """A service of an ECS cluster, by names."""

    cluster: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,255}$")]
    service: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,255}$")]


class EcsInjected(Section):
    """A service on ECS whose key comes by `secrets` of the task definition: the role is the task execution role.

    Attributes:
        redeploy: the ECS service that is deployed anew once its key has changed; without it somebody does so by hand.
    """

    platform: Literal["ecs-injected"]
    redeploy: EcsService | None = None


class EksIrsa(Section):
    """A service on EKS with IAM roles for service accounts."""

    platform: Literal["eks-irsa"]
    oidc_provider_arn: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:iam::\d{12}:oidc-provider/.+$")]
    namespace: str
    service_account: str


class EksPodIdentity(Section):
    """A service on EKS with Pod Identity: the role is taken for this service account of this cluster alone.

    Attributes:
        cluster: name of the cluster, which is in the environment's account and region.
    """

    platform: Literal["eks-pod-identity"]
    cluster: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$")]
    namespace: str
    service_account: str


class LambdaFunction(Section):
    """A service that is a Lambda function."""

    platform: Literal["lambda"]


class Ec2Instance(Section):
    """A service on EC2, with an instance profile."""

    platform: Literal["ec2"]


class ExistingRole(Section):
    """A service whose IAM role exists already in this account and is granted the read."""

    platform: Literal["existing"]
    role_arn: RoleArn


class ForeignRole(Section):
    """A service whose IAM role is another account's: its owner attaches what the program's output says."""

    platform: Literal["foreign"]
    role_arn: RoleArn


Platform = Annotated[
    EcsTask | EcsInjected | EksIrsa | EksPodIdentity | LambdaFunction | Ec2Instance | ExistingRole | ForeignRole,
    Field(discriminator="platform"),
]


READS: Final[Mapping[type[Section], str]] = MappingProxyType(
    {EcsTask: "library", EcsInjected: "injected", LambdaFunction: "library", Ec2Instance: "library"}
)
"""What `reads` of access.yaml must be there. On EKS it may be each, and a role that exists already tells nothing."""


def redeployed(services: Mapping[str, Platform]) -> dict[str, EcsService]:
    """The services that are deployed anew once their key has changed, by name."""
    return {
        name: platform.redeploy
        for name, platform in services.items()
        if isinstance(platform, EcsInjected) and platform.redeploy
    }
