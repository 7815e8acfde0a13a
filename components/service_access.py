"""A service's IAM role on its platform, or a grant to a role that exists, with the read of its key and nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from components.platforms import (
    Ec2Instance,
    EcsInjected,
    EcsTask,
    EksIrsa,
    EksPodIdentity,
    ExistingRole,
    ForeignRole,
    LambdaFunction,
    Platform,
)
from components.policies.secrets import read_keys
from components.policies.statements import Document, Encryption, to_json
from components.policies.trust import trust_pods, trust_service, trust_service_account, trust_service_of_any_account


@dataclass(frozen=True, kw_only=True)
class ServiceAccessArgs:
    """What a `ServiceAccess` is made of.

    Attributes:
        service: the service's name in access.yaml.
        platform: where it runs.
        role_name: name of the IAM role to make.
        iam_path: path of that role.
        key_arns: ARNs of the secrets that it reads.
        encryption_key_arn: KMS key of those secrets.
        replica_keys: KMS key of their replicas in each other region, by the region.
        partition: AWS partition of the account.
        account_id: account that the platform runs in.
        region: region of the secrets.
        tags: tags of the role.
    """

    service: str
    platform: Platform
    role_name: str
    iam_path: str
    key_arns: Sequence[pulumi.Input[str]]
    encryption_key_arn: pulumi.Input[str]
    replica_keys: Mapping[str, pulumi.Input[str]]
    partition: str
    account_id: str
    region: str
    tags: Mapping[str, str]


class ServiceAccess(pulumi.ComponentResource):
    """Read access of one service.

    Outputs:
        role_arn: ARN of the service's IAM role.
        policy: what that role may do, as JSON. To the role of another account its owner attaches it.
    """

    role_arn: pulumi.Output[str]
    policy: pulumi.Output[str]

    def __init__(self, name: str, args: ServiceAccessArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("klaviyo-access:index:ServiceAccess", name, None, opts)
        self.policy = pulumi.Output.all(
            key=args.encryption_key_arn, secrets=[*args.key_arns], replicas={**args.replica_keys}
        ).apply(lambda arns: _reads(arns, args.region))
        match args.platform:
            case ForeignRole(role_arn=arn):
                self.role_arn = pulumi.Output.from_input(arn)
            case ExistingRole(role_arn=arn):
                self.role_arn = pulumi.Output.from_input(arn)
                self._grant(name, args, arn.rsplit("/", 1)[-1])
            case platform:
                role = self._role(name, args, trust(platform, args))
                self.role_arn = role.arn
                self._attach_to_platform(name, args, role)
                self._grant(name, args, role.name)
        self.register_outputs({"role_arn": self.role_arn, "policy": self.policy})

    def _grant(self, name: str, args: ServiceAccessArgs, role_name: pulumi.Input[str]) -> None:
        aws.iam.RolePolicy(
            f"{name}-policy",
            name=f"read-klaviyo-key-{args.service}",
            role=role_name,
            policy=self.policy,
            opts=ResourceOptions(parent=self),
        )

    def _role(self, name: str, args: ServiceAccessArgs, trust_policy: Document) -> aws.iam.Role:
        return aws.iam.Role(
            f"{name}-role",
            name=args.role_name,
            path=args.iam_path,
            description=f"Klaviyo access of the service {args.service}",
            assume_role_policy=to_json(trust_policy),
            tags=args.tags,
            opts=ResourceOptions(parent=self),
        )

    def _attach_to_platform(self, name: str, args: ServiceAccessArgs, role: aws.iam.Role) -> None:
        """Make what a platform needs beside the role."""
        options = ResourceOptions(parent=self)
        match args.platform:
            case EcsInjected():
                execution = f"arn:{args.partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
                aws.iam.RolePolicyAttachment(f"{name}-execution", role=role.name, policy_arn=execution, opts=options)
            case EksPodIdentity() as pod:
                aws.eks.PodIdentityAssociation(
                    f"{name}-pod",
                    cluster_name=pod.cluster,
                    namespace=pod.namespace,
                    service_account=pod.service_account,
                    role_arn=role.arn,
                    tags=args.tags,
                    opts=options,
                )
            case Ec2Instance():
                aws.iam.InstanceProfile(
                    f"{name}-profile",
                    name=args.role_name,
                    path=args.iam_path,
                    role=role.name,
                    tags=args.tags,
                    opts=options,
                )
            case _:
                pass


def _reads(arns: Mapping[str, Any], region: str) -> str:
    home = Encryption(key_arn=arns["key"], region=region)
    replicas = [Encryption(key_arn=key, region=where) for where, key in arns["replicas"].items()]
    return to_json(read_keys(arns["secrets"], home, replicas))


def trust(
    platform: EcsTask | EcsInjected | EksIrsa | EksPodIdentity | LambdaFunction | Ec2Instance, args: ServiceAccessArgs
) -> Document:
    """The trust policy that lets ``platform``, and nobody else, take a service's role."""
    match platform:
        case EcsTask() | EcsInjected():
            return trust_service("ecs-tasks.amazonaws.com", account_id=args.account_id)
        case EksIrsa() as irsa:
            return trust_service_account(
                oidc_provider_arn=irsa.oidc_provider_arn,
                namespace=irsa.namespace,
                service_account=irsa.service_account,
            )
        case EksPodIdentity() as pod:
            return trust_pods(
                cluster_arn=f"arn:{args.partition}:eks:{args.region}:{args.account_id}:cluster/{pod.cluster}",
                namespace=pod.namespace,
                service_account=pod.service_account,
            )
        case LambdaFunction():
            return trust_service_of_any_account("lambda.amazonaws.com")
        case Ec2Instance():
            return trust_service_of_any_account("ec2.amazonaws.com")
        case _:
            assert_never(platform)
