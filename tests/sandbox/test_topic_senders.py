"""Buckets send to topics as who they are: what the topic's key does not let S3 do is not delivered."""

import json
import uuid

import pytest

from tests.sandbox.running_sandbox import ACCOUNT, Sandbox, document

S3 = {"Service": "s3.amazonaws.com"}


@pytest.mark.parametrize(("actions", "heard"), [(["kms:GenerateDataKey*", "kms:Decrypt"], 1), (["kms:Decrypt"], 0)])
def test_a_bucket_sends_nothing_to_a_topic_whose_key_s3_cannot_use(
    sandbox: Sandbox, actions: list[str], heard: int
) -> None:
    made, sns, sqs, s3 = uuid.uuid4().hex, sandbox.client("sns"), sandbox.client("sqs"), sandbox.client("s3")
    root = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    own = {"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"}
    use = {"Effect": "Allow", "Principal": S3, "Action": actions, "Resource": "*"}
    key = sandbox.client("kms").create_key(Policy=document(own, use))["KeyMetadata"]["Arn"]
    topic = sns.create_topic(Name=made, Attributes={"KmsMasterKeyId": key})["TopicArn"]
    queue = sqs.create_queue(QueueName=made)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    s3.create_bucket(Bucket=made)
    sent = {"TopicConfigurations": [{"TopicArn": topic, "Events": ["s3:ObjectCreated:*"]}]}
    s3.put_bucket_notification_configuration(Bucket=made, NotificationConfiguration=sent)
    s3.put_object(Bucket=made, Key="k", Body=b"x")
    found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    events = [json.loads(json.loads(message["Body"])["Message"]) for message in found]
    assert len([event for event in events if "Records" in event]) == heard
