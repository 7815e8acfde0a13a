"""Deployed functions run for real: in processes of their own, with their role's rights and nothing else."""

import base64
import io
import json
import os
import signal
import threading
import time
import uuid
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from ministack.services import scheduler as ministack_scheduler  # type: ignore[import-untyped]  # no types

from sandbox.aws.calls import AwsError, Caller
from tests.sandbox.running_sandbox import ACCOUNT, Sandbox

HANDLER = """
import json, os, sys, time, signal
import boto3

def handler(event, context):
    print("event", json.dumps(event))
    match event.get("do"):
        case "environment":
            return dict(os.environ)
        case "identity":
            return boto3.client("sts").get_caller_identity()["Arn"]
        case "context":
            return [context.function_name, context.invoked_function_arn, context.get_remaining_time_in_millis() > 0]
        case "raise":
            raise ValueError("as told")
        case "sleep":
            time.sleep(60)
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            sys.exit(3)
        case "wait":
            open(event["started"], "w").close()
            with open(event["go"]) as gate:
                gate.read()
        case "pid":
            return os.getpid()
        case "unserialisable":
            return object()
    return event
"""


def bundle(code: str = HANDLER) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("package/module.py", code)
    return buffer.getvalue()


class Deployed:
    """A function of the tests."""

    def __init__(self, sandbox: Sandbox, *, code: str = HANDLER, **settings: Any) -> None:
        self.sandbox = sandbox
        self.client = sandbox.client("lambda")
        self.name = f"function-{uuid.uuid4().hex[:12]}"
        write = {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}
        self.role = settings.pop("role", None) or sandbox.role(write, service="lambda.amazonaws.com")
        made = self.client.create_function(
            FunctionName=self.name,
            Runtime="python3.13",
            Role=self.role,
            Handler="package.module.handler",
            Code={"ZipFile": bundle(code)},
            **{"Timeout": 30, **settings},
        )
        self.arn = str(made["FunctionArn"])

    def invoke(self, client: Any = None, **event: Any) -> Any:
        answer = (client or self.client).invoke(FunctionName=self.name, Payload=json.dumps(event))
        payload = json.loads(answer["Payload"].read())
        return (answer["FunctionError"], payload) if "FunctionError" in answer else payload

    def log(self) -> list[str]:
        logs = self.sandbox.client("logs")
        found = logs.filter_log_events(logGroupName=f"/aws/lambda/{self.name}")["events"]
        return [event["message"] for event in found]


@pytest.fixture(scope="module")
def function(sandbox: Sandbox) -> Deployed:
    return Deployed(sandbox, Environment={"Variables": {"OWN": "value", "AWS_REGION_HINT": "x"}})


def test_a_function_answers_with_what_its_handler_returns(function: Deployed) -> None:
    assert function.invoke(x=[1, "ü"]) == {"x": [1, "ü"]}
    assert function.invoke(do="context") == [function.name, function.arn, True]


def test_a_function_sees_its_own_variables_and_what_lambda_sets(
    function: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "not for functions")
    seen = function.invoke(do="environment")
    assert seen["OWN"] == "value"
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == function.name
    assert seen["AWS_ENDPOINT_URL"] == function.sandbox.endpoint
    allowed = {"OWN", "PATH", "LANG", "TZ", "HOME", "_HANDLER", "LAMBDA_TASK_ROOT", "LC_CTYPE"}
    assert {name for name in seen if not name.startswith("AWS_")} <= allowed
    assert os.environ["HOME"] != seen["HOME"]


def test_a_function_has_the_rights_of_its_role(function: Deployed) -> None:
    name = function.role.rpartition("/")[2]
    assert function.invoke(do="identity") == f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{function.name}"


def test_a_handlers_error_is_told_as_lambda_tells_it(function: Deployed) -> None:
    kind, error = function.invoke(do="raise")
    assert (kind, error["errorType"], error["errorMessage"]) == ("Unhandled", "ValueError", "as told")
    assert any("as told" in line for line in error["stackTrace"] + function.log())


@pytest.mark.parametrize(
    ("event", "kind", "message"),
    [
        ("die", "Runtime.ExitError", "signal: killed"),
        ("exit", "Runtime.ExitError", "exit status 3"),
        ("unserialisable", "TypeError", "not JSON serializable"),
    ],
)
def test_a_process_that_ends_is_an_error_and_the_next_event_finds_another(
    function: Deployed, event: str, kind: str, message: str
) -> None:
    _, error = function.invoke(do=event)
    assert (error["errorType"], message in error["errorMessage"]) == (kind, True)
    assert function.invoke(x=1) == {"x": 1}


def test_a_process_stays_warm_and_can_be_killed_from_outside(function: Deployed) -> None:
    first = function.invoke(do="pid")
    assert function.invoke(do="pid") == first
    assert (function.name, first) in function.sandbox.server.cloud.functions.processes
    assert os.getsid(first) == first
    os.killpg(first, signal.SIGKILL)
    second = function.invoke(do="pid")
    assert isinstance(second, int)
    assert second != first


def test_a_function_is_stopped_when_its_time_is_over(sandbox: Sandbox) -> None:
    slow = Deployed(sandbox, Timeout=1)
    _, error = slow.invoke(do="sleep")
    assert error["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 1.00 seconds" in error["errorMessage"]


def test_new_code_and_new_variables_take_effect(sandbox: Sandbox) -> None:
    changing = Deployed(sandbox, code="def handler(event, context):\n    return 1\n")
    assert changing.invoke() == 1
    two = "import os\ndef handler(event, context):\n    return os.environ.get('N', 2)\n"
    changing.client.update_function_code(FunctionName=changing.name, ZipFile=bundle(two))
    assert changing.invoke() == 2
    changing.client.update_function_configuration(FunctionName=changing.name, Environment={"Variables": {"N": "3"}})
    assert changing.invoke() == "3"


def test_a_handler_that_cannot_be_imported_is_told(sandbox: Sandbox) -> None:
    broken = Deployed(sandbox, code="import no_such_module\n")
    _, error = broken.invoke()
    assert error["errorType"] == "Runtime.ImportModuleError"
    assert "no_such_module" in error["errorMessage"]
    assert any("no_such_module" in line for line in broken.log())


def test_one_run_at_a_time_means_that_the_second_is_turned_away(sandbox: Sandbox, tmp_path: Any) -> None:
    single = Deployed(sandbox)
    single.client.put_function_concurrency(FunctionName=single.name, ReservedConcurrentExecutions=1)
    started, go = tmp_path / "started", tmp_path / "go"
    os.mkfifo(started)
    os.mkfifo(go)
    with ThreadPoolExecutor() as threads:
        first = threads.submit(single.invoke, do="wait", started=str(started), go=str(go))
        started.read_bytes()
        with pytest.raises(ClientError) as error:
            single.invoke()
        go.write_bytes(b"")
        assert first.result()["do"] == "wait"
    assert error.value.response["Error"]["Code"] == "TooManyRequestsException"
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert single.invoke() == {}


def test_who_may_not_invoke_is_refused(function: Deployed) -> None:
    stranger = function.sandbox.client("lambda", function.sandbox.role())
    with pytest.raises(ClientError) as error:
        function.invoke(stranger)
    assert error.value.response["Error"]["Code"] == "AccessDeniedException"
    assert "lambda:InvokeFunction" in error.value.response["Error"]["Message"]
    allowed = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": function.arn}
    assert function.invoke(function.sandbox.client("lambda", function.sandbox.role(allowed)), x=1) == {"x": 1}


def test_a_service_needs_the_functions_permission_for_its_account(sandbox: Sandbox) -> None:
    called = Deployed(sandbox)
    service = "secretsmanager.amazonaws.com"
    caller = Caller(kind="AWSService", account=ACCOUNT, arn=service, principal_arn=service)

    def run() -> Any:
        return sandbox.run(sandbox.server.cloud.functions.run(called.arn, {"SecretId": "arn:s"}, caller=caller))

    with pytest.raises(AwsError, match="AccessDeniedException"):
        run()
    for account, statement in (("999999999999", "wrong"), (ACCOUNT, "right")):
        called.client.add_permission(
            FunctionName=called.name,
            StatementId=statement,
            Action="lambda:InvokeFunction",
            Principal=service,
            SourceAccount=account,
        )
        if statement == "wrong":
            with pytest.raises(AwsError, match="AccessDeniedException"):
                run()
    assert run() == {"SecretId": "arn:s"}


def test_a_service_is_told_of_a_handlers_error(sandbox: Sandbox) -> None:
    failing = Deployed(sandbox, code="def handler(event, context):\n    raise KeyError('gone')\n")
    failing.client.add_permission(
        FunctionName=failing.name, StatementId="s", Action="lambda:InvokeFunction", Principal="s.amazonaws.com"
    )
    caller = Caller(kind="AWSService", account=ACCOUNT, arn="s.amazonaws.com", principal_arn="s.amazonaws.com")
    with pytest.raises(AwsError) as error:
        sandbox.run(sandbox.server.cloud.functions.run(failing.arn, {}, caller=caller))
    assert (error.value.code, error.value.message) == ("Unhandled", "KeyError: 'gone'")


def test_a_role_that_does_not_trust_lambda_runs_no_function(sandbox: Sandbox) -> None:
    foreign = Deployed(sandbox, role=sandbox.role(service="ecs-tasks.amazonaws.com"))
    with pytest.raises(ClientError) as error:
        foreign.invoke()
    assert "sts:AssumeRole" in error.value.response["Error"]["Message"]


def test_the_log_is_written_with_the_roles_rights(sandbox: Sandbox, function: Deployed) -> None:
    function.invoke(x="seen")
    assert 'event {"x": "seen"}' in function.log()
    silent = Deployed(sandbox, role=sandbox.role(service="lambda.amazonaws.com"))
    silent.invoke(x=1)
    groups = sandbox.client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{silent.name}")
    assert groups["logGroups"] == []


def test_a_call_that_nobody_waits_for_is_tried_again_after_an_error(sandbox: Sandbox, tmp_path: Any) -> None:
    code = "def handler(event, context):\n    open(event['to'], 'w').write('tried')\n    raise ValueError\n"
    failing = Deployed(sandbox, code=code)
    failing.client.put_function_event_invoke_config(FunctionName=failing.name, MaximumRetryAttempts=1)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    answer = failing.client.invoke(
        FunctionName=failing.name, InvocationType="Event", Payload=json.dumps({"to": str(pipe)})
    )
    assert answer["StatusCode"] == 202
    assert [pipe.read_text(), pipe.read_text()] == ["tried", "tried"]


def test_a_dry_run_and_the_tail_of_the_log(function: Deployed) -> None:
    dry = function.client.invoke(FunctionName=function.name, InvocationType="DryRun")
    assert dry["StatusCode"] == 204
    tailed = function.client.invoke(FunctionName=function.name, LogType="Tail", Payload=b'{"x": "tail"}')
    assert 'event {"x": "tail"}' in base64.b64decode(tailed["LogResult"]).decode()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"Runtime": "nodejs22.x"}, "nodejs22.x"),
        ({"LoggingConfig": {"LogFormat": "JSON"}}, "JSON log format"),
    ],
)
def test_what_the_sandbox_does_not_run_is_refused_by_name(
    sandbox: Sandbox, settings: dict[str, Any], named: str
) -> None:
    odd = Deployed(sandbox)
    odd.client.update_function_configuration(FunctionName=odd.name, **settings)
    with pytest.raises(ClientError) as error:
        odd.invoke()
    assert named in error.value.response["Error"]["Message"]


def test_functions_of_nine_roles_run_side_by_side(sandbox: Sandbox) -> None:
    functions = [Deployed(sandbox, code="def handler(event, context):\n    return event\n") for _ in range(9)]
    barrier = threading.Barrier(9)

    def rotate(function: Deployed) -> list[Any]:
        barrier.wait()
        return [function.invoke(step=step) for step in range(4)]

    with ThreadPoolExecutor(9) as threads:
        answers = list(threads.map(rotate, functions))
    assert answers == [[{"step": step} for step in range(4)]] * 9


def test_a_rule_runs_its_function_if_the_functions_policy_names_the_rule(sandbox: Sandbox, tmp_path: Any) -> None:
    code = "def handler(event, context):\n    open(event['to'], 'w').write(event['said'])\n"
    target = Deployed(sandbox, code=code)
    events, pipe = sandbox.client("events"), tmp_path / "pipe"
    os.mkfifo(pipe)
    arns = []
    for said in ("without", "with"):
        pattern = {"source": ["tests"], "detail": {"function": [target.name]}}
        rule = f"{target.name}-{said}"
        arns.append(events.put_rule(Name=rule, EventPattern=json.dumps(pattern))["RuleArn"])
        told = json.dumps({"to": str(pipe), "said": said})
        events.put_targets(Rule=rule, Targets=[{"Id": "f", "Arn": target.arn, "Input": told}])
    target.client.add_permission(
        FunctionName=target.name,
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=arns[1],
    )
    detail = json.dumps({"function": target.name})
    events.put_events(Entries=[{"Source": "tests", "DetailType": "t", "Detail": detail}])
    assert pipe.read_text() == "with"


def test_a_schedule_runs_its_function_in_a_role_that_may(sandbox: Sandbox, tmp_path: Any) -> None:
    code = "def handler(event, context):\n    open(event['to'], 'w').write(event['said'])\n"
    target = Deployed(sandbox, code=code)
    scheduler, pipe = sandbox.client("scheduler"), tmp_path / "pipe"
    os.mkfifo(pipe)
    invoke = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": target.arn}
    roles = {
        "of nobody": sandbox.role(service="scheduler.amazonaws.com"),
        "of another service": sandbox.role(invoke, service="lambda.amazonaws.com"),
        "of its own": sandbox.role(invoke, service="scheduler.amazonaws.com"),
    }
    for number, (said, role) in enumerate(roles.items()):
        scheduler.create_schedule(
            Name=f"{target.name}-{number}",
            ScheduleExpression="at(2026-01-01T00:00:00)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": target.arn, "RoleArn": role, "Input": json.dumps({"to": str(pipe), "said": said})},
        )
    ministack_scheduler._tick_schedules()
    assert pipe.read_text() == "of its own"


def test_a_metric_in_a_log_line_is_a_metric(sandbox: Sandbox) -> None:
    name = uuid.uuid4().hex
    metrics = [{"Namespace": name, "Dimensions": [["Where"]], "Metrics": [{"Name": "Found", "Unit": "Count"}]}]
    line = {"_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": metrics}, "Where": "here", "Found": 3}
    code = f"import json\ndef handler(event, context):\n    print(json.dumps({line!r}))\n    print('no metric')\n"
    Deployed(sandbox, code=code).invoke()
    (found,) = sandbox.client("cloudwatch").list_metrics(Namespace=name)["Metrics"]
    assert (found["MetricName"], found["Dimensions"]) == ("Found", [{"Name": "Where", "Value": "here"}])


def test_a_topic_runs_no_function_behind_the_gateways_back(sandbox: Sandbox, function: Deployed) -> None:
    before = len(function.log())
    sns = sandbox.client("sns")
    topic = sns.create_topic(Name=function.name)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function.arn)
    sns.publish(TopicArn=topic, Message="m")
    assert function.invoke(x="after") == {"x": "after"}
    assert [line for line in function.log()[before:] if "Records" in line] == []
