"""A webhook's secret: what its receivers read, and the rotator that changes it at Klaviyo and there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from components.alerts import detections
from components.functions.bundle import Bundle
from components.functions.rotator import Rotator, RotatorArgs, make_rotator
from components.functions.rotator_event import RotatorEventArgs, tell_rotator
from components.policies.secrets import SecretPrincipals
from components.policies.statements import Document, Encryption, to_json
from components.policies.webhook_secrets import change_webhook_secret, receive_webhook, rotate_webhook_secret
from components.secrets.secret import Safekeeping, SecretArgs, make_secret

UNSTICK: Final = '{"action":"unstick"}'
"""All that the rotator is told of a failure: the event itself is not."""


@dataclass(frozen=True, kw_only=True)
class WebhookSecretArgs:
    """What a `WebhookSecret` is made of.

    Attributes:
        webhook: the webhook's name in the stack's settings.
        secret_name: name of its secret.
        principals: whom the secret's policy names.
        key_arn: secret with the key that may change webhooks.
        receiver_roles: name of the IAM role of each service that receives, by the service's name.
        operator_role_name: IAM role of the operators.
        rotator_name: name of the rotator's Lambda, of its IAM role, and of the rule that tells it of a failure.
        iam_path: path of that role.
        code: the rotators' bundle.
        environment: the Lambda's environment variables, beside the secrets' ARNs.
        after: what must stand before a rotation may begin, beside the secret's own policy.
        schedule: cron expression in UTC.
        account_id: account whose Secrets Manager may invoke the Lambda.
        region: region of the secret.
        log_retention_days: how long log events are kept.
        tags: tags of everything.
        keeping: how the secret is kept; its KMS key is the log group's too.
    """

    webhook: str
    secret_name: str
    principals: SecretPrincipals
    key_arn: pulumi.Input[str]
    receiver_roles: Mapping[str, pulumi.Input[str]]
    operator_role_name: pulumi.Input[str]
    rotator_name: str
    iam_path: str
    code: Bundle
    environment: Mapping[str, str]
    after: tuple[pulumi.Resource, ...]
    schedule: str
    account_id: str
    region: str
    log_retention_days: int
    tags: Mapping[str, str]
    keeping: Safekeeping


class WebhookSecret(pulumi.ComponentResource):
    """One webhook's secret, without a value, its rotator, and the grants to receivers and operators.

    Outputs:
        secret_arn: ARN of the secret.
        function_arn: ARN of the rotator.
    """

    secret_arn: pulumi.Output[str]
    function_arn: pulumi.Output[str]

    def __init__(self, name: str, args: WebhookSecretArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("klaviyo-access:index:WebhookSecret", name, None, opts)
        signing = SecretArgs(
            name=args.secret_name,
            known_as=f"{name}-secret",
            description=f"Signs the deliveries of the Klaviyo webhook {args.webhook}",
            principals=args.principals,
            tags=args.tags,
        )
        secret, policy = make_secret(signing, args.keeping, self)
        self._grants(name, args, secret)
        rotator = make_rotator(f"{name}-rotation", _rotator_args(args, secret, policy), self)
        self._unstick(name, args, secret, rotator)
        self.secret_arn = secret.arn
        self.function_arn = rotator.function_arn
        self.register_outputs({"secret_arn": self.secret_arn, "function_arn": self.function_arn})

    def _grants(self, name: str, args: WebhookSecretArgs, secret: aws.secretsmanager.Secret) -> None:
        receive = pulumi.Output.all(secret.arn, args.keeping.encryption_key_arn).apply(
            lambda arns: to_json(receive_webhook(arns[0], Encryption(key_arn=arns[1], region=args.region)))
        )
        for service, role in args.receiver_roles.items():
            aws.iam.RolePolicy(
                f"{name}-to-{service}",
                name=f"receive-webhook-{args.webhook}",
                role=role,
                policy=receive,
                opts=ResourceOptions(parent=self),
            )
        aws.iam.RolePolicy(
            f"{name}-to-operators",
            name=f"rotate-webhook-{args.webhook}",
            role=args.operator_role_name,
            policy=secret.arn.apply(lambda arn: to_json(rotate_webhook_secret(arn))),
            opts=ResourceOptions(parent=self),
        )

    def _unstick(self, name: str, args: WebhookSecretArgs, secret: aws.secretsmanager.Secret, rotator: Rotator) -> None:
        failures = f"failures of {args.webhook}"
        event = RotatorEventArgs(
            rule_name=args.rotator_name,
            description=f"Ends failed rotations of the secret of the Klaviyo webhook {args.webhook}",
            pattern=secret.arn.apply(
                lambda arn: detections.to_json(detections.rotation_failed(secret_arn_prefix=arn), what=failures)
            ),
            message=UNSTICK,
            statement_id="EndFailedRotation",
            function=rotator.function_arn,
            function_arn=rotator.function_arn,
            tags=args.tags,
        )
        tell_rotator(f"{name}-unstick", event, self)


def _rotator_args(
    args: WebhookSecretArgs, secret: aws.secretsmanager.Secret, policy: aws.secretsmanager.SecretPolicy
) -> RotatorArgs:
    return RotatorArgs(
        rotates=f"the secret of the Klaviyo webhook {args.webhook}",
        handler="rotation.webhooks.rotator.handler",
        function_name=args.rotator_name,
        execution_role_name=args.rotator_name,
        iam_path=args.iam_path,
        code=args.code,
        environment={**args.environment, "WEBHOOK_SECRET_ARN": secret.arn, "KEY_SECRET_ARN": args.key_arn},
        secret_arn=secret.arn,
        policy_name="change-webhook-secret",
        policy=lambda arns: _change(arns, args.region),
        arns={"secret": secret.arn, "key": args.key_arn, "encryption": args.keeping.encryption_key_arn},
        after=(policy, *args.after),
        schedule=args.schedule,
        encryption_key_arn=args.keeping.encryption_key_arn,
        account_id=args.account_id,
        log_retention_days=args.log_retention_days,
        tags=args.tags,
    )


def _change(arns: Mapping[str, str], region: str) -> Document:
    return change_webhook_secret(
        secret_arn=arns["secret"],
        key_arn=arns["key"],
        log_group_arn=arns["log"],
        encryption=Encryption(key_arn=arns["encryption"], region=region),
    )
