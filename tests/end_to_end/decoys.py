"""Decoys for a hunt after keys: what looks like a key's secret digits, put into each kind of place that is searched."""

import base64
import io
import json
import secrets
import zipfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from typing import Any, Final
from urllib.parse import quote

from botocore.exceptions import ClientError

from sandbox import asking
from sandbox.home import Home
from tests.end_to_end.leftovers import Leftovers

ENCODINGS: Final[Mapping[str, Callable[[str], str]]] = {
    "plain": str,
    "in upper case": str.upper,
    "a part": lambda digits: digits[11:23],
    "JSON": lambda digits: json.dumps({"apiKey": digits}),
    "JSON in JSON": lambda digits: json.dumps(json.dumps({"apiKey": digits})),
    "JSON with escapes": lambda digits: "".join(f"\\u{ord(digit):04x}" for digit in digits),
    "JSON with escapes in JSON": lambda digits: json.dumps("".join(f"\\u{ord(digit):04x}" for digit in digits)),
    "a repr of bytes": lambda digits: "".join(f"\\x{ord(digit):02x}" for digit in digits),
    "a URL": quote,
    "a URL, every character": lambda digits: "".join(f"%{ord(digit):02X}" for digit in digits),
    "base16": lambda digits: digits.encode().hex(),
    "base64": lambda digits: base64.b64encode(digits.encode()).decode(),
    "base64, one before it": lambda digits: base64.b64encode(f"x{digits}".encode()).decode(),
    "base64, two before it": lambda digits: base64.b64encode(f"xx{digits}".encode()).decode(),
    "base64 for URLs": lambda digits: base64.urlsafe_b64encode(b"\xff\xfe" + digits.encode()).decode().rstrip("="),
    "base64 of JSON with escapes": lambda digits: base64.b64encode(
        "".join(f"\\u{ord(digit):04x}" for digit in digits).encode()
    ).decode(),
    "base64 twice": lambda digits: base64.b64encode(base64.b64encode(digits.encode())).decode(),
}

_ECHO: Final = "def handler(event, context):\n    print(event['print'])\n    return event['return']\n"
_NAME: Final = "decoy"


class Decoys:
    """Puts a decoy into each kind of place, and takes them away again.

    Attributes:
        of: the decoy of each kind of place: 34 hexadecimal digits.
    """

    def __init__(self, leftovers: Leftovers, cleaning: ExitStack) -> None:
        self._leftovers = leftovers
        self._cleaning = cleaning
        self.of: dict[str, str] = {}

    def plant(self) -> None:
        """Put one into each kind of place."""
        self._leftovers.outputs.append(self._new("outputs"))
        (self._leftovers.deployed.home / _NAME).write_text(self._new("files"), "utf-8")
        self._cleaning.callback((self._leftovers.deployed.home / _NAME).unlink)
        self._in_logs()
        self._in_cloudwatch()
        self._in_trail_and_events()
        self._in_objects()
        self._in_secrets()
        self._in_functions()
        self._at_klaviyo()

    def _new(self, place: str) -> str:
        self.of[place] = secrets.token_hex(17)
        return self.of[place]

    def _in_logs(self) -> None:
        logs, named = self._leftovers.client("logs"), {"logGroupName": _NAME}
        logs.create_log_group(**named)
        self._cleaning.callback(logs.delete_log_group, **named)
        logs.create_log_stream(**named, logStreamName=_NAME)
        line = {"timestamp": 1_000 * self._leftovers.now(), "message": self._new("logs")}
        logs.put_log_events(**named, logStreamName=_NAME, logEvents=[line])

    def _in_cloudwatch(self) -> None:
        cloudwatch = self._leftovers.client("cloudwatch")
        dimension = {"Name": "Key", "Value": self._new("metrics")}
        cloudwatch.put_metric_data(
            Namespace=_NAME, MetricData=[{"MetricName": _NAME, "Value": 1, "Dimensions": [dimension]}]
        )
        watched = {"Namespace": _NAME, "MetricName": _NAME, "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1}
        compared = {"Threshold": 9, "ComparisonOperator": "GreaterThanThreshold"}
        cloudwatch.put_metric_alarm(AlarmName=_NAME, AlarmDescription=self._new("alarms"), **watched, **compared)
        self._cleaning.callback(cloudwatch.delete_alarms, AlarmNames=[_NAME])

    def _in_trail_and_events(self) -> None:
        with suppress(ClientError):
            self._leftovers.client("secretsmanager").describe_secret(SecretId=self._new("trail"))
        events, sns = self._leftovers.client("events"), self._leftovers.client("sns")
        (topic,) = [one["TopicArn"] for one in sns.list_topics()["Topics"] if one["TopicArn"].endswith("-alerts")]
        events.put_rule(Name=_NAME, EventPattern=json.dumps({"source": [_NAME]}))
        self._cleaning.callback(events.delete_rule, Name=_NAME)
        queue = self._leftovers.arns["events"]
        events.put_targets(Rule=_NAME, Targets=[{"Id": "topic", "Arn": topic}, {"Id": "queue", "Arn": queue}])
        self._cleaning.callback(events.remove_targets, Rule=_NAME, Ids=["topic", "queue"])
        for place in ("events", "messages"):
            entry = {"Source": _NAME, "DetailType": _NAME, "Detail": json.dumps({"key": self._new(place)})}
            events.put_events(Entries=[entry])

    def _in_objects(self) -> None:
        s3, named = self._leftovers.client("s3"), {"Bucket": f"{_NAME}-of-the-hunt"}
        s3.create_bucket(**named)
        self._cleaning.callback(s3.delete_bucket, **named)
        s3.put_object(**named, Key=_NAME, Body=self._new("objects").encode())
        self._cleaning.callback(s3.delete_object, **named, Key=_NAME)

    def _in_secrets(self) -> None:
        client, name = self._leftovers.client("secretsmanager"), f"{_NAME}-{secrets.token_hex(4)}"
        client.create_secret(Name=name, Description=self._new("secrets"))
        self._cleaning.callback(client.delete_secret, SecretId=name, ForceDeleteWithoutRecovery=True)

    def _in_functions(self) -> None:
        client, packed = self._leftovers.client("lambda"), io.BytesIO()
        with zipfile.ZipFile(packed, "w") as bundle:
            bundle.writestr("echo.py", _ECHO)
        role = client.get_function(FunctionName="klaviyo-local-service-rotator")["Configuration"]["Role"]
        client.create_function(
            FunctionName=_NAME,
            Runtime="python3.13",
            Role=role,
            Handler="echo.handler",
            Code={"ZipFile": packed.getvalue()},
            Environment={"Variables": {"KEY": self._new("functions")}},
        )
        self._cleaning.callback(client.delete_function, FunctionName=_NAME)
        event = json.dumps({"return": self._new("answers"), "print": self._new("answers' logs")}).encode()
        answer = client.invoke(FunctionName=_NAME, Payload=event, LogType="Tail")
        self._leftovers.answers += [answer["Payload"].read().decode(), answer["LogResult"]]

    def _at_klaviyo(self) -> None:
        home = Home(self._leftovers.deployed.home)
        asked: dict[str, Any] = {"name": self._new("klaviyo"), "scopes": ["accounts:read"]}
        asking.ask(home, asking.running(home).ports.klaviyo, "POST", "/sandbox/keys", asked)
