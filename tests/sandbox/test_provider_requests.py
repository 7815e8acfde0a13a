"""What the provider answers to each kind of request: refusals by name, previews, differences, names, archives."""

import io
import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from sandbox.engine.providers import ProviderError, ask
from sandbox.engine.values import struct
from sandbox.provider.plugin import install
from sandbox.provider.servicer import AwsProvider
from sandbox.provider.wire import ARCHIVE, ASSET, SECRET, SIGNATURE, UNKNOWN_TEXT, decode
from tests.sandbox.provider_bench import Bench, Made, Properties, urn_of
from tests.sandbox.running_sandbox import Sandbox
from tests.sandbox.stack_bench import environment

ROLE = "aws:iam/role:Role"
KEY = "aws:kms/key:Key"
FUNCTION = "aws:lambda/function:Function"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
Mode = provider_pb2.CheckRequest.AutonamingOptions.Mode


@pytest.fixture
def bench(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Bench:
    for name, value in environment(sandbox).items():
        monkeypatch.setenv(name, value)
    return Bench(AwsProvider())


def refusals(bench: Bench, aws_type: str, inputs: Properties) -> dict[str, str]:
    answer = bench.check(urn_of(aws_type, "a"), inputs)
    return {failure.property: failure.reason for failure in answer.failures}


REFUSED: dict[str, tuple[str, Properties, str, str]] = {
    "an undeclared property": (ROLE, {"colour": "red"}, "colour", "declares no property 'colour'"),
    "an undeclared nested property": (
        LIFECYCLE,
        {"rules": [{"id": "a", "status": "Enabled", "expiry": 3}]},
        "rules[0].expiry",
        "declares no property 'rules[0].expiry'",
    ),
    "a property that this provider leaves out": (
        ROLE,
        {"inlinePolicies": []},
        "inlinePolicies",
        "does not take 'inlinePolicies'",
    ),
    "a missing one": (ROLE, {}, "assumeRolePolicy", "needs 'assumeRolePolicy'"),
}


@pytest.mark.parametrize(("aws_type", "inputs", "path", "reason"), REFUSED.values(), ids=REFUSED)
def test_check_refuses_by_name(bench: Bench, aws_type: str, inputs: Properties, path: str, reason: str) -> None:
    assert reason in refusals(bench, aws_type, inputs)[path]


def test_a_type_without_an_entry_is_refused_by_every_operation(bench: Bench) -> None:
    with pytest.raises(ProviderError, match="has no resource type 'aws:sqs/queue:Queue'"):
        bench.check(urn_of("aws:sqs/queue:Queue", "a"), {})


def test_an_unknown_function_and_an_unknown_argument_are_refused(bench: Bench) -> None:
    token = "aws:index/getRegion:getRegion"
    for request, message in (
        (provider_pb2.InvokeRequest(tok="aws:s3/getBucket:getBucket"), "has no function 'aws:s3/getBucket:getBucket'"),
        (provider_pb2.InvokeRequest(tok=token, args=struct({"endpoint": "x"})), "does not take endpoint"),
    ):
        with pytest.raises(ProviderError, match=message):
            ask(bench.provider.Invoke, request)


def test_a_secret_is_refused_and_not_shown(bench: Bench) -> None:
    secret = {SIGNATURE: SECRET, "value": "hidden"}
    with pytest.raises(ProviderError, match="property 'description' is marked secret") as refused:
        bench.check(urn_of(KEY, "a"), {"description": secret})
    assert "hidden" not in str(refused.value)


SETTINGS = {
    "an endpoint elsewhere": ({"endpoints": json.dumps([{"sts": "https://sts.example.com"}])}, "loopback addresses"),
    "settings that are no JSON": ({"defaultTags": "{"}, "'defaultTags' must be JSON"),
    "another account": ({"allowedAccountIds": json.dumps(["111111111111"])}, "'allowedAccountIds' allows 111111111111"),
}


@pytest.mark.parametrize(("settings", "message"), SETTINGS.values(), ids=SETTINGS)
@pytest.mark.usefixtures("bench")
def test_settings_that_lead_elsewhere_are_refused(settings: Properties, message: str) -> None:
    with pytest.raises(ProviderError, match=message):
        invoke(Bench(AwsProvider(), {"region": "us-east-1", **settings}), "getCallerIdentity")


def test_a_setting_that_is_not_honoured_is_refused(bench: Bench) -> None:
    request = provider_pb2.CheckRequest(news=struct({"region": "us-east-1", "assumeRoles": "[]", "accessKey": "x"}))
    answer = ask(bench.provider.CheckConfig, request)
    assert [failure.property for failure in answer.failures] == ["accessKey", "assumeRoles"]


def invoke(bench: Bench, function: str) -> Properties:
    request = provider_pb2.InvokeRequest(tok=f"aws:index/{function}:{function}")
    return decode(getattr(ask(bench.provider.Invoke, request), "return"))


def test_the_functions_say_who_and_where(bench: Bench) -> None:
    caller = invoke(bench, "getCallerIdentity")
    assert (caller["accountId"], caller["arn"]) == (
        "000000000000",
        "arn:aws:sts::000000000000:assumed-role/deployer/deployer",
    )
    assert invoke(bench, "getRegion")["region"] == "us-east-1"
    assert invoke(bench, "getPartition")["partition"] == "aws"


def test_a_preview_knows_inputs_and_leaves_what_aws_decides_unknown(bench: Bench) -> None:
    made = bench.create(KEY, {"description": "d", "policy": UNKNOWN_TEXT}, preview=True)
    assert (made.id, made.outputs["arn"], made.outputs["policy"]) == ("", UNKNOWN_TEXT, UNKNOWN_TEXT)
    assert made.outputs["description"] == "d"


def test_what_is_still_unknown_is_never_created(bench: Bench) -> None:
    with pytest.raises(ProviderError, match="The values of description must be known by now"):
        bench.create(KEY, {"description": UNKNOWN_TEXT})


def test_a_previewed_update_leaves_unknown_only_what_it_may_change(bench: Bench) -> None:
    code = {SIGNATURE: ARCHIVE, "assets": {"a.py": {SIGNATURE: ASSET, "text": "one"}}}
    inputs = {"name": "f", "role": "arn:aws:iam::000000000000:role/r", "handler": "a.b", "runtime": "python3.12"}
    outputs = {**inputs, "arn": "arn:aws:lambda:us-east-1:000000000000:function:f", "codeSha256": "x", "tagsAll": {}}
    made = Made(urn_of(FUNCTION, "f"), "f", {**inputs, "timeout": 3}, outputs)
    updated = bench.update(made, {**inputs, "code": code, "timeout": 9}, preview=True)
    assert (updated.outputs["arn"], updated.outputs["codeSha256"]) == (outputs["arn"], UNKNOWN_TEXT)


def made_role(**inputs: Any) -> Made:
    whole = {"assumeRolePolicy": json.dumps({"a": 1}), "name": "r", "path": "/", "forceDetachPolicies": False}
    whole |= {"maxSessionDuration": 3600, **inputs}
    return Made(urn_of(ROLE, "a"), "r", whole, {**whole, "tagsAll": inputs.get("tags", {})})


def test_a_difference_is_told_in_detail(bench: Bench) -> None:
    made = made_role(description="one", tags={"a": "1", "b": "2"})
    new = {"assumeRolePolicy": json.dumps({"a": 1}), "name": "r", "path": "/x/", "tags": {"a": "3", "c-d": "4"}}
    answer = bench.diff(made, new)
    kinds = {path: provider_pb2.PropertyDiff.Kind.Name(each.kind) for path, each in answer.detailedDiff.items()}
    assert kinds == {
        "description": "DELETE",
        "path": "UPDATE_REPLACE",
        "tags.a": "UPDATE",
        "tags.b": "DELETE",
        'tags["c-d"]': "ADD",
        "tagsAll.a": "UPDATE",
        "tagsAll.b": "DELETE",
        'tagsAll["c-d"]': "ADD",
    }
    assert (list(answer.replaces), answer.deleteBeforeReplace) == (["path"], True)


def test_a_document_differs_only_in_what_it_means(bench: Bench) -> None:
    made = made_role()
    same = bench.diff(made, {"assumeRolePolicy": ' {"a":  1}', "name": "r"})
    assert (same.changes, list(same.diffs)) == (provider_pb2.DiffResponse.DIFF_NONE, [])
    assert list(bench.diff(made, {"assumeRolePolicy": '{"a": 2}', "name": "r"}).diffs) == ["assumeRolePolicy"]


def test_ignored_changes_are_no_difference(bench: Bench) -> None:
    made = made_role(description="one")
    new = {"assumeRolePolicy": '{"a": 1}', "name": "r", "description": "two"}
    assert list(bench.diff(made, new, ["description"]).diffs) == []


NAMING = {
    "proposed by the engine": (Mode.PROPOSE, "the-name", "the-name", False),
    "enforced by the engine": (Mode.ENFORCE, "the-name", "the-name", False),
    "disabled": (Mode.DISABLE, "", None, True),
}


@pytest.mark.parametrize(("mode", "proposed", "name", "refused"), NAMING.values(), ids=NAMING)
def test_automatic_naming_is_as_the_engine_wants_it(
    bench: Bench, mode: Any, proposed: str, name: str | None, *, refused: bool
) -> None:
    naming = provider_pb2.CheckRequest.AutonamingOptions(mode=mode, proposed_name=proposed)
    news = struct({"assumeRolePolicy": "{}"})
    answer = ask(bench.provider.Check, provider_pb2.CheckRequest(urn=urn_of(ROLE, "a"), news=news, autonaming=naming))
    assert (decode(answer.inputs).get("name"), bool(answer.failures)) == (name, refused)


def test_an_automatic_name_stays_and_fits(bench: Bench) -> None:
    urn = urn_of(ROLE, "a" * 100)
    name = decode(bench.check(urn, {"assumeRolePolicy": "{}"}).inputs)["name"]
    assert (len(name), name.startswith("aaa")) == (64, True)
    assert decode(bench.check(urn, {"assumeRolePolicy": "{}"}, {"name": name}).inputs)["name"] == name


def test_the_same_files_make_the_same_archive_wherever_they_are(tmp_path: Path) -> None:
    (tmp_path / "b.py").write_text("two")
    (tmp_path / "a.py").write_text("one")
    by_text = {name: {SIGNATURE: ASSET, "text": text} for name, text in (("a.py", "one"), ("b.py", "two"))}
    by_path = {name: {SIGNATURE: ASSET, "path": str(tmp_path / name)} for name in ("b.py", "a.py")}
    wires: list[Properties] = [{"assets": by_text}, {"assets": by_path}, {"path": str(tmp_path)}]
    archives = [decode(struct({"code": {SIGNATURE: ARCHIVE, **wire}}))["code"] for wire in wires]
    assert len({archive.hash for archive in archives}) == 1
    assert len({archive.zip() for archive in archives}) == 1
    with zipfile.ZipFile(io.BytesIO(archives[0].zip())) as packed:
        assert {name: packed.read(name) for name in packed.namelist()} == {"a.py": b"one", "b.py": b"two"}


def test_an_archive_from_elsewhere_is_refused(bench: Bench) -> None:
    code = {SIGNATURE: ARCHIVE, "uri": "https://example.com/code.zip"}
    with pytest.raises(ProviderError, match="remote archives are not supported"):
        bench.check(urn_of(FUNCTION, "f"), {"code": code, "role": "r"})


@pytest.fixture
def plugin(tmp_path: Path, bench: Bench) -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    script = install(tmp_path)
    process = subprocess.Popen(
        [script, "127.0.0.1:1"], stdout=subprocess.PIPE, text=True, cwd=tmp_path, env={**os.environ}
    )
    assert process.stdout is not None
    with process, grpc.insecure_channel(f"127.0.0.1:{process.stdout.readline().strip()}") as channel:
        yield provider_pb2_grpc.ResourceProviderStub(channel)
        process.terminate()
    assert process.returncode == 0


def test_the_installed_plugin_serves_what_the_cli_asks(plugin: provider_pb2_grpc.ResourceProviderStub) -> None:
    assert plugin.GetPluginInfo(Empty()).version == "7.51.1"
    assert plugin.Handshake(provider_pb2.ProviderHandshakeRequest()).accept_secrets
    plugin.Configure(provider_pb2.ConfigureRequest(args=struct({"region": "us-east-1"})))
    token = "aws:index/getCallerIdentity:getCallerIdentity"
    caller = getattr(plugin.Invoke(provider_pb2.InvokeRequest(tok=token)), "return")
    assert caller["accountId"] == "000000000000"


def test_an_incomplete_resource_reaches_the_cli_as_one(plugin: provider_pb2_grpc.ResourceProviderStub) -> None:
    plugin.Configure(provider_pb2.ConfigureRequest(args=struct({"region": "us-east-1"})))
    urn = urn_of("aws:iam/instanceProfile:InstanceProfile", "p")
    properties = struct({"name": f"incomplete-{os.getpid()}", "path": "/", "role": "nobody"})
    with pytest.raises(grpc.RpcError) as refused:
        plugin.Create(provider_pb2.CreateRequest(urn=urn, properties=properties))
    assert "AddRoleToInstanceProfile was refused with NoSuchEntity" in (refused.value.details() or "")
    assert [entry.key for entry in refused.value.trailing_metadata()] == ["grpc-status-details-bin"]


def test_the_plugin_ends_when_the_engine_asks_it_to_and_when_the_engine_is_gone(tmp_path: Path, bench: Bench) -> None:
    asked = subprocess.Popen([install(tmp_path), "127.0.0.1:1"], stdout=subprocess.PIPE, cwd=tmp_path)
    assert asked.stdout is not None
    with asked:
        asked.stdout.readline()
        asked.send_signal(signal.SIGINT)
    assert asked.returncode == 0
    script = f"{install(tmp_path)} 127.0.0.1:1 & read line"
    engine = subprocess.Popen(["/bin/sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path)
    assert engine.stdout is not None
    with engine:
        engine.stdout.readline()
        engine.kill()
        assert engine.stdout.read() == b""  # nobody holds it open any more


def test_the_plugin_lies_where_the_cli_looks_and_runs_this_python(tmp_path: Path) -> None:
    script = install(tmp_path)
    assert script == tmp_path / "plugins" / "resource-aws-v7.51.1" / "pulumi-resource-aws"
    assert sys.executable in script.read_text()
    assert os.access(script, os.X_OK)
