"""What a caller is told to have happened, service by service, and how to see that it is still so."""

import base64
import hashlib
import hmac
import io
import json
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.sandbox.ended_sandbox import Process
from tests.sandbox.running_sandbox import ACCOUNT, document

REGION = "us-east-1"
REVISION = "2026-07-15"
BACK = "https://app.example/back"
HANDLER = """
import boto3, time

def handler(event, context):
    print(event)
    if "Step" not in event:
        return {"time": time.time(), "event": event}
    secrets = boto3.client("secretsmanager")
    token, secret = event["ClientRequestToken"], event["SecretId"]
    if event["Step"] == "createSecret":
        secrets.put_secret_value(SecretId=secret, ClientRequestToken=token, SecretString="new",
                                 VersionStages=["AWSPENDING"])
    if event["Step"] == "testSecret":
        time.sleep(%(seconds)s)
    if event["Step"] == "finishSecret":
        versions = secrets.describe_secret(SecretId=secret)["VersionIdsToStages"]
        current = next(one for one, stages in versions.items() if "AWSCURRENT" in stages)
        if current != token:
            secrets.update_secret_version_stage(SecretId=secret, VersionStage="AWSCURRENT", MoveToVersionId=token,
                                                RemoveFromVersionId=current)
"""


@dataclass(frozen=True)
class Story:
    """``look`` returns the same before and after any end of the process, once it has happened."""

    name: str
    happens: Callable[[Process], None]
    look: Callable[[Process], Any]


def _versions(process: Process) -> None:
    client = process.client("secretsmanager")
    client.create_secret(Name="kept", SecretString="one", Tags=[{"Key": "a", "Value": "b"}])
    client.put_secret_value(SecretId="kept", SecretBinary=b"\x00\xff", VersionStages=["SPARE"])
    client.put_resource_policy(
        SecretId="kept",
        ResourcePolicy=document(
            {
                "Effect": "Deny",
                "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/sandbox/intruder"},
                "Action": "secretsmanager:GetSecretValue",
                "Resource": "*",
            }
        ),
    )
    client.create_secret(Name="deleted", SecretString="gone")
    client.delete_secret(SecretId="deleted", RecoveryWindowInDays=7)


def _see_versions(process: Process) -> Any:
    client = process.client("secretsmanager")
    described = client.describe_secret(SecretId="kept")
    return [
        described["VersionIdsToStages"],
        described["Tags"],
        client.get_secret_value(SecretId="kept")["SecretString"],
        client.get_secret_value(SecretId="kept", VersionStage="SPARE")["SecretBinary"],
        client.get_resource_policy(SecretId="kept")["ResourcePolicy"],
        client.describe_secret(SecretId="deleted")["DeletedDate"],
    ]


def _readings(process: Process) -> None:
    assert process.run("reading", "retry", "renewed").returncode == 0
    assert process.run("reading", "step-names", "snake").returncode == 0


def _see_readings(process: Process) -> Any:
    return json.loads(process.run("reading", "--json").stdout)


def _key(process: Process) -> None:
    kms = process.client("kms")
    key = kms.create_key(Description="kept", Tags=[{"TagKey": "a", "TagValue": "b"}])["KeyMetadata"]
    kms.create_alias(AliasName="alias/kept", TargetKeyId=key["KeyId"])
    kms.create_grant(
        KeyId=key["Arn"], GranteePrincipal=f"arn:aws:iam::{ACCOUNT}:role/sandbox/intruder", Operations=["Decrypt"]
    )
    secret = kms.encrypt(KeyId="alias/kept", Plaintext=b"plain", EncryptionContext={"a": "b"})["CiphertextBlob"]
    process.client("secretsmanager").create_secret(Name="encrypted", SecretBinary=secret)
    signing = kms.create_key(KeyUsage="SIGN_VERIFY", KeySpec="ECC_NIST_P256")["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/signing", TargetKeyId=signing)


def _see_key(process: Process) -> Any:
    kms = process.client("kms")
    blob = process.client("secretsmanager").get_secret_value(SecretId="encrypted")["SecretBinary"]
    return [
        kms.describe_key(KeyId="alias/kept")["KeyMetadata"],
        kms.decrypt(CiphertextBlob=blob, EncryptionContext={"a": "b"})["Plaintext"],
        kms.get_key_policy(KeyId=kms.describe_key(KeyId="alias/kept")["KeyMetadata"]["KeyId"])["Policy"],
        [grant["Operations"] for grant in kms.list_grants(KeyId=_key_id(kms))["Grants"]],
        kms.get_public_key(KeyId="alias/signing")["PublicKey"],
    ]


def _key_id(kms: Any) -> str:
    return str(kms.describe_key(KeyId="alias/kept")["KeyMetadata"]["KeyId"])


def _role(process: Process) -> None:
    iam = process.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    iam.create_role(RoleName="kept", Path="/a/", AssumeRolePolicyDocument=document(trust))
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    iam.put_role_policy(RoleName="kept", PolicyName="p", PolicyDocument=document(statement))
    iam.create_user(UserName="kept")
    process.notes["access key"] = iam.create_access_key(UserName="kept")["AccessKey"]


def _see_role(process: Process) -> Any:
    iam = process.client("iam")
    return [
        iam.get_role(RoleName="kept")["Role"]["RoleId"],
        iam.get_role_policy(RoleName="kept", PolicyName="p")["PolicyDocument"],
        [key["AccessKeyId"] for key in iam.list_access_keys(UserName="kept")["AccessKeyMetadata"]],
        len(iam.list_roles(PathPrefix="/sandbox/")["Roles"]),
        process.client_of_user(process.notes["access key"], "sts").get_caller_identity()["Arn"],
    ]


def _function(process: Process) -> None:
    deploy(process, "kept")
    process.client("lambda").put_function_concurrency(FunctionName="kept", ReservedConcurrentExecutions=2)
    process.client("lambda").invoke(FunctionName="kept", Payload=b"{}")


def bundle(*, seconds: float) -> bytes:
    """``HANDLER``, whose third step takes this long."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("module.py", HANDLER % {"seconds": seconds})
    return buffer.getvalue()


def deploy(process: Process, name: str, *, seconds: float = 0) -> str:
    """Deploy ``HANDLER`` with a role that may read and write all secrets; returns the function's ARN."""
    iam, functions = process.client("iam"), process.client("lambda")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName=f"{name}-function", AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    statement = {"Effect": "Allow", "Action": ["secretsmanager:*", "logs:*"], "Resource": "*"}
    iam.put_role_policy(RoleName=f"{name}-function", PolicyName="p", PolicyDocument=document(statement))
    made = functions.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=role,
        Handler="module.handler",
        Timeout=30,
        Code={"ZipFile": bundle(seconds=seconds)},
    )
    functions.add_permission(
        FunctionName=name, StatementId="s", Action="lambda:InvokeFunction", Principal="secretsmanager.amazonaws.com"
    )
    return str(made["FunctionArn"])


def _see_function(process: Process) -> Any:
    functions = process.client("lambda")
    functions.get_waiter("function_active_v2").wait(FunctionName="kept", WaiterConfig={"Delay": 1})
    answer = json.loads(functions.invoke(FunctionName="kept", Payload=b'{"a": 1}')["Payload"].read())
    return [
        functions.get_policy(FunctionName="kept")["Policy"],
        functions.get_function_concurrency(FunctionName="kept")["ReservedConcurrentExecutions"],
        answer["event"],
    ]


def _messages(process: Process) -> None:
    topic = process.client("sns").create_topic(Name="kept")["TopicArn"]
    queues = process.client("sqs")
    url = queues.create_queue(QueueName="kept")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    process.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    events = process.client("events")
    events.put_rule(Name="kept", EventPattern=json.dumps({"source": ["a"]}), Description="d")
    events.put_targets(Rule="kept", Targets=[{"Id": "q", "Arn": arn}])
    process.client("sns").publish(TopicArn=topic, Message="published")
    events.put_events(Entries=[{"Source": "a", "DetailType": "t", "Detail": "{}"}])


def _see_messages(process: Process) -> Any:
    queues, events = process.client("sqs"), process.client("events")
    url = queues.get_queue_url(QueueName="kept")["QueueUrl"]
    count = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:kept"
    return [
        count,
        process.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"],
        events.describe_rule(Name="kept")["EventPattern"],
        events.list_targets_by_rule(Rule="kept")["Targets"],
    ]


def _bucket(process: Process) -> None:
    s3 = process.client("s3")
    s3.create_bucket(Bucket="kept", ObjectLockEnabledForBucket=True)
    s3.put_object(Bucket="kept", Key="a/b", Body=b"\x00body")
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
    s3.put_object_retention(Bucket="kept", Key="a/b", Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until})
    s3.put_bucket_tagging(Bucket="kept", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})


def _see_bucket(process: Process) -> Any:
    s3 = process.client("s3")
    return [
        s3.get_object(Bucket="kept", Key="a/b")["Body"].read(),
        s3.get_object_retention(Bucket="kept", Key="a/b")["Retention"],
        s3.get_bucket_tagging(Bucket="kept")["TagSet"],
        s3.get_bucket_versioning(Bucket="kept")["Status"],
    ]


def _logs(process: Process) -> None:
    logs, now = process.client("logs"), int(time.time() * 1000)
    logs.create_log_group(logGroupName="kept")
    logs.put_retention_policy(logGroupName="kept", retentionInDays=30)
    logs.create_log_stream(logGroupName="kept", logStreamName="s")
    logs.put_log_events(logGroupName="kept", logStreamName="s", logEvents=[{"timestamp": now, "message": "written"}])
    process.client("cloudwatch").put_metric_alarm(
        AlarmName="kept",
        MetricName="m",
        Namespace="n",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    process.client("s3").create_bucket(Bucket="trail")
    process.client("cloudtrail").create_trail(Name="kept", S3BucketName="trail")
    process.client("cloudtrail").start_logging(Name="kept")


def _see_logs(process: Process) -> Any:
    logs, trails = process.client("logs"), process.client("cloudtrail")
    return [
        logs.describe_log_groups(logGroupNamePrefix="kept")["logGroups"][0]["retentionInDays"],
        [event["message"] for event in logs.get_log_events(logGroupName="kept", logStreamName="s")["events"]],
        process.client("cloudwatch").describe_alarms(AlarmNames=["kept"])["MetricAlarms"][0]["AlarmArn"],
        trails.get_trail_status(Name="kept")["IsLogging"],
        [
            event["EventId"]
            for event in trails.lookup_events(
                LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateTrail"}]
            )["Events"]
        ],
    ]


def _klaviyo(process: Process) -> None:
    made = process.control("POST", "/sandbox/keys", {"name": "kept", "scopes": ["lists:read", "lists:write"]})
    process.notes["key"] = made["key"]
    disabled = process.control("POST", "/sandbox/keys", {"name": "off", "scopes": ["lists:read"]})
    process.control("PATCH", f"/sandbox/keys/{disabled['id']}", {"status": "disabled"})
    _api(process, "DELETE", "/api/lists/LstVip")
    _api(process, "POST", "/api/lists", {"data": {"type": "list", "attributes": {"name": "Kept"}}})


def _api(process: Process, method: str, path: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Klaviyo-API-Key {process.notes['key']}", "revision": REVISION}
    answer = process.ask(method, path, json.dumps(body) if body else "", **headers)
    assert answer.status < 300, answer.body
    return json.loads(answer.body or "null")


def _see_klaviyo(process: Process) -> Any:
    lists = _api(process, "GET", "/api/lists")["data"]
    return [process.control("GET", "/sandbox/keys")[:2], [(one["id"], one["attributes"]) for one in lists]]


def _oauth(process: Process) -> None:
    asked = {"redirect_uris": [BACK], "scopes": ["accounts:read"], "renews_refresh_tokens": False}
    process.notes["app"] = app = process.control("POST", "/sandbox/oauth-apps", asked)
    query = {
        "response_type": "code",
        "client_id": app["client_id"],
        "redirect_uri": BACK,
        "scope": "accounts:read",
        "state": "s",
        "code_challenge_method": "S256",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    }
    location = process.ask("GET", f"/oauth/authorize?{urlencode(query)}").headers["location"]
    code = parse_qs(urlsplit(location).query)["code"][0]
    process.notes["tokens"] = _token(
        process,
        grant_type="authorization_code",
        code=code,
        redirect_uri=BACK,
        code_verifier="dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    )


def _token(process: Process, **form: str) -> Any:
    app = process.notes["app"]
    basic = base64.b64encode(f"{app['client_id']}:{app['client_secret']}".encode()).decode()
    answer = process.ask("POST", "/oauth/token", urlencode(form), Authorization=f"Basic {basic}")
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def _see_oauth(process: Process) -> Any:
    tokens = process.notes["tokens"]
    headers = {"Authorization": f"Bearer {tokens['access_token']}", "revision": REVISION}
    renewed = _token(process, grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    return [process.ask("GET", "/api/accounts", **headers).status, renewed["scope"]]


def _webhook(process: Process) -> None:
    scopes = ["webhooks:read", "webhooks:write"]
    process.notes["hooks"] = process.control("POST", "/sandbox/keys", {"name": "hooks", "scopes": scopes})["key"]
    attributes = {"name": "kept", "endpoint_url": "http://127.0.0.1:9/", "secret_key": "s" * 32}
    topics = {"webhook-topics": {"data": [{"type": "webhook-topic", "id": "event:klaviyo.placed_order"}]}}
    made = _hooks(process, "POST", "/api/webhooks", {"attributes": attributes, "relationships": topics})
    process.notes["webhook"] = made["data"]["id"]


def _hooks(process: Process, method: str, path: str, data: Any = None) -> Any:
    headers = {"Authorization": f"Klaviyo-API-Key {process.notes['hooks']}", "revision": REVISION}
    body = json.dumps({"data": {"type": "webhook", **data}}) if data else ""
    answer = process.ask(method, path, body, **headers)
    assert answer.status < 300, answer.body
    return json.loads(answer.body)


def _see_webhook(process: Process) -> Any:
    """It is there, and signs with the secret that it was given."""
    name = process.notes["webhook"]
    sent = process.control("POST", f"/sandbox/webhooks/{name}/deliver")
    signing = hmac.new(b"s" * 32, sent["body"].encode(), hashlib.sha256)
    signing.update(sent["headers"]["Klaviyo-Timestamp"].encode())
    attributes = _hooks(process, "GET", f"/api/webhooks/{name}")["data"]["attributes"]
    return [attributes, signing.hexdigest() == sent["headers"]["Klaviyo-Signature"]]


STORIES = (
    Story("secrets with versions, labels, policies and recovery windows", _versions, _see_versions),
    Story("readings of open points", _readings, _see_readings),
    Story("KMS keys, aliases, policies and grants", _key, _see_key),
    Story("IAM roles, users and policies", _role, _see_role),
    Story("functions with code, permissions and settings", _function, _see_function),
    Story("topics, subscriptions, queues, rules and messages", _messages, _see_messages),
    Story("buckets with objects, versions and retention", _bucket, _see_bucket),
    Story("log groups, alarms, trails and their events", _logs, _see_logs),
    Story("Klaviyo's keys and resources", _klaviyo, _see_klaviyo),
    Story("Klaviyo's OAuth apps and tokens", _oauth, _see_oauth),
    Story("Klaviyo's webhooks and their secrets", _webhook, _see_webhook),
)
