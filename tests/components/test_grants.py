"""What each document allows, to the last action: a table a document, and whatever is in no row is refused.

Each row is tried as it stands, with every other action and resource, by everybody else, and without each of its
conditions or with another value there.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import pytest

from components.policies.application_audit import append_audit, verify_audit
from components.policies.auditor import audit_keys, start_function
from components.policies.encryption_keys import (
    ForeignUse,
    KeyPlace,
    alerts_key_policy,
    audit_key_policy,
    log_group_key_policy,
    replicas_key_policy,
    secrets_key_policy,
)
from components.policies.examination import Examined, examine
from components.policies.oauth_apps import client_principals, keep_oauth_tokens, stage_oauth_client, tokens_principals
from components.policies.record import alert_topic_policy, audit_bucket_policy, write_trail_log
from components.policies.secrets import SecretPrincipals, operate_keys, read_keys, rotate_key, secret_resource_policy
from components.policies.statements import Encryption, to_json
from components.policies.trust import (
    trust_pods,
    trust_principals,
    trust_service,
    trust_service_account,
    trust_service_of_any_account,
)
from components.policies.webhook_secrets import (
    change_webhook_secret,
    receive_webhook,
    rotate_webhook_secret,
    webhook_principals,
)
from klaviyo_access.isolation.evaluator import Principal, Request, decide

HERE, THERE, ACCOUNT, ELSEWHERE = "eu-west-1", "us-east-1", "111111111111", "999999999999"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
KMS, KMS_THERE = f"arn:aws:kms:{HERE}:{ACCOUNT}:key/0a", f"arn:aws:kms:{THERE}:{ACCOUNT}:key/0b"
AT_HOME = Encryption(key_arn=KMS, region=HERE)
REPLICA = Encryption(key_arn=KMS_THERE, region=THERE, replicated_from=HERE)


def secret(name: str, region: str = HERE) -> str:
    return f"arn:aws:secretsmanager:{region}:{ACCOUNT}:secret:klaviyo/prod/{name}"


def role(name: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:iam::{account}:role/klaviyo/prod/{name}"


KEY, RESERVE, OTHER = secret("viewer/key-AbCdEf"), secret("viewer/reserve-GhIjKl"), secret("admin/key-MnOpQr")
KEY_THERE, OTHER_THERE = secret("viewer/key-AbCdEf", THERE), secret("admin/key-MnOpQr", THERE)
CLIENT, TOKENS = secret("oauth-client-AbCdEf"), secret("oauth/shop-GhIjKl")
FUNCTION = f"arn:aws:lambda:{HERE}:{ACCOUNT}:function:klaviyo-prod-viewer-rotator"
LOGS = f"arn:aws:logs:{HERE}:{ACCOUNT}:log-group"
LOG, OTHER_LOG = f"{LOGS}:/aws/lambda/klaviyo-prod-viewer-rotator", f"{LOGS}:/aws/lambda/another"
AUDITORS_LOG, DEVS_LOG = LOG.replace("viewer-rotator", "key-auditor"), LOG.replace("prod", "dev")
STREAM, OTHER_STREAM = f"{LOG}:log-stream:s", f"{OTHER_LOG}:log-stream:s"
TRAIL, BUCKET = f"arn:aws:cloudtrail:{HERE}:{ACCOUNT}:trail/t", "arn:aws:s3:::klaviyo-audit"
TOPIC, ALARM = f"arn:aws:sns:{HERE}:{ACCOUNT}:alerts", f"arn:aws:cloudwatch:{HERE}:{ACCOUNT}:alarm:a"
ME, ANOTHER, FOREIGN, FOREIGN_ANOTHER = role("me"), role("another"), role("me", ELSEWHERE), role("another", ELSEWHERE)
DEPLOYER, OPERATOR, ROTATOR = role("deployer"), role("operator"), role("rotator")

ANYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def named(service: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{service}:{name}" for name in names)


GET, DESCRIBE, PUT, LABEL, ROTATE = SECRET_USE = named(
    "secretsmanager", "GetSecretValue", "DescribeSecret", "PutSecretValue", "UpdateSecretVersionStage", "RotateSecret"
)
LOOK = named("secretsmanager", "GetResourcePolicy", "ListSecretVersionIds")
MANAGE = named(
    "secretsmanager",
    "PutResourcePolicy",
    "DeleteResourcePolicy",
    "UpdateSecret",
    "DeleteSecret",
    "RestoreSecret",
    "CancelRotateSecret",
    "AssociateCrossAccountReplica",
    "DisassociateCrossAccountReplica",
    "ReplicateSecretToRegions",
    "StopReplicationToReplica",
    "RemoveRegionsFromReplication",
    "TagResource",
    "UntagResource",
)
DECRYPT, ENCRYPT, DATA_KEY, DATA_KEY_PLAIN, RE_ENCRYPT, DESCRIBE_KEY = KMS_USE = named(
    "kms", "Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncryptTo", "DescribeKey"
)
DATA_KEYS = (DATA_KEY, DATA_KEY_PLAIN)
ADMINISTER = named(
    "kms",
    "CancelKeyDeletion",
    "CreateAlias",
    "DeleteAlias",
    "DescribeKey",
    "DisableKeyRotation",
    "EnableKey",
    "EnableKeyRotation",
    "GetKeyPolicy",
    "GetKeyRotationStatus",
    "ListGrants",
    "ListResourceTags",
    "RotateKeyOnDemand",
    "TagResource",
    "UntagResource",
    "UpdateAlias",
    "UpdateKeyDescription",
)
END_KEY = named("kms", "CreateGrant", "DisableKey", "PutKeyPolicy", "ScheduleKeyDeletion")
WRITE_LOG = named("logs", "CreateLogStream", "PutLogEvents")
READ_LOG = named("logs", "FilterLogEvents")
ERASE = named(
    "logs",
    "DeleteLogGroup",
    "DeleteLogStream",
    "DeleteRetentionPolicy",
    "PutRetentionPolicy",
    "PutDataProtectionPolicy",
    "DeleteDataProtectionPolicy",
    "PutLogGroupDeletionProtection",
    "AssociateKmsKey",
    "DisassociateKmsKey",
)
INVOKE, PUBLISH, LOOK_UP = "lambda:InvokeFunction", "sns:Publish", "cloudtrail:LookupEvents"
ACTIONS = (
    *SECRET_USE,
    *LOOK,
    *MANAGE,
    *KMS_USE,
    *ADMINISTER,
    *END_KEY,
    *WRITE_LOG,
    *READ_LOG,
    *ERASE,
    INVOKE,
    PUBLISH,
    LOOK_UP,
    *named("secretsmanager", "BatchGetSecretValue", "ListSecrets", "ValidateResourcePolicy"),
    *named("kms", "ReEncryptFrom", "Sign", "ReplicateKey", "UpdatePrimaryRegion"),
    *named("logs", "GetLogEvents", "CreateLogGroup"),
    *named("logs", "DescribeLogGroups"),
    *named("lambda", "UpdateFunctionCode", "GetFunction", "GetFunctionConfiguration", "GetFunctionConcurrency"),
    *named("cloudtrail", "StopLogging", "GetTrailStatus"),
    *named("cloudwatch", "DescribeAlarms", "PutMetricAlarm"),
    *named("events", "DescribeRule", "ListTargetsByRule", "PutRule"),
    *named("iam", "GetRole", "PassRole"),
    *named("s3", "GetBucketAcl", "PutObject", "GetObject", "PutBucketPolicy"),
    *named("sns", "Subscribe", "ListSubscriptionsByTopic"),
    *named("sts", "AssumeRole", "AssumeRoleWithWebIdentity", "TagSession"),
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """Who may do what, on what, and under which conditions; a condition of None is a key that must be missing."""

    may: tuple[str, ...]
    on: tuple[str, ...]
    who: tuple[str, ...] = (ME,)
    where: Mapping[str, str | None] = field(default_factory=dict)
    unless: Mapping[str, str] = field(default_factory=dict)

    def covers(self, who: str, action: str, resource: str, context: Mapping[str, str]) -> bool:
        return (
            who in self.who
            and action in self.may
            and (resource in self.on or "*" in self.on)
            and all(context.get(key) == value for key, value in self.where.items())
            and not any(context.get(key) == value for key, value in self.unless.items())
        )

    @property
    def context(self) -> dict[str, str]:
        return {key: value for key, value in self.where.items() if value is not None}

    def wrong_contexts(self) -> Iterator[dict[str, str]]:
        """The row's own context without each key, with another value there, and with what forbids it."""
        whole = self.context
        for key in self.where:
            yield {name: value for name, value in whole.items() if name != key}
            yield {**whole, key: OTHER_VALUES.get(whole.get(key, ""), "something else")}
        for key, value in self.unless.items():
            yield {**whole, key: value}
            yield {**whole, key: "true" if value == "false" else "false"}


@dataclass(frozen=True, kw_only=True)
class Held:
    """A document, and the rows that say all that it allows; ``others`` are resources of which no row speaks."""

    document: dict[str, Any]
    rows: tuple[Row, ...]
    others: tuple[str, ...] = ()
    of: str = "a caller"
    """Whose document it is: a caller's, a key's, a role's, or another resource's."""

    def requests_of_rows(self) -> Iterator[tuple[str, str, str, dict[str, str]]]:
        """What each row allows, as it stands and in every wrong context."""
        for row in self.rows:
            for context in (row.context, *row.wrong_contexts()):
                yield from ((*request, context) for request in product(row.who, row.may, self.resources))

    def other_requests(self) -> Iterator[tuple[str, str, str, dict[str, str]]]:
        """Everything that anybody could ask in the right context of each row."""
        people = [ME] if self.of == "a caller" else sorted({who for row in self.rows for who in row.who} | STRANGERS)
        for context in without_twins([{}, *(row.context for row in self.rows)]):
            yield from ((*request, context) for request in product(people, self.actions(), self.resources))

    def wrong(self, requests: Iterable[tuple[str, str, str, dict[str, str]]]) -> list[object]:
        """The requests that are not decided as the rows say."""
        return [
            (request, "allowed" if self.allows(*request) else "refused")
            for request in requests
            if self.allows(*request) is not any(row.covers(*request) for row in self.rows)
        ]

    @property
    def resources(self) -> list[str]:
        return sorted({resource for row in self.rows for resource in row.on} | set(self.others))

    def actions(self) -> list[str]:
        """Those of every service that the document speaks of, and one of another."""
        services = {action.partition(":")[0] for row in self.rows for action in row.may}
        return [action for action in ACTIONS if action.partition(":")[0] in services]

    def allows(self, who: str, action: str, resource: str, context: Mapping[str, str]) -> bool:
        request = Request(
            principal=Principal(arn=who),
            action=action,
            resource=resource,
            context={"aws:PrincipalArn": who, **context} if who.startswith("arn:") else context,
            resource_account=ACCOUNT,
        )
        if self.of == "a caller":
            return decide(request, identity_policies={"own": self.document}).allowed
        return decide(
            request,
            identity_policies={"any": ANYTHING} if who.startswith("arn:") and self.of != "a role" else {},
            resource_policy=self.document,
            resource_policy_rules=self.of in {"a key", "a role"},
        ).allowed


STRANGERS = {ANOTHER, FOREIGN_ANOTHER, "ec2.amazonaws.com"}


def without_twins(contexts: list[dict[str, str]]) -> list[dict[str, str]]:
    return [context for number, context in enumerate(contexts) if context not in contexts[:number]]


OTHER_VALUES = {KEY: OTHER, RESERVE: KEY, CLIENT: TOKENS, TOKENS: CLIENT}


def through(on: str, region: str = HERE, **more: str) -> dict[str, str]:
    """The context of a use of KMS by Secrets Manager of a region, for one secret."""
    return {"kms:ViaService": f"secretsmanager.{region}.amazonaws.com", "kms:EncryptionContext:SecretARN": on, **more}


def logs_context(log_group: str) -> dict[str, str | None]:
    return {"kms:EncryptionContext:aws:logs:arn": log_group}


AS_IT_IS: Mapping[str, str | None] = {"secretsmanager:RotationLambdaARN": None}
OWN_SCHEDULE = {"secretsmanager:ModifyRotationRules": "true"}
SECRETS = (KEY, RESERVE, OTHER, KEY_THERE)
KEYS = (KMS, KMS_THERE)
STREAMS = (LOG, STREAM, OTHER_STREAM)

OF_CALLERS = {
    "a service": Held(
        document=read_keys([KEY], AT_HOME),
        rows=(
            Row(may=(GET, DESCRIBE), on=(KEY,)),
            Row(may=(DECRYPT,), on=(KMS,), where=through(KEY)),
        ),
        others=(*SECRETS, *KEYS),
    ),
    "a service, with replicas": Held(
        document=read_keys([KEY], AT_HOME, [REPLICA]),
        rows=(
            Row(may=(GET, DESCRIBE), on=(KEY, KEY_THERE)),
            Row(may=(DECRYPT,), on=(KMS,), where=through(KEY)),
            *(
                Row(may=(DECRYPT,), on=(KMS_THERE,), where=through(copy, region))
                for copy in (KEY, KEY_THERE)
                for region in (HERE, THERE)
            ),
        ),
        others=(*SECRETS, OTHER_THERE),
    ),
    "a rotator": Held(
        document=rotate_key(key_arn=KEY, reserve_arn=RESERVE, log_group_arn=LOG, encryption=AT_HOME),
        rows=(
            Row(may=(DESCRIBE, GET, PUT, LABEL), on=(KEY,)),
            Row(may=(DESCRIBE, GET, LABEL), on=(RESERVE,)),
            Row(may=(DECRYPT, DATA_KEY), on=(KMS,), where=through(KEY)),
            Row(may=(DECRYPT,), on=(KMS,), where=through(RESERVE)),
            Row(may=WRITE_LOG, on=(STREAM,)),
        ),
        others=(*SECRETS, *KEYS, *STREAMS),
    ),
    "a rotator, with replicas": Held(
        document=rotate_key(
            key_arn=KEY, reserve_arn=RESERVE, log_group_arn=LOG, encryption=AT_HOME, replicas=[REPLICA]
        ),
        rows=(
            Row(may=(DESCRIBE, GET, PUT, LABEL), on=(KEY,)),
            Row(may=(DESCRIBE, GET, LABEL), on=(RESERVE,)),
            Row(may=(DECRYPT, DATA_KEY), on=(KMS,), where=through(KEY)),
            Row(may=(DECRYPT,), on=(KMS,), where=through(RESERVE)),
            *(
                Row(may=(ENCRYPT, DATA_KEY), on=(KMS_THERE,), where=through(copy, region))
                for copy in (KEY, KEY_THERE)
                for region in (HERE, THERE)
            ),
            Row(may=WRITE_LOG, on=(STREAM,)),
        ),
        others=(*SECRETS, *STREAMS),
    ),
    "an operator": Held(
        document=operate_keys(
            keys=secret("*/key-??????"),
            reserves=secret("*/reserve-??????"),
            rotators=f"arn:aws:lambda:{HERE}:{ACCOUNT}:function:klaviyo-prod-*",
            logs=f"{LOGS}:/aws/lambda/klaviyo-prod-*",
            encryption=AT_HOME,
        ),
        rows=(
            Row(may=(DESCRIBE, *LOOK), on=(KEY, OTHER, RESERVE)),
            Row(may=(PUT,), on=(RESERVE,)),
            Row(may=(DECRYPT, DATA_KEY), on=(KMS,), where=through(RESERVE)),
            Row(may=(ROTATE,), on=(KEY, OTHER), where=AS_IT_IS, unless=OWN_SCHEDULE),
            Row(may=(INVOKE,), on=(FUNCTION,)),
            Row(may=READ_LOG, on=(LOG, STREAM, AUDITORS_LOG)),
            Row(may=(LOOK_UP,), on=("*",)),
        ),
        others=(KEY_THERE, CLIENT, KMS_THERE, FUNCTION.replace("prod", "dev"), DEVS_LOG, OTHER_LOG, *STREAMS),
    ),
    "the auditor": Held(
        document=audit_keys(
            keys=secret("*/key-??????"),
            reserves=secret("*/reserve-??????"),
            rotators=f"arn:aws:lambda:{HERE}:{ACCOUNT}:function:klaviyo-prod-*",
            log_group_arn=LOG,
            custodian_key_arn=KEY,
            encryption=AT_HOME,
        ),
        rows=(
            Row(may=(DESCRIBE, LOOK[1]), on=(KEY, OTHER, RESERVE)),
            Row(may=(GET,), on=(KEY,)),
            Row(may=(DECRYPT,), on=(KMS,), where=through(KEY)),
            Row(may=(ROTATE,), on=(KEY, OTHER), where=AS_IT_IS, unless=OWN_SCHEDULE),
            Row(may=(INVOKE,), on=(FUNCTION,)),
            Row(may=(LOOK_UP,), on=("*",)),
            Row(may=WRITE_LOG, on=(STREAM,)),
        ),
        others=(KEY_THERE, CLIENT, KMS_THERE, FUNCTION.replace("prod", "dev"), OTHER_LOG, *STREAMS),
    ),
    "the auditor without a custodian": Held(
        document=audit_keys(
            keys=secret("*/key-??????"),
            reserves=secret("*/reserve-??????"),
            rotators=FUNCTION,
            log_group_arn=LOG,
            custodian_key_arn=None,
            encryption=AT_HOME,
        ),
        rows=(
            Row(may=(DESCRIBE, LOOK[1]), on=(KEY, OTHER, RESERVE)),
            Row(may=(ROTATE,), on=(KEY, OTHER), where=AS_IT_IS, unless=OWN_SCHEDULE),
            Row(may=(INVOKE,), on=(FUNCTION,)),
            Row(may=(LOOK_UP,), on=("*",)),
            Row(may=WRITE_LOG, on=(STREAM,)),
        ),
        others=(KMS, CLIENT),
    ),
    "the auditor's schedule": Held(
        document=start_function(FUNCTION), rows=(Row(may=(INVOKE,), on=(FUNCTION,)),), others=(f"{FUNCTION}-2",)
    ),
    "the trail's delivery": Held(
        document=write_trail_log(LOG), rows=(Row(may=WRITE_LOG, on=(STREAM,)),), others=(*STREAMS, f"{LOG}:x")
    ),
    "the OAuth app's service": Held(
        document=keep_oauth_tokens(
            client=secret("oauth-client-??????"), tokens=secret("oauth/*-??????"), encryption=AT_HOME
        ),
        rows=(
            Row(may=(GET, DESCRIBE), on=(CLIENT,)),
            Row(may=(DECRYPT,), on=(KMS,), where=through(CLIENT)),
            Row(may=(GET, DESCRIBE, PUT), on=(TOKENS,)),
            Row(may=(DECRYPT, DATA_KEY), on=(KMS,), where=through(TOKENS)),
        ),
        others=(KEY, KMS_THERE),
    ),
    "an operator of the OAuth app": Held(
        document=stage_oauth_client(client=secret("oauth-client-??????"), encryption=AT_HOME),
        rows=(
            Row(may=(PUT, DESCRIBE), on=(CLIENT,)),
            Row(may=(DECRYPT, DATA_KEY), on=(KMS,), where=through(CLIENT)),
        ),
        others=(TOKENS, KEY, KMS_THERE),
    ),
    "a receiver of webhooks": Held(
        document=receive_webhook(RESERVE, AT_HOME),
        rows=(
            Row(may=(GET, DESCRIBE), on=(RESERVE,)),
            Row(may=(DECRYPT,), on=(KMS,), where=through(RESERVE)),
        ),
        others=(*SECRETS, *KEYS),
    ),
    "a webhook's rotator": Held(
        document=change_webhook_secret(secret_arn=RESERVE, key_arn=KEY, log_group_arn=LOG, encryption=AT_HOME),
        rows=(
            Row(may=(GET, DESCRIBE, PUT, LABEL), on=(RESERVE,)),
            Row(may=(GET, DESCRIBE), on=(KEY,)),
            Row(may=(DECRYPT, DATA_KEY), on=(KMS,), where=through(RESERVE)),
            Row(may=(DECRYPT,), on=(KMS,), where=through(KEY)),
            Row(may=WRITE_LOG, on=(STREAM,)),
        ),
        others=(*SECRETS, *KEYS, *STREAMS),
    ),
    "an operator of webhooks": Held(
        document=rotate_webhook_secret(RESERVE),
        rows=(
            Row(may=(DESCRIBE, *LOOK), on=(RESERVE,)),
            Row(may=(ROTATE,), on=(RESERVE,), where=AS_IT_IS, unless=OWN_SCHEDULE),
        ),
        others=SECRETS,
    ),
    "who appends audit entries": Held(
        document=append_audit(log_group_arn=LOG, service="shop"),
        rows=(Row(may=WRITE_LOG, on=(f"{LOG}:log-stream:entries/shop/1", f"{LOG}:log-stream:anchors/shop/1")),),
        others=(
            *STREAMS,
            f"{LOG}:log-stream:entries/shop-2/1",
            f"{LOG}:log-stream:others/shop/1",
            f"{OTHER_LOG}:log-stream:entries/shop/1",
        ),
    ),
    "who verifies audit entries": Held(
        document=verify_audit(log_group_arn=LOG),
        rows=(Row(may=READ_LOG, on=(LOG, STREAM)),),
        others=(OTHER_LOG, OTHER_STREAM),
    ),
}

RULE = f"arn:aws:events:{HERE}:{ACCOUNT}:rule/klaviyo-prod-alert"
SCHEDULE = f"arn:aws:scheduler:{HERE}:{ACCOUNT}:schedule/default/klaviyo-prod-key-audit"
PROFILE = f"arn:aws:iam::{ACCOUNT}:instance-profile/klaviyo/prod/me"
EXAMINED = Examined(
    keys=KMS,
    key_tags={"environment": "prod"},
    rotators=FUNCTION,
    schedule=SCHEDULE,
    rules=RULE,
    topic=TOPIC,
    trail=TRAIL,
    bucket=BUCKET,
    alarms=ALARM,
    log_groups=f"{LOGS}:*",
    entries=LOG,
    roles=(ME, ROTATOR),
    profiles=(PROFILE,),
)
OF_CALLERS["who examines what is deployed"] = Held(
    document=examine(EXAMINED),
    rows=(
        Row(may=named("secretsmanager", "ListSecrets"), on=("*",)),
        Row(may=(DESCRIBE_KEY, "kms:GetKeyPolicy"), on=(KMS,), where={"aws:ResourceTag/environment": "prod"}),
        Row(may=named("lambda", "GetFunctionConfiguration", "GetFunctionConcurrency", "GetPolicy"), on=(FUNCTION,)),
        Row(may=named("scheduler", "GetSchedule"), on=(SCHEDULE,)),
        Row(may=named("events", "DescribeRule", "ListTargetsByRule"), on=(RULE,)),
        Row(may=named("sns", "GetTopicAttributes", "ListSubscriptionsByTopic"), on=(TOPIC,)),
        Row(may=named("cloudtrail", "GetEventSelectors", "GetTrail", "GetTrailStatus"), on=(TRAIL,)),
        Row(
            may=named(
                "s3",
                "GetBucketPolicy",
                "GetBucketPublicAccessBlock",
                "GetBucketVersioning",
                "GetLifecycleConfiguration",
            ),
            on=(BUCKET,),
        ),
        Row(may=named("cloudwatch", "DescribeAlarms"), on=(ALARM,)),
        Row(may=named("logs", "DescribeLogGroups"), on=(LOG, OTHER_LOG, STREAM)),
        Row(may=named("logs", "DescribeMetricFilters"), on=(LOG, STREAM)),
        Row(
            may=named("iam", "GetRole", "GetRolePolicy", "ListAttachedRolePolicies", "ListRolePolicies"),
            on=(ME, ROTATOR),
        ),
        Row(may=named("iam", "GetInstanceProfile"), on=(PROFILE,)),
    ),
    others=(
        ANOTHER,
        f"{FUNCTION}-2",
        f"{SCHEDULE}-2",
        f"{RULE}-2",
        f"{TOPIC}-2",
        f"{TRAIL}-2",
        f"{BUCKET}-2",
        f"{ALARM}-2",
        f"{PROFILE}-2",
        KEY,
        KMS_THERE,
    ),
)

PLACE = KeyPlace(account_root=ROOT, account_id=ACCOUNT, region=HERE, managers=(DEPLOYER, ROOT))
FOREIGN_USE = ForeignUse(readers=(FOREIGN,), secrets=(KEY,))
OURS = (ME, ANOTHER, DEPLOYER)
LOGS_SERVICE, CLOUDTRAIL = f"logs.{HERE}.amazonaws.com", "cloudtrail.amazonaws.com"
EVENTS, ALARMS = "events.amazonaws.com", "cloudwatch.amazonaws.com"
ADMINISTERED = (Row(who=OURS, may=ADMINISTER, on=("*",)), Row(who=(DEPLOYER,), may=END_KEY, on=("*",)))
LOGS_USE = (DECRYPT, DESCRIBE_KEY, ENCRYPT, *DATA_KEYS, RE_ENCRYPT, "kms:ReEncryptFrom")
LOGGED = Row(who=(LOGS_SERVICE,), may=LOGS_USE, on=("*",), where=logs_context(LOG))
ALERTED = Row(who=(EVENTS, ALARMS), may=(DECRYPT, *DATA_KEYS), on=("*",))


def used(*regions: str, may: tuple[str, ...]) -> Iterator[Row]:
    """Use of a key through Secrets Manager of each region: by this account, and by a reader of another."""
    for region in regions:
        via = f"secretsmanager.{region}.amazonaws.com"
        yield Row(who=OURS, may=may, on=("*",), where={"kms:ViaService": via, "kms:CallerAccount": ACCOUNT})
        yield Row(who=(FOREIGN,), may=(DECRYPT,), on=("*",), where=through(KEY, region))


OF_KEYS = {
    "secrets": Held(
        document=secrets_key_policy(PLACE, log_group_pattern=f"{LOGS}:/aws/lambda/klaviyo-prod-*", foreign=FOREIGN_USE),
        rows=(*ADMINISTERED, *used(HERE, may=(DECRYPT, *DATA_KEYS)), LOGGED),
    ),
    "secrets, nobody elsewhere": Held(
        document=secrets_key_policy(PLACE, log_group_pattern=LOG),
        rows=(
            *ADMINISTERED,
            *(row for row in used(HERE, may=(DECRYPT, *DATA_KEYS)) if row.who == OURS),
            LOGGED,
            Row(who=(FOREIGN,), may=(), on=(), where=through(KEY)),
        ),
    ),
    "replicas": Held(
        document=replicas_key_policy(replace(PLACE, region=THERE), primary_region=HERE, foreign=FOREIGN_USE),
        rows=(*ADMINISTERED, *used(HERE, THERE, may=(DECRYPT, ENCRYPT, *DATA_KEYS))),
    ),
    "a log group": Held(document=log_group_key_policy(PLACE, log_group_arn=LOG), rows=(*ADMINISTERED, LOGGED)),
    "the audit": Held(
        document=audit_key_policy(PLACE, trail_arn=TRAIL, log_group_arn=LOG),
        rows=(
            *ADMINISTERED,
            LOGGED,
            ALERTED,
            Row(
                who=(CLOUDTRAIL,),
                may=DATA_KEYS,
                on=("*",),
                where={"aws:SourceArn": TRAIL, "kms:EncryptionContext:aws:cloudtrail:arn": TRAIL},
            ),
            Row(who=(CLOUDTRAIL,), may=(DESCRIBE_KEY,), on=("*",)),
            Row(who=OURS, may=(DECRYPT,), on=("*",), where={"kms:CallerAccount": ACCOUNT}),
        ),
    ),
    "alerts": Held(document=alerts_key_policy(PLACE), rows=(*ADMINISTERED, ALERTED)),
}
OF_KEYS = {name: replace(held, of="a key", others=(KMS,)) for name, held in OF_KEYS.items()}

WHO_IS_WHO = SecretPrincipals(
    readers=(ME, FOREIGN),
    writers=(ROTATOR,),
    labellers=(role("labeller"),),
    managers=(DEPLOYER, ROOT),
    may_rotate=(OPERATOR,),
    foreign_readers=(FOREIGN,),
)
OF_THIS_ACCOUNT = (ME, ROTATOR, role("labeller"), DEPLOYER, OPERATOR, ANOTHER)
SEE = (DESCRIBE, *LOOK, *named("secretsmanager", "BatchGetSecretValue", "ListSecrets", "ValidateResourcePolicy"))
AMONG_US = (
    Row(who=OF_THIS_ACCOUNT, may=SEE, on=("*",)),
    Row(who=(ME,), may=(GET,), on=("*",)),
    Row(who=(ROTATOR,), may=(PUT,), on=("*",)),
    Row(who=(role("labeller"),), may=(LABEL,), on=("*",)),
    Row(who=(DEPLOYER,), may=(*MANAGE, ROTATE), on=("*",)),
    Row(who=(OPERATOR,), may=(ROTATE,), on=("*",)),
)
S3 = named("s3", "GetBucketAcl", "PutObject", "GetObject", "PutBucketPolicy")
FILE, OTHER_FILE = f"{BUCKET}/AWSLogs/{ACCOUNT}/1.gz", f"{BUCKET}/AWSLogs/{ELSEWHERE}/1.gz"
SECURE = {"aws:SecureTransport": "false"}
BY_TRAIL = {"aws:SourceArn": TRAIL}

OF_RESOURCES = {
    "a secret": Held(
        document=secret_resource_policy(WHO_IS_WHO),
        rows=(*AMONG_US, Row(who=(FOREIGN,), may=(GET, DESCRIBE), on=("*",))),
        others=(KEY, KEY_THERE),
    ),
    "a secret, nobody elsewhere": Held(
        document=secret_resource_policy(replace(WHO_IS_WHO, foreign_readers=())),
        rows=(*AMONG_US, Row(who=(FOREIGN,), may=(), on=())),
        others=(KEY,),
    ),
    "the audit's bucket": Held(
        document=audit_bucket_policy(bucket_arn=BUCKET, trail_arn=TRAIL, account_id=ACCOUNT),
        rows=(
            Row(who=(CLOUDTRAIL,), may=S3[:1], on=(BUCKET,), where=BY_TRAIL, unless=SECURE),
            Row(
                who=(CLOUDTRAIL,),
                may=S3[1:2],
                on=(FILE,),
                where={**BY_TRAIL, "s3:x-amz-acl": "bucket-owner-full-control"},
                unless=SECURE,
            ),
            Row(who=(ANOTHER,), may=S3, on=(BUCKET, FILE, OTHER_FILE), unless=SECURE),
            Row(who=(ANOTHER,), may=S3, on=(f"{BUCKET}-2", f"{BUCKET}-2/AWSLogs/{ACCOUNT}/1.gz")),
        ),
        others=(OTHER_FILE,),
    ),
    "the alerts' topic": Held(
        document=alert_topic_policy(topic_arn=TOPIC, alarm_arn=ALARM),
        rows=(
            Row(who=(EVENTS,), may=(PUBLISH,), on=(TOPIC,)),
            Row(who=(ALARMS,), may=(PUBLISH,), on=(TOPIC,), where={"aws:SourceArn": ALARM}),
            Row(who=(ANOTHER,), may=named("sns", "Publish", "Subscribe", "ListSubscriptionsByTopic"), on=("*",)),
        ),
        others=(f"{TOPIC}-2",),
    ),
}
OF_RESOURCES = {name: replace(held, of="another resource") for name, held in OF_RESOURCES.items()}


def trusting(document: dict[str, Any]) -> dict[str, Any]:
    """A trust policy as the evaluator takes it: its resource is the role that it is on."""
    return document | {"Statement": [statement | {"Resource": "*"} for statement in document["Statement"]]}


TASKS, FUNCTIONS, PODS = "ecs-tasks.amazonaws.com", "lambda.amazonaws.com", "pods.eks.amazonaws.com"
ASSUME, TAG = named("sts", "AssumeRole", "TagSession")
CLUSTER = f"arn:aws:eks:{HERE}:{ACCOUNT}:cluster/shop"
OF_ROLES = {
    "a service here": Held(
        document=trust_service(TASKS, account_id=ACCOUNT),
        rows=(Row(who=(TASKS,), may=(ASSUME,), on=("*",), where={"aws:SourceAccount": ACCOUNT}),),
    ),
    "a service anywhere": Held(
        document=trust_service_of_any_account(FUNCTIONS), rows=(Row(who=(FUNCTIONS,), may=(ASSUME,), on=("*",)),)
    ),
    "pods of one service account": Held(
        document=trust_pods(cluster_arn=CLUSTER, namespace="shop", service_account="web"),
        rows=(
            Row(
                who=(PODS,),
                may=(ASSUME, TAG),
                on=("*",),
                where={
                    "aws:RequestTag/eks-cluster-arn": CLUSTER,
                    "aws:RequestTag/kubernetes-namespace": "shop",
                    "aws:RequestTag/kubernetes-service-account": "web",
                },
            ),
        ),
    ),
    "people": Held(
        document=trust_principals([OPERATOR, ME]), rows=(Row(who=(ME, OPERATOR), may=(ASSUME,), on=("*",)),)
    ),
}
OF_ROLES = {
    name: replace(held, of="a role", document=trusting(held.document), others=(ROTATOR,))
    for name, held in OF_ROLES.items()
}
HELD = {
    f"{held.of}: {name}": held
    for held_by in (OF_CALLERS, OF_KEYS, OF_RESOURCES, OF_ROLES)
    for name, held in held_by.items()
}


@pytest.mark.parametrize("held", HELD.values(), ids=HELD)
def test_a_document_allows_what_its_table_says_under_its_conditions_alone(held: Held) -> None:
    assert held.wrong(held.requests_of_rows()) == []


@pytest.mark.parametrize("held", HELD.values(), ids=HELD)
def test_a_document_allows_nobody_anything_else(held: Held) -> None:
    assert held.wrong(held.other_requests()) == []


MORE_REPLICAS = [REPLICA, replace(REPLICA, region="us-west-2", key_arn=KMS_THERE.replace(THERE, "us-west-2"))]
TAKEN = HELD | {
    "a caller: a service, with two replicas": Held(document=read_keys([KEY], AT_HOME, MORE_REPLICAS), rows=()),
    "a caller: a rotator, with two replicas": Held(
        document=rotate_key(
            key_arn=KEY, reserve_arn=RESERVE, log_group_arn=LOG, encryption=AT_HOME, replicas=MORE_REPLICAS
        ),
        rows=(),
    ),
}


@pytest.mark.parametrize("held", TAKEN.values(), ids=TAKEN)
def test_a_document_is_one_that_aws_takes(held: Held) -> None:
    assert "[]" not in to_json(held.document)
    names = [statement["Sid"] for statement in held.document["Statement"]]
    assert held.document["Version"] == "2012-10-17"
    assert len(set(names)) == len(names)
    assert all(name.isalnum() for name in names)
    expected = {"Sid", "Effect", "Action", "Resource"} | ({"Principal"} if held.of != "a caller" else set())
    for statement in held.document["Statement"]:
        assert expected <= statement.keys() <= expected | {"Condition"}


def test_nobody_who_appends_audit_entries_erases_them_though_other_policies_allow_everything() -> None:
    own = append_audit(log_group_arn=LOG, service="shop")
    for action, resource in product(ACTIONS, (LOG, STREAM, OTHER_LOG, OTHER_STREAM)):
        request = Request(principal=Principal(arn=ME), action=action, resource=resource)
        expected = action not in ERASE or resource in (OTHER_LOG, OTHER_STREAM)
        assert decide(request, identity_policies={"own": own, "any": ANYTHING}).allowed is expected


def test_nobody_of_this_account_is_allowed_anything_by_a_secrets_policy_alone() -> None:
    allowing = [each for each in secret_resource_policy(WHO_IS_WHO)["Statement"] if each["Effect"] == "Allow"]
    assert [each["Principal"] for each in allowing] == [{"AWS": [f"arn:aws:iam::{ELSEWHERE}:root"]}]
    for who, action in product(OF_THIS_ACCOUNT, (*SECRET_USE, *LOOK, *MANAGE)):
        request = Request(principal=Principal(arn=who), action=action, resource=KEY, context={"aws:PrincipalArn": who})
        policy = secret_resource_policy(WHO_IS_WHO)
        assert not decide(request, identity_policies={}, resource_policy=policy).allowed


def test_principals_stand_in_the_order_of_the_alphabet_so_that_no_document_changes_by_itself() -> None:
    people = tuple(
        role(name, account) for account in map(str, range(999999999999, 999999999990, -1)) for name in ("c", "a", "b")
    )
    foreign = ForeignUse(readers=people, secrets=people)
    principals = SecretPrincipals(
        readers=people, writers=people, labellers=people, managers=people, may_rotate=people, foreign_readers=people
    )
    documents = [
        secret_resource_policy(principals),
        secrets_key_policy(PLACE, log_group_pattern=LOG, foreign=foreign),
        trust_principals(people),
    ]
    for each in lists_in(documents):
        if each[0].startswith("arn:"):
            assert each == sorted(each)


def lists_in(value: Any) -> Iterator[list[str]]:
    """Every list of texts within a value."""
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        yield value
    else:
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        for each in inner:
            yield from lists_in(each)


def test_the_text_of_a_document_is_short_and_sorted() -> None:
    assert to_json({"b": 1, "a": [1, 2]}) == '{"a":[1,2],"b":1}'


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (
            client_principals(service=ME, operator=OPERATOR, managers=[DEPLOYER]),
            {"readers": (ME,), "writers": (OPERATOR,), "labellers": (OPERATOR,), "may_rotate": ()},
        ),
        (
            tokens_principals(service=ME, managers=[DEPLOYER]),
            {"readers": (ME,), "writers": (ME,), "labellers": (ME,), "may_rotate": ()},
        ),
        (
            webhook_principals(receivers=[ME], rotator=ROTATOR, operator=OPERATOR, managers=[DEPLOYER]),
            {"readers": (ME, ROTATOR), "writers": (ROTATOR,), "labellers": (ROTATOR,), "may_rotate": (OPERATOR,)},
        ),
    ],
    ids=["OAuth client", "OAuth tokens", "webhook"],
)
def test_whom_the_policy_of_a_secret_names(found: SecretPrincipals, expected: dict[str, tuple[str, ...]]) -> None:
    assert found == SecretPrincipals(**expected, managers=(DEPLOYER,))


def test_a_service_account_alone_takes_its_role_through_its_cluster() -> None:
    issuer = "oidc.eks.eu-west-1.amazonaws.com/id/ABC"
    provider = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}"
    assert trust_service_account(oidc_provider_arn=provider, namespace="shop", service_account="web") == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "TakenBy",
                "Effect": "Allow",
                "Principal": {"Federated": provider},
                "Action": ["sts:AssumeRoleWithWebIdentity"],
                "Condition": {
                    "StringEquals": {
                        f"{issuer}:aud": "sts.amazonaws.com",
                        f"{issuer}:sub": "system:serviceaccount:shop:web",
                    }
                },
            }
        ],
    }
