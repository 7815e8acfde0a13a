"""Every entry of the resource table: what it declares, and its life on the sandbox."""

import json
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sandbox.provider.beginnings import Beginnings
from sandbox.provider.cloud import PredictedCloud
from sandbox.provider.resources import TABLE
from sandbox.provider.schema import declared_inputs
from sandbox.provider.servicer import AwsProvider
from sandbox.provider.table import Place
from sandbox.provider.wire import ARCHIVE, ASSET, SIGNATURE
from tests.sandbox.provider_bench import Bench, Made, Properties, urn_of
from tests.sandbox.running_sandbox import Sandbox
from tests.sandbox.stack_bench import environment

ACCOUNT = "000000000000"
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}


def document(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def shape(resource_id: str) -> str:
    """An id with whatever is drawn or named in it left out."""
    return re.sub(r"\w+", "x", resource_id)


def archive(text: str) -> Properties:
    return {SIGNATURE: ARCHIVE, "assets": {"handler.py": {SIGNATURE: ASSET, "text": text}}}


@pytest.mark.parametrize("aws_type", TABLE)
def test_an_entry_takes_only_inputs_that_pulumi_aws_declares(aws_type: str) -> None:
    entry = TABLE[aws_type]
    assert entry.inputs <= declared_inputs(aws_type)
    assert entry.required <= entry.inputs
    assert entry.documents <= entry.inputs
    assert set(entry.defaults) <= entry.inputs
    assert entry.updatable.isdisjoint(entry.replacing)
    assert (entry.auto_name is None) or entry.auto_name.property in entry.replacing


class World:
    """What other resources need, made through the provider when first asked for."""

    def __init__(self, bench: Bench, sandbox: Sandbox) -> None:
        self.bench = bench
        self.sandbox = sandbox
        self.name = f"w{uuid.uuid4().hex[:8]}"
        self._made: dict[str, Made] = {}

    def _make(self, aws_type: str, inputs: Properties) -> Made:
        if aws_type not in self._made:
            self._made[aws_type] = self.bench.create(aws_type, inputs)
        return self._made[aws_type]

    @property
    def role(self) -> Made:
        return self._make("aws:iam/role:Role", {"name": f"{self.name}-role", "assumeRolePolicy": document(**TRUST)})

    @property
    def key(self) -> Made:
        return self._make("aws:kms/key:Key", {})

    @property
    def secret(self) -> Made:
        return self._make("aws:secretsmanager/secret:Secret", {"name": f"{self.name}/key"})

    @property
    def bucket(self) -> Made:
        return self._make("aws:s3/bucket:Bucket", {"bucket": f"{self.name}-bucket"})

    @property
    def topic(self) -> Made:
        return self._make("aws:sns/topic:Topic", {"name": f"{self.name}-topic"})

    @property
    def rule(self) -> Made:
        inputs = {"name": f"{self.name}-rule", "eventPattern": json.dumps({"source": ["aws.kms"]})}
        return self._make("aws:cloudwatch/eventRule:EventRule", inputs)

    @property
    def log_group(self) -> Made:
        return self._make("aws:cloudwatch/logGroup:LogGroup", {"name": f"/{self.name}-logs"})

    @property
    def function(self) -> Made:
        inputs = {
            "name": f"{self.name}-function",
            "role": self.role.outputs["arn"],
            "handler": "handler.handler",
            "runtime": "python3.12",
            "code": archive("def handler(event, context):\n    return event\n"),
        }
        return self._make("aws:lambda/function:Function", inputs)

    @property
    def rotator(self) -> str:
        """A function that Secrets Manager may invoke."""
        self._make(
            "aws:lambda/permission:Permission",
            {
                "action": "lambda:InvokeFunction",
                "function": self.function.id,
                "principal": "secretsmanager.amazonaws.com",
            },
        )
        return str(self.function.outputs["arn"])

    @property
    def cluster(self) -> str:
        """A cluster of another team's: no resource of the table."""
        eks = self.sandbox.client("eks")
        if self.name not in eks.list_clusters()["clusters"]:
            role = self.role.outputs["arn"]
            eks.create_cluster(name=self.name, roleArn=role, resourcesVpcConfig={"subnetIds": ["a", "b"]})
        return self.name


@dataclass(frozen=True)
class Life:
    """A resource's inputs, and what is then changed in place."""

    inputs: Callable[[World], Properties]
    change: Properties = field(default_factory=dict)
    stays: str = ""
    """What is left of it in AWS after its removal, as in AWS itself."""


LOG_POLICY = document(Effect="Allow", Action="logs:PutLogEvents", Resource="arn:aws:logs:us-east-1:000000000000:*")
TAGS = {"tags": {"team": "one", "old": "x"}}
RETAGGED = {"tags": {"team": "two", "new": "y"}}

LIVES: dict[str, Life] = {
    "aws:kms/key:Key": Life(
        lambda _: {"description": "one", "enableKeyRotation": True, "deletionWindowInDays": 7, **TAGS},
        {"description": "two", "enableKeyRotation": False, **RETAGGED},
    ),
    "aws:kms/alias:Alias": Life(lambda world: {"name": f"alias/{world.name}", "targetKeyId": world.key.id}),
    "aws:secretsmanager/secret:Secret": Life(
        lambda world: {"name": f"{world.name}/own", "description": "one", "recoveryWindowInDays": 0, **TAGS},
        {"description": "two", **RETAGGED},
    ),
    "aws:secretsmanager/secretPolicy:SecretPolicy": Life(
        lambda world: {
            "secretArn": world.secret.id,
            "policy": document(
                Effect="Allow",
                Principal={"AWS": world.role.outputs["arn"]},
                Action="secretsmanager:GetSecretValue",
                Resource="*",
            ),
        },
        {
            "policy": document(
                Effect="Deny",
                Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:role/sandbox/intruder"},
                Action="secretsmanager:GetSecretValue",
                Resource="*",
            )
        },
    ),
    "aws:lambda/function:Function": Life(
        lambda world: {
            "name": f"{world.name}-own",
            "role": world.role.outputs["arn"],
            "handler": "handler.handler",
            "runtime": "python3.12",
            "timeout": 30,
            "environment": {"variables": {"lower_Case": "1"}},
            "reservedConcurrentExecutions": 1,
            "code": archive("def handler(event, context):\n    return 1\n"),
            **TAGS,
        },
        {
            "timeout": 60,
            "environment": {"variables": {"lower_Case": "2"}},
            "reservedConcurrentExecutions": 2,
            "code": archive("def handler(event, context):\n    return 2\n"),
            **RETAGGED,
        },
    ),
    "aws:lambda/permission:Permission": Life(
        lambda world: {
            "action": "lambda:InvokeFunction",
            "function": world.function.id,
            "principal": "secretsmanager.amazonaws.com",
            "sourceAccount": ACCOUNT,
            "statementId": "rotate",
        }
    ),
    "aws:cloudwatch/logGroup:LogGroup": Life(
        lambda world: {"name": f"/{world.name}", "retentionInDays": 30, **TAGS},
        {"retentionInDays": 90, **RETAGGED},
    ),
    "aws:cloudwatch/eventRule:EventRule": Life(
        lambda world: {
            "name": f"{world.name}-own",
            "eventPattern": json.dumps({"source": ["aws.kms"]}),
            "state": "ENABLED",
            **TAGS,
        },
        {"eventPattern": json.dumps({"source": ["aws.s3"]}), "state": "DISABLED", **RETAGGED},
    ),
    "aws:cloudwatch/eventTarget:EventTarget": Life(
        lambda world: {"rule": world.rule.id, "targetId": "one", "arn": world.topic.id, "input": '{"a": 1}'},
        {"arn": f"arn:aws:sns:us-east-1:{ACCOUNT}:another", "input": '{"a": 2}'},
    ),
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": Life(
        lambda world: {
            "name": f"{world.name}-own",
            "logGroupName": world.log_group.id,
            "pattern": '{ $.suspicious[0] = "*" }',
            "metricTransformation": {"name": "one", "namespace": "Tests", "value": "1"},
        },
        {"metricTransformation": {"name": "two", "namespace": "Tests", "value": "$.count"}},
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Life(
        lambda world: {
            "name": f"{world.name}-own",
            "namespace": "Tests",
            "metricName": "one",
            "dimensions": {"Environment": "one"},
            "statistic": "Sum",
            "period": 60,
            "evaluationPeriods": 1,
            "threshold": 1,
            "comparisonOperator": "GreaterThanOrEqualToThreshold",
            "treatMissingData": "notBreaching",
            "alarmActions": [world.topic.id],
            "insufficientDataActions": [world.topic.id],
            "alarmDescription": "one",
            **TAGS,
        },
        {"alarmDescription": "two", "dimensions": {"Environment": "two"}, "threshold": 2.5, **RETAGGED},
    ),
    "aws:scheduler/schedule:Schedule": Life(
        lambda world: {
            "name": f"{world.name}-own",
            "scheduleExpression": "cron(30 5 * * ? *)",
            "flexibleTimeWindow": {"mode": "OFF"},
            "target": {"arn": world.function.outputs["arn"], "roleArn": world.role.outputs["arn"], "input": '{"a": 1}'},
        },
        {"scheduleExpression": "cron(40 5 * * ? *)", "description": "two", "state": "DISABLED"},
    ),
    "aws:iam/role:Role": Life(
        lambda world: {
            "name": f"{world.name}-own",
            "path": "/tests/",
            "assumeRolePolicy": document(**TRUST),
            "description": "one",
            **TAGS,
        },
        {"description": "two", "maxSessionDuration": 7200, **RETAGGED},
    ),
    "aws:iam/rolePolicy:RolePolicy": Life(
        lambda world: {"role": world.role.id, "name": "own", "policy": LOG_POLICY},
        {"policy": LOG_POLICY.replace("logs:PutLogEvents", "logs:CreateLogStream")},
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Life(
        lambda world: {
            "role": world.role.id,
            "policyArn": "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy",
        }
    ),
    "aws:iam/instanceProfile:InstanceProfile": Life(
        lambda world: {"name": f"{world.name}-own", "path": "/tests/", "role": world.role.id, **TAGS}, RETAGGED
    ),
    "aws:s3/bucket:Bucket": Life(lambda world: {"bucket": f"{world.name}-own", **TAGS}, RETAGGED),
    "aws:s3/bucketPolicy:BucketPolicy": Life(
        lambda world: {
            "bucket": world.bucket.id,
            "policy": document(
                Effect="Deny", Principal="*", Action="s3:PutObject", Resource=f"arn:aws:s3:::{world.bucket.id}/a"
            ),
        }
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": Life(
        lambda world: {"bucket": world.bucket.id, "blockPublicAcls": True}, {"blockPublicPolicy": True}
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": Life(
        lambda world: {
            "bucket": world.bucket.id,
            "rules": [
                {
                    "applyServerSideEncryptionByDefault": {
                        "sseAlgorithm": "aws:kms",
                        "kmsMasterKeyId": world.key.outputs["arn"],
                    },
                    "bucketKeyEnabled": True,
                }
            ],
        },
        {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}, "bucketKeyEnabled": False}]},
        stays="S3's own encryption",
    ),
    "aws:s3/bucketVersioning:BucketVersioning": Life(
        lambda world: {"bucket": world.bucket.id, "versioningConfiguration": {"status": "Enabled"}},
        stays="suspended versioning",
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": Life(
        lambda world: {"bucket": world.bucket.id, "rule": {"objectOwnership": "BucketOwnerEnforced"}},
        {"rule": {"objectOwnership": "BucketOwnerPreferred"}},
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": Life(
        lambda world: {
            "bucket": world.bucket.id,
            "rules": [
                {
                    "id": "all",
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    "expiration": {"days": 400},
                    "noncurrentVersionExpiration": {"noncurrentDays": 30},
                    "abortIncompleteMultipartUpload": {"daysAfterInitiation": 7},
                }
            ],
        },
        {"rules": [{"id": "all", "status": "Enabled", "filter": {"prefix": "x/"}, "expiration": {"days": 30}}]},
    ),
    "aws:cloudtrail/trail:Trail": Life(
        lambda world: {
            "name": f"t{uuid.uuid4().hex}",  # ministack keeps the tags of a trail that is gone
            "s3BucketName": world.bucket.id,
            "isMultiRegionTrail": True,
            "enableLogFileValidation": True,
            **TAGS,
        },
        {"isMultiRegionTrail": False, "enableLogging": False, **RETAGGED},
    ),
    "aws:sns/topic:Topic": Life(
        lambda world: {"name": f"{world.name}-own", "displayName": "one", **TAGS}, {"displayName": "two", **RETAGGED}
    ),
    "aws:sns/topicPolicy:TopicPolicy": Life(
        lambda world: {
            "arn": world.topic.id,
            "policy": document(
                Effect="Allow",
                Principal={"Service": "events.amazonaws.com"},
                Action="sns:Publish",
                Resource=world.topic.id,
            ),
        },
        stays="the policy that every topic has",
    ),
    "aws:sns/topicSubscription:TopicSubscription": Life(
        lambda world: {"topic": world.topic.id, "protocol": "email", "endpoint": "team@example.com"},
    ),
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": Life(
        lambda world: {
            "clusterName": world.cluster,
            "namespace": world.name,
            "serviceAccount": "app",
            "roleArn": world.role.outputs["arn"],
            **TAGS,
        },
    ),
    "aws:secretsmanager/secretRotation:SecretRotation": Life(
        lambda world: {
            "secretId": world.secret.id,
            "rotationLambdaArn": world.rotator,
            "rotateImmediately": False,
            "rotationRules": {"scheduleExpression": "cron(0 3 1 * ? *)", "duration": "3h"},
        },
        {"rotationRules": {"scheduleExpression": "cron(0 4 1 * ? *)", "duration": "2h"}},
    ),
}


SETTINGS = {"region": "us-east-1", "defaultTags": json.dumps({"tags": {"managed": "yes"}})}


@pytest.fixture(scope="module")
def bench(sandbox: Sandbox) -> Iterator[Bench]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name, value in environment(sandbox).items():
            monkeypatch.setenv(name, value)
        yield Bench(AwsProvider(), SETTINGS)


@pytest.fixture(scope="module")
def world(bench: Bench, sandbox: Sandbox) -> World:
    return World(bench, sandbox)


def test_every_entry_of_the_table_has_its_life_here() -> None:
    assert set(LIVES) == set(TABLE)


@pytest.mark.parametrize("aws_type", LIVES)
def test_a_resource_is_made_read_changed_and_removed(aws_type: str, bench: Bench, world: World) -> None:
    life = LIVES[aws_type]
    inputs = life.inputs(world)
    made = bench.create(aws_type, inputs)
    read = bench.read(made)
    assert read is not None
    assert read.outputs == made.outputs
    assert read.inputs == made.inputs
    assert not bench.diff(made, inputs).diffs
    if life.change:
        differing = bench.diff(made, {**inputs, **life.change})
        assert (not differing.replaces, set(differing.diffs) >= set(life.change)) == (True, True)
        made = bench.update(made, {**inputs, **life.change})
        again = bench.read(made)
        assert again is not None
        assert again.outputs == made.outputs
        assert {name: again.inputs[name] for name in life.change if name != "code"} == {
            name: value for name, value in life.change.items() if name != "code"
        }
    bench.delete(made)
    assert (bench.read(made) is None) == (not life.stays)
    bench.delete(made)


@pytest.mark.parametrize("aws_type", LIVES)
def test_a_prediction_has_the_outputs_that_aws_gives(aws_type: str, bench: Bench, world: World) -> None:
    inputs = LIVES[aws_type].inputs(world)
    place = Place(account=ACCOUNT, region="us-east-1")
    predicting = Bench(AwsProvider(lambda _: PredictedCloud(place, {})))
    predicted = predicting.create(aws_type, inputs, name="same")
    assert predicted == predicting.create(aws_type, inputs, name="same")
    made = bench.create(aws_type, inputs, name="same")
    entry = TABLE[aws_type]
    computed = entry.computed - {"description", "policy"}
    assert computed & predicted.outputs.keys() == computed & made.outputs.keys()
    assert shape(predicted.id) == shape(made.id)
    bench.delete(made)


@pytest.mark.parametrize("aws_type", LIVES)
def test_what_a_lost_answer_was_about_is_taken_over_and_not_made_twice(
    aws_type: str, bench: Bench, world: World, tmp_path: Path
) -> None:
    inputs = LIVES[aws_type].inputs(world)
    beginnings = Beginnings(tmp_path)
    urn = urn_of(aws_type, "lost")
    beginnings.begin(urn, bench.whole(urn, inputs))
    made = bench.create(aws_type, inputs, name="lost")
    again = Bench(AwsProvider(beginnings=beginnings), SETTINGS).create(aws_type, inputs, name="lost")
    assert (again.id, again.outputs) == (made.id, made.outputs)
    bench.delete(made)
