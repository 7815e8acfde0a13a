"""All that a deployed environment leaves where somebody can read it who may not read its keys.

Not among it: the secrets' values, which is where keys belong, and the sandbox's ``memory.sqlite``, which is where its
Secrets Manager and its Klaviyo keep them.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sandbox import asking
from sandbox.home import Home
from tests.end_to_end.deployed import Deployed


@dataclass
class Leftovers:
    """What is there to be read.

    Attributes:
        deployed: the environment.
        outputs: what commands and services wrote to stdout and stderr.
        answers: what functions answered when they were called directly.
        heard: URLs of the queues to which events and messages come.
        arns: their ARNs.
        began: when listening began, in seconds; the trail is looked at from then on.
    """

    deployed: Deployed
    outputs: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    heard: dict[str, str] = field(default_factory=dict)
    arns: dict[str, str] = field(default_factory=dict)
    began: int = 0

    def collect(self) -> dict[str, str]:
        """Everything, by what kind of place it is in."""
        sources: Mapping[str, Callable[[], Iterator[str]]] = {
            "outputs": lambda: iter([self.deployed.said, *self.outputs]),
            "answers": lambda: iter(self.answers),
            "files": self._files,
            "logs": self._logs,
            "metrics": lambda: self._pages("cloudwatch", "list_metrics"),
            "alarms": self._alarms,
            "trail": lambda: self._pages("cloudtrail", "lookup_events", StartTime=self.began),
            "events": lambda: self._queue("events"),
            "messages": lambda: self._queue("messages"),
            "objects": self._objects,
            "secrets": self._secrets,
            "functions": self._functions,
            "klaviyo": self._klaviyo,
        }
        return {name: "\n".join(texts()) for name, texts in sources.items()}

    def listen(self, cleaning: ExitStack) -> None:
        """Hear every event of the account's bus, and every message to the topic of the alerts."""
        sqs, sns, events = (self.client(service) for service in ("sqs", "sns", "events"))
        (topic,) = [one["TopicArn"] for one in sns.list_topics()["Topics"] if one["TopicArn"].endswith("-alerts")]
        self.began = self.now()
        for name in ("events", "messages"):
            url = sqs.create_queue(QueueName=f"{name}-of-the-hunt", Attributes={"VisibilityTimeout": "600"})["QueueUrl"]
            arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
            principals = {"Service": ["sns.amazonaws.com", "events.amazonaws.com"]}
            allow = {"Effect": "Allow", "Principal": principals, "Action": "sqs:SendMessage", "Resource": arn}
            policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
            cleaning.callback(sqs.delete_queue, QueueUrl=url)
            self.heard[name], self.arns[name] = url, arn
        subscription = sns.subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=self.arns["messages"], ReturnSubscriptionArn=True
        )["SubscriptionArn"]
        cleaning.callback(sns.unsubscribe, SubscriptionArn=subscription)
        pattern = {"source": [{"prefix": "aws."}]}
        everything = {"State": "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS", "EventPattern": json.dumps(pattern)}
        events.put_rule(Name="hunt", **everything)
        events.put_targets(Rule="hunt", Targets=[{"Id": "queue", "Arn": self.arns["events"]}])
        cleaning.callback(events.delete_rule, Name="hunt")
        cleaning.callback(events.remove_targets, Rule="hunt", Ids=["queue"])

    @cached_property
    def _reader(self) -> dict[str, str]:
        return self.deployed.signed_in("deployer")

    def client(self, service: str) -> Any:
        """A client of somebody who may see everything but keys."""
        return self.deployed.client(service, self._reader)

    def now(self) -> int:
        """The sandbox's time, in seconds."""
        home = Home(self.deployed.home)
        return int(asking.ask(home, asking.running(home).ports.aws, "GET", "/_sandbox/clock")["now"])

    def _pages(self, service: str, operation: str, **parameters: Any) -> Iterator[str]:
        client = self.client(service)
        pages = client.get_paginator(operation).paginate(**parameters) if client.can_paginate(operation) else None
        for page in pages or [getattr(client, operation)(**parameters)]:
            yield json.dumps(page, default=str)

    def _files(self) -> Iterator[str]:
        """The sandbox's log, the engine's state, what the provider keeps, and whatever else lies there."""
        for path in sorted(self.deployed.home.rglob("*")):
            if path.is_file() and not path.name.startswith("memory.sqlite"):
                yield f"{path}\n{path.read_bytes().decode('latin-1')}"

    def _logs(self) -> Iterator[str]:
        for page in self._pages("logs", "describe_log_groups"):
            yield page
            for group in json.loads(page)["logGroups"]:
                yield from self._pages("logs", "filter_log_events", logGroupName=group["logGroupName"])

    def _alarms(self) -> Iterator[str]:
        yield from self._pages("cloudwatch", "describe_alarms")
        yield from self._pages("cloudwatch", "describe_alarm_history")

    def _queue(self, name: str) -> Iterator[str]:
        sqs = self.client("sqs")
        while messages := sqs.receive_message(QueueUrl=self.heard[name], MaxNumberOfMessages=10).get("Messages"):
            yield from (message["Body"] for message in messages)

    def _objects(self) -> Iterator[str]:
        s3 = self.client("s3")
        for bucket in s3.list_buckets()["Buckets"]:
            for listed in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", []):
                yield s3.get_object(Bucket=bucket["Name"], Key=listed["Key"])["Body"].read().decode("latin-1")

    def _secrets(self) -> Iterator[str]:
        """All that Secrets Manager says of secrets but for their values."""
        for page in self._pages("secretsmanager", "list_secrets"):
            yield page
            for secret in json.loads(page)["SecretList"]:
                named = {"SecretId": secret["ARN"]}
                yield from self._pages("secretsmanager", "describe_secret", **named)
                yield from self._pages("secretsmanager", "get_resource_policy", **named)

    def _functions(self) -> Iterator[str]:
        for page in self._pages("lambda", "list_functions"):
            for function in json.loads(page)["Functions"]:
                yield from self._pages("lambda", "get_function", FunctionName=function["FunctionName"])

    def _klaviyo(self) -> Iterator[str]:
        """Klaviyo's list of keys, which shows of each what its API shows."""
        home = Home(self.deployed.home)
        yield json.dumps(asking.ask(home, asking.running(home).ports.klaviyo, "GET", "/sandbox/keys"))
