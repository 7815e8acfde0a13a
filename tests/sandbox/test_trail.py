"""CloudTrail's records of what real boto3 did, LookupEvents over them, and the rules that they fire."""

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from components.alerts.tampering import trail_tampered_with
from tests.sandbox.running_sandbox import ACCOUNT, Sandbox, document


def name() -> str:
    return f"tests/{uuid.uuid4().hex[:12]}"


def events_of(sandbox: Sandbox, attribute: str, value: str, **parameters: Any) -> list[dict[str, Any]]:
    trail = sandbox.client("cloudtrail")
    found = trail.lookup_events(LookupAttributes=[{"AttributeKey": attribute, "AttributeValue": value}], **parameters)
    return list(found["Events"])


def record_of(event: dict[str, Any]) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(event["CloudTrailEvent"])
    return record


def test_a_read_of_a_secret_is_recorded_without_the_secret(sandbox: Sandbox) -> None:
    secret, manager = name(), sandbox.client("secretsmanager")
    arn = manager.create_secret(Name=secret, SecretString="never shown")["ARN"]
    manager.get_secret_value(SecretId=secret, VersionStage="AWSCURRENT")
    manager.put_secret_value(SecretId=secret, SecretString="never shown either")
    read = record_of(events_of(sandbox, "ResourceName", secret)[1])
    assert read["eventName"] == "GetSecretValue"
    assert read["eventSource"] == "secretsmanager.amazonaws.com"
    assert read["requestParameters"] == {"secretId": secret, "versionStage": "AWSCURRENT"}
    assert read["responseElements"] is None
    assert (read["readOnly"], read["managementEvent"], read["eventType"]) == (True, True, "AwsApiCall")
    assert read["userIdentity"]["type"] == "AssumedRole"
    issuer = read["userIdentity"]["sessionContext"]["sessionIssuer"]
    assert issuer["arn"] == f"arn:aws:iam::{ACCOUNT}:role/sandbox/deployer"
    assert read["userIdentity"]["arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/deployer/deployer"
    put = record_of(events_of(sandbox, "ResourceName", secret)[0])
    assert put["eventName"] == "PutSecretValue"
    assert put["requestParameters"].keys() == {"secretId", "clientRequestToken"}
    assert put["responseElements"]["arn"] == arn
    assert "never shown" not in json.dumps(sandbox.server.cloud.trail.records)


def test_a_denied_read_is_recorded_with_its_reason(sandbox: Sandbox) -> None:
    secret, role = name(), sandbox.role()
    sandbox.client("secretsmanager").create_secret(Name=secret, SecretString="s")
    with pytest.raises(ClientError):
        sandbox.client("secretsmanager", role).get_secret_value(SecretId=secret)
    event = events_of(sandbox, "ResourceName", secret)[0]
    record = record_of(event)
    assert record["errorCode"] == "AccessDenied"
    assert "is not authorized to perform: secretsmanager:GetSecretValue" in record["errorMessage"]
    assert record["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] == role
    assert event["Username"] == role.rpartition("/")[2]


def test_issued_secrets_and_variables_of_functions_stay_out_of_the_trail(sandbox: Sandbox) -> None:
    iam, user = sandbox.client("iam"), uuid.uuid4().hex
    iam.create_user(UserName=user)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    record = record_of(events_of(sandbox, "Username", "deployer", MaxResults=1)[0])
    assert record["eventName"] == "CreateAccessKey"
    assert record["responseElements"]["accessKey"]["accessKeyId"] == key["AccessKeyId"]
    sts = sandbox.client_of(sandbox.sign_in("engineer"), "sts")
    trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
    arn = iam.create_role(RoleName=f"r-{user}", AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    issued = sts.assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]
    assumed = record_of(events_of(sandbox, "ResourceName", arn)[0])
    assert assumed["responseElements"]["credentials"]["accessKeyId"] == issued["AccessKeyId"]
    assert assumed["resources"] == [{"accountId": ACCOUNT, "type": "AWS::IAM::Role", "ARN": arn}]
    shown = json.dumps(sandbox.server.cloud.trail.records)
    assert key["SecretAccessKey"] not in shown
    assert issued["SecretAccessKey"] not in shown


def test_what_a_service_asks_of_kms_names_the_secret_and_its_version(sandbox: Sandbox) -> None:
    key = sandbox.client("kms").create_key()["KeyMetadata"]["Arn"]
    manager = sandbox.client("secretsmanager")
    created = manager.create_secret(Name=name(), SecretString="s", KmsKeyId=key)
    manager.get_secret_value(SecretId=created["ARN"])
    decrypt = record_of(events_of(sandbox, "EventName", "Decrypt", MaxResults=1)[0])
    assert decrypt["eventSource"] == "kms.amazonaws.com"
    assert decrypt["requestParameters"]["encryptionContext"] == {
        "SecretARN": created["ARN"],
        "SecretVersionId": created["VersionId"],
    }
    assert decrypt["resources"] == [{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": key}]
    assert decrypt["userIdentity"]["invokedBy"] == "secretsmanager.amazonaws.com"


def test_what_a_service_does_by_itself_has_no_caller(sandbox: Sandbox) -> None:
    arn = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:{name()}"
    sandbox.server.cloud.trail.record_service_event("RotationSucceeded", {"SecretId": arn}, region="us-east-1")
    event = events_of(sandbox, "ResourceName", arn)[0]
    record = record_of(event)
    assert (record["eventType"], record["readOnly"]) == ("AwsServiceEvent", False)
    assert record["additionalEventData"] == {"SecretId": arn}
    assert "arn" not in record["userIdentity"]
    assert "Username" not in event


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("EventName", "CreateLogGroup"),
        ("EventSource", "logs.amazonaws.com"),
        ("ReadOnly", "false"),
        ("ResourceType", "AWS::Logs::LogGroup"),
        ("Username", "deployer"),
    ],
)
def test_events_are_found_by_their_attributes_newest_first(sandbox: Sandbox, attribute: str, value: str) -> None:
    groups = [name(), name()]
    for group in groups:
        sandbox.client("logs").create_log_group(logGroupName=group)
    found = [event["Resources"][0]["ResourceName"] for event in events_of(sandbox, attribute, value, MaxResults=2)]
    assert found == groups[::-1]


def test_one_event_and_one_access_key_are_found(sandbox: Sandbox) -> None:
    session = sandbox.sign_in("engineer")
    identity = sandbox.client_of(session, "sts").get_caller_identity()
    [event] = events_of(sandbox, "AccessKeyId", session.access_key_id)
    assert (event["EventName"], event["Username"]) == ("GetCallerIdentity", "engineer")
    assert identity["Arn"] == record_of(event)["userIdentity"]["arn"]
    assert [found["EventId"] for found in events_of(sandbox, "EventId", event["EventId"])] == [event["EventId"]]


def test_pages_hold_every_event_once_while_new_ones_come(sandbox: Sandbox) -> None:
    groups = [name() for _ in range(5)]
    logs, trail = sandbox.client("logs"), sandbox.client("cloudtrail")
    for group in groups:
        logs.create_log_group(logGroupName=group)
    query = {"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "CreateLogGroup"}], "MaxResults": 2}
    seen: list[str] = []
    answer = trail.lookup_events(**query)
    while len(seen) < 5:
        seen += [event["Resources"][0]["ResourceName"] for event in answer["Events"]]
        logs.create_log_group(logGroupName=name())
        answer = trail.lookup_events(**query, NextToken=answer["NextToken"])
    assert seen[:5] == groups[::-1]


def test_times_bound_the_events(sandbox: Sandbox) -> None:
    trail = sandbox.client("cloudtrail")
    sandbox.client("logs").create_log_group(logGroupName=name())
    assert trail.lookup_events(StartTime=4102444800)["Events"] == []
    assert trail.lookup_events(EndTime=4102444800, MaxResults=1)["Events"] != []
    assert trail.lookup_events(EndTime=0)["Events"] == []


ANY_NAME = {"AttributeKey": "EventName", "AttributeValue": "x"}


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"MaxResults": 50, "NextToken": "none of ours"}, "InvalidNextTokenException"),
        ({"EventCategory": "insight"}, "InvalidEventCategoryException"),
        ({"LookupAttributes": [ANY_NAME, ANY_NAME]}, "InvalidLookupAttributesException"),
    ],
)
def test_lookups_that_aws_refuses_are_refused(sandbox: Sandbox, parameters: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as error:
        sandbox.client("cloudtrail").lookup_events(**parameters)
    assert error.value.response["Error"]["Code"] == code


def test_data_events_are_kept_and_not_looked_up(sandbox: Sandbox) -> None:
    topic = sandbox.client("sns").create_topic(Name=uuid.uuid4().hex)["TopicArn"]
    sandbox.client("sns").publish(TopicArn=topic, Message="m")
    assert [event["EventName"] for event in events_of(sandbox, "ResourceName", topic)] == []
    kept = [record for record in sandbox.server.cloud.trail.records if record["eventName"] == "Publish"]
    assert (kept[-1]["requestParameters"]["topicArn"], kept[-1]["eventCategory"]) == (topic, "Data")


def test_a_trail_keeps_its_log_group_role_topic_and_tags(sandbox: Sandbox) -> None:
    trail, made = sandbox.client("cloudtrail"), f"trail-{uuid.uuid4().hex[:8]}"
    bucket = f"bucket-{uuid.uuid4().hex[:8]}"
    sandbox.client("s3").create_bucket(Bucket=bucket)
    group = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:trail:*"
    role = f"arn:aws:iam::{ACCOUNT}:role/trail"
    arn = trail.create_trail(
        Name=made,
        S3BucketName=bucket,
        SnsTopicName="topic",
        CloudWatchLogsLogGroupArn=group,
        CloudWatchLogsRoleArn=role,
        TagsList=[{"Key": "owner", "Value": "us"}],
    )["TrailARN"]
    found = trail.get_trail(Name=made)["Trail"]
    assert (found["CloudWatchLogsLogGroupArn"], found["CloudWatchLogsRoleArn"]) == (group, role)
    assert found["SnsTopicName"] == "topic"
    assert trail.list_tags(ResourceIdList=[arn])["ResourceTagList"][0]["TagsList"] == [{"Key": "owner", "Value": "us"}]


class Listener:
    """A rule that sends what it matches through a topic to a queue."""

    def __init__(self, sandbox: Sandbox, pattern: dict[str, Any], state: str) -> None:
        made = uuid.uuid4().hex
        sns, events = sandbox.client("sns"), sandbox.client("events")
        self._sqs = sandbox.client("sqs")
        topic = sns.create_topic(Name=made)["TopicArn"]
        publish = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish"}
        policy = document({**publish, "Resource": topic})
        sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
        self._queue = self._sqs.create_queue(QueueName=made)["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])["Attributes"]
        sns.subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=attributes["QueueArn"], Attributes={"RawMessageDelivery": "true"}
        )
        events.put_rule(Name=made, EventPattern=json.dumps(pattern), State=state)
        events.put_targets(Rule=made, Targets=[{"Id": "topic", "Arn": topic}])

    def heard(self) -> list[dict[str, Any]]:
        found = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"]) for message in found]


@pytest.mark.parametrize(
    ("state", "names"),
    [
        ("ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS", ["CreateSecret", "GetSecretValue"]),
        ("ENABLED", ["CreateSecret"]),
        ("DISABLED", []),
    ],
)
def test_reads_reach_only_the_rules_that_ask_for_all_management_events(
    sandbox: Sandbox, state: str, names: list[str]
) -> None:
    secret = name()
    pattern = {
        "source": ["aws.secretsmanager"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "$or": [
            {"detail": {"requestParameters": {"secretId": [secret]}}},
            {"detail": {"requestParameters": {"name": [secret]}}},
        ],
    }
    listener = Listener(sandbox, pattern, state)
    manager = sandbox.client("secretsmanager")
    manager.create_secret(Name=secret, SecretString="s")
    manager.get_secret_value(SecretId=secret)
    assert [event["detail"]["eventName"] for event in listener.heard()] == names


def test_a_denied_read_reaches_the_topic_of_its_rule(sandbox: Sandbox) -> None:
    secret, role = name(), sandbox.role()
    pattern = {
        "source": ["aws.secretsmanager"],
        "detail": {
            "eventName": ["GetSecretValue"],
            "errorCode": ["AccessDenied"],
            "requestParameters": {"secretId": [secret]},
        },
    }
    listener = Listener(sandbox, pattern, "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")
    sandbox.client("secretsmanager").create_secret(Name=secret, SecretString="s")
    with pytest.raises(ClientError):
        sandbox.client("secretsmanager", role).get_secret_value(SecretId=secret)
    [event] = listener.heard()
    assert event["account"] == ACCOUNT
    assert event["region"] == "us-east-1"
    assert event["detail-type"] == "AWS API Call via CloudTrail"
    assert event["detail"]["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] == role


def test_the_rule_on_tampering_hears_of_what_weakens_the_trails_bucket(sandbox: Sandbox) -> None:
    bucket, s3 = f"trail-{uuid.uuid4().hex[:12]}", sandbox.client("s3")
    pattern = trail_tampered_with(trail=["none"], bucket=bucket, key=["none"], log_group="none")
    listener = Listener(sandbox, dict(pattern), "ENABLED")
    s3.create_bucket(Bucket=bucket)
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_lifecycle_configuration(
        Bucket=bucket,
        LifecycleConfiguration={"Rules": [{"ID": "x", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}}]},
    )
    named = [event["detail"]["eventName"] for event in listener.heard()]
    assert named == ["DeleteBucketPublicAccessBlock", "PutBucketLifecycle"]


def test_service_events_reach_rules(sandbox: Sandbox) -> None:
    arn = name()
    pattern = {
        "detail-type": ["AWS Service Event via CloudTrail"],
        "detail": {"eventName": ["RotationFailed"], "additionalEventData": {"SecretId": [arn]}},
    }
    listener = Listener(sandbox, pattern, "ENABLED")
    sandbox.server.cloud.trail.record_service_event("RotationFailed", {"SecretId": arn}, region="us-east-1")
    [event] = listener.heard()
    assert event["source"] == "aws.secretsmanager"
