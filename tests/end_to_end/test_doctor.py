"""``doctor`` on a deployed environment: one thing is broken, found with its cause and its cure, and mended again."""

import json
import os
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient

from klaviyo_access.cli.doctor import command
from klaviyo_access.cli.main import run
from klaviyo_access.keys.labels import Rejected, Spare
from klaviyo_access.keys.secret import Key
from tests.end_to_end.deployed import PROJECT, Deployed, clean_environment

pytestmark = pytest.mark.end_to_end

ACCOUNT = "000000000000"
HERE = f"us-east-1:{ACCOUNT}"
ROTATOR = "klaviyo-local-viewer-rotator"
RULE = "klaviyo-local-rotation-failed"
TAMPERING = "klaviyo-local-trail-tampered"
CANARY = "klaviyo-local-viewer-canary"
ALARM = "klaviyo-local-suspicious-entries"
OPERATOR = "klaviyo-local-key-operator"
KEY, RESERVE = "klaviyo/local/viewer/key", "klaviyo/local/viewer/reserve"
VIEWER_SCOPES = "accounts:read,campaigns:read,flows:read,forms:read,metrics:read,profiles:read,segments:read"


@dataclass
class World:
    """A deployed environment of which only the viewer has a key and a spare.

    Attributes:
        deployed: its sandbox.
        rendered: what the program declares for it.
        ahead: how far the doctor's clock is ahead.
        baseline: what is wrong before anything is broken.
    """

    deployed: Deployed
    rendered: Path
    ahead: timedelta = timedelta()
    baseline: list[dict[str, Any]] = field(default_factory=list)
    _taken: dict[str, dict[str, str]] = field(default_factory=dict)

    @cached_property
    def deployer(self) -> dict[str, str]:
        return self.deployed.signed_in("deployer")

    @cached_property
    def operator(self) -> dict[str, str]:
        return self.deployed.signed_in("operator")

    def role(self, name: str) -> dict[str, str]:
        """The credentials of a role of the environment."""
        if name not in self._taken:
            arn = f"arn:aws:iam::{ACCOUNT}:role/klaviyo/local/{name}"
            text = self.deployed.run("-m", "sandbox", "credentials", "--json", "--role", arn).stdout
            self._taken[name] = json.loads(text)
        return self._taken[name]

    def aws(self, service: str) -> Any:
        """A client of the deployer's."""
        return self.deployed.client(service, self.deployer)

    def put_spare(self, role: str, *labels: object) -> None:
        """Put a value on a role's reserve as an operator, under these labels and no other."""
        client = self.deployed.client("secretsmanager", self.role(OPERATOR))
        client.put_secret_value(
            SecretId=f"klaviyo/local/{role}/reserve",
            ClientRequestToken=str(uuid.uuid4()),
            SecretString=json.dumps({"apiKey": "pk_" + "ab" * 17}),
            VersionStages=[str(label) for label in labels],
        )

    def remove_label(self, role: str, kind: str, label: object) -> None:
        """Take a label off a role's secret, as its rotator."""
        client = self.deployed.client("secretsmanager", self.role(f"klaviyo-local-{role}-rotator"))
        name = f"klaviyo/local/{role}/{kind}"
        versions = client.describe_secret(SecretId=name)["VersionIdsToStages"]
        (holder,) = [version for version, labels in versions.items() if str(label) in labels]
        client.update_secret_version_stage(SecretId=name, VersionStage=str(label), RemoveFromVersionId=holder)


Breaks = Callable[[World], Generator[None, None, None]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A sandbox of its own: deployed, and the viewer's keys staged and rotated."""
    home = tmp_path_factory.mktemp("doctor") / "home"
    deployed = Deployed(home, clean_environment(home), "")
    try:
        started = deployed.run("-m", "sandbox", "start", "--port", "0", "--klaviyo-port", "0")
        assert started.returncode == 0, started.stdout + started.stderr
        deployer = deployed.signed_in("deployer")
        rendered = home / "rendered.json"
        done = deployed.run("-m", "sandbox", "render", "--stack", "local", "--json", environ=deployer)
        rendered.write_text(done.stdout)
        done = deployed.run("-m", "sandbox.engine", "up", "--stack", "local", environ=deployer)
        assert done.returncode == 0, done.stdout + done.stderr
        for _ in range(2):
            key = deployed.new_key(VIEWER_SCOPES)
            staged = deployed.operate("keys", "stage", "viewer", stdin=key)
            assert staged.returncode == 0, staged.stderr
        rotated = deployed.operate("keys", "rotate", "viewer")
        assert rotated.returncode == 0, rotated.stderr
        yield World(deployed, rendered)
    finally:
        deployed.run("-m", "sandbox.tour", "down")


@dataclass
class Doctor:
    """Runs the command in this process."""

    world: World
    shell: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    code: int = -1

    def examine(self, who: dict[str, str] | None = None, *options: str) -> list[dict[str, Any]]:
        """What it finds; ``code`` is how it ended."""
        for name, value in (who or self.world.operator).items():
            self.shell.setenv(name, value)
        self.shell.setattr(command, "utc_now", lambda: datetime.now(UTC) + self.world.ahead)
        options = options or ("--project", str(PROJECT), "--rendered", str(self.world.rendered))
        with pytest.raises(SystemExit) as end:
            run(["doctor", "--stack", "local", "--json", *options])
        self.code = int(end.value.code or 0)
        checks: list[dict[str, Any]] = json.loads(self.capsys.readouterr().out)["checks"]
        return checks

    def news(self, *options: str) -> list[dict[str, Any]]:
        """What is wrong beyond the baseline."""
        if not self.world.baseline:
            self.world.baseline = [found for found in self.examine() if found["result"] != "ok"]
        return [
            found
            for found in self.examine(None, *options)
            if found["result"] != "ok" and found not in self.world.baseline
        ]


@pytest.fixture
def doctor(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Doctor:
    """The command, as an operator runs it."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "KLAVIYO_"))]:
        monkeypatch.delenv(name)
    return Doctor(world, monkeypatch, capsys)


def test_a_new_environment_lacks_keys_and_nothing_else(doctor: Doctor) -> None:
    found = {one["check"]: one for one in doctor.examine() if one["result"] != "ok"}
    assert set(found) == {"keys", "spares"}
    assert doctor.code == 1
    assert found["keys"]["cure"] == (
        "klaviyo-access keys stage custodian --stack local && klaviyo-access keys rotate custodian --stack local"
    )


def test_a_role_that_was_never_deployed_is_found_wherever_it_lacks(doctor: Doctor, tmp_path: Path) -> None:
    for part in PROJECT.iterdir():
        if part.name != "access.yaml" and not part.name.startswith("."):
            (tmp_path / part.name).symlink_to(part)
    model = (PROJECT / "access.yaml").read_text()
    role = "roles:\n  auditor:\n    description: Looks\n    owner: platform\n    permissions: [view-reports]\n"
    role += "    scopes: [campaigns:read, flows:read, forms:read, metrics:read, segments:read]\n"
    service = "services:\n  auditing:\n    description: Looks\n    role: auditor\n    reads: library\n"
    model = model.replace("\nroles:\n", f"\n{role}\n").replace("\nservices:\n", f"\n{service}\n")
    (tmp_path / "access.yaml").write_text(model)
    news = doctor.news("--project", str(tmp_path))
    news = [one for one in news if one["check"] != "code"]  # sources may be edited since they were deployed
    assert {one["check"]: one["on"] for one in news} == {
        "secrets": ["klaviyo/local/auditor/key", "klaviyo/local/auditor/reserve"],
        "rotators": ["klaviyo-local-auditor-rotator"],
        "rules": [
            "klaviyo-local-auditor-key-stranger",
            "klaviyo-local-auditor-reserve-stranger",
            "klaviyo-local-auditor-canary",
        ],
        "log groups": ["/aws/lambda/klaviyo-local-auditor-rotator"],
        "iam roles": ["klaviyo-local-auditor-rotator"],
    }
    assert all("is not deployed" in one["detail"] for one in news)


def deleted(world: World) -> Generator[None, None, None]:
    client = world.aws("secretsmanager")
    client.delete_secret(SecretId=KEY, RecoveryWindowInDays=7)
    yield
    client.restore_secret(SecretId=KEY)


def left_over(world: World) -> Generator[None, None, None]:
    client = world.aws("secretsmanager")
    client.create_secret(Name="klaviyo/local/ghost/key")
    yield
    client.delete_secret(SecretId="klaviyo/local/ghost/key", ForceDeleteWithoutRecovery=True)


def _key_id(world: World) -> str:
    return str(world.aws("secretsmanager").describe_secret(SecretId=KEY)["KmsKeyId"])


def key_disabled(world: World) -> Generator[None, None, None]:
    client, key = world.aws("kms"), _key_id(world)
    client.disable_key(KeyId=key)
    yield
    client.enable_key(KeyId=key)


def key_pending_deletion(world: World) -> Generator[None, None, None]:
    client, key = world.aws("kms"), _key_id(world)
    client.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    yield
    client.cancel_key_deletion(KeyId=key)
    client.enable_key(KeyId=key)


def encrypted_by_another(world: World) -> Generator[None, None, None]:
    client, key = world.aws("secretsmanager"), _key_id(world)
    client.update_secret(SecretId=RESERVE, KmsKeyId="alias/aws/secretsmanager")
    yield
    client.update_secret(SecretId=RESERVE, KmsKeyId=key)


def policy_removed(world: World) -> Generator[None, None, None]:
    client = world.aws("secretsmanager")
    policy = client.get_resource_policy(SecretId=KEY)["ResourcePolicy"]
    client.delete_resource_policy(SecretId=KEY)
    yield
    client.put_resource_policy(SecretId=KEY, ResourcePolicy=policy)


def policy_opened(world: World) -> Generator[None, None, None]:
    client = world.aws("secretsmanager")
    policy = client.get_resource_policy(SecretId=KEY)["ResourcePolicy"]
    opened = policy.replace(f'{ROTATOR}"', f'{ROTATOR}","arn:aws:iam::{ACCOUNT}:role/sandbox/intruder"', 1)
    client.put_resource_policy(SecretId=KEY, ResourcePolicy=opened)
    yield
    client.put_resource_policy(SecretId=KEY, ResourcePolicy=policy)


def replicated_away(world: World) -> Generator[None, None, None]:
    client = world.aws("secretsmanager")
    client.replicate_secret_to_regions(SecretId=KEY, AddReplicaRegions=[{"Region": "eu-west-1"}])
    yield
    client.remove_regions_from_replication(SecretId=KEY, RemoveReplicaRegions=["eu-west-1"])


def rejected_spare(world: World) -> Generator[None, None, None]:
    verdict = Rejected(datetime.now(UTC), "0123456789ab", "other-account")
    world.put_spare("reporting", "AWSCURRENT")
    world.put_spare("reporting", verdict)
    yield
    world.remove_label("reporting", "reserve", verdict)


def no_tombstone(world: World) -> Generator[None, None, None]:
    spare = Spare(datetime.now(UTC), "0123456789ab")
    world.put_spare("reporting", "AWSCURRENT", spare)
    yield
    world.put_spare("reporting", "AWSCURRENT")
    world.remove_label("reporting", "reserve", spare)


def spare_of_another(world: World) -> Generator[None, None, None]:
    taken = world.deployed.status("viewer")["current"]["fingerprint"]
    spare = Spare(datetime.now(UTC), taken)
    world.put_spare("marketer", "AWSCURRENT")
    world.put_spare("marketer", spare)
    yield
    world.remove_label("marketer", "reserve", spare)


def _rotate_as(world: World, **changed: Any) -> Generator[None, None, None]:
    client = world.aws("secretsmanager")
    found = client.describe_secret(SecretId=KEY)
    as_it_was = {"RotationLambdaARN": found["RotationLambdaARN"], "RotationRules": found["RotationRules"]}
    client.rotate_secret(SecretId=KEY, **(as_it_was | changed), RotateImmediately=False)
    yield
    client.rotate_secret(SecretId=KEY, **as_it_was, RotateImmediately=False)


def another_lambda(world: World) -> Generator[None, None, None]:
    yield from _rotate_as(world, RotationLambdaARN=f"arn:aws:lambda:{HERE}:function:klaviyo-local-admin-rotator")


def another_schedule(world: World) -> Generator[None, None, None]:
    yield from _rotate_as(world, RotationRules={"ScheduleExpression": "cron(0 3 1 1 ? *)", "Duration": "3h"})


def rotation_cancelled(world: World) -> Generator[None, None, None]:
    client = world.aws("secretsmanager")
    found = client.describe_secret(SecretId=KEY)
    client.cancel_rotate_secret(SecretId=KEY)
    yield
    client.rotate_secret(
        SecretId=KEY,
        RotationLambdaARN=found["RotationLambdaARN"],
        RotationRules=found["RotationRules"],
        RotateImmediately=False,
    )


def rotation_overdue(world: World) -> Generator[None, None, None]:
    world.ahead = timedelta(days=40)
    yield
    world.ahead = timedelta()


def rotation_cut_off(world: World) -> Generator[None, None, None]:
    key = world.deployed.new_key(VIEWER_SCOPES)
    client = world.deployed.client("secretsmanager", world.role(ROTATOR))
    client.put_secret_value(
        SecretId=KEY,
        ClientRequestToken=(token := str(uuid.uuid4())),
        SecretString=json.dumps({"apiKey": key}),
        VersionStages=["AWSPENDING", f"KEY:{Key(key).fingerprint}"],
    )
    world.ahead = timedelta(hours=2)
    yield
    world.ahead = timedelta()
    arn = client.describe_secret(SecretId=KEY)["ARN"]
    functions = world.deployed.client("lambda", world.role(OPERATOR))
    for step in ("createSecret", "testSecret", "finishSecret"):
        event = {"Step": step, "SecretId": arn, "ClientRequestToken": token}
        assert "FunctionError" not in functions.invoke(FunctionName=ROTATOR, Payload=json.dumps(event))
    assert "AWSCURRENT" in client.describe_secret(SecretId=KEY)["VersionIdsToStages"][token]


def _configure(world: World, **changed: Any) -> Generator[None, None, None]:
    client = world.aws("lambda")
    found = client.get_function_configuration(FunctionName=ROTATOR)
    client.update_function_configuration(FunctionName=ROTATOR, **changed)
    yield
    client.update_function_configuration(FunctionName=ROTATOR, **{name: found[name] for name in changed})


def old_code(world: World) -> Generator[None, None, None]:
    yield from _configure(world, Description="Rotates the Klaviyo key of viewer; code 0123456789ab")


def other_scopes(world: World) -> Generator[None, None, None]:
    found = world.aws("lambda").get_function_configuration(FunctionName=ROTATOR)["Environment"]["Variables"]
    yield from _configure(world, Environment={"Variables": found | {"SCOPES": "accounts:read"}})


def two_at_a_time(world: World) -> Generator[None, None, None]:
    client = world.aws("lambda")
    client.delete_function_concurrency(FunctionName=ROTATOR)
    yield
    client.put_function_concurrency(FunctionName=ROTATOR, ReservedConcurrentExecutions=1)


def never_runs(world: World) -> Generator[None, None, None]:
    client = world.aws("lambda")
    client.put_function_concurrency(FunctionName=ROTATOR, ReservedConcurrentExecutions=0)
    yield
    client.put_function_concurrency(FunctionName=ROTATOR, ReservedConcurrentExecutions=1)


def trail_stopped(world: World) -> Generator[None, None, None]:
    client = world.aws("cloudtrail")
    client.stop_logging(Name="klaviyo-local-audit")
    yield
    client.start_logging(Name="klaviyo-local-audit")


def _put_rule(world: World, rule: str = RULE, **changed: Any) -> Generator[None, None, None]:
    client = world.aws("events")
    found = client.describe_rule(Name=rule)
    as_it_was = {name: found[name] for name in ("Name", "EventPattern", "State", "Description")}
    client.put_rule(**(as_it_was | changed))
    yield
    client.put_rule(**as_it_was)


def rule_disabled(world: World) -> Generator[None, None, None]:
    yield from _put_rule(world, State="DISABLED")


def rule_deaf(world: World) -> Generator[None, None, None]:
    yield from _put_rule(world, EventPattern='{"source":["aws.nothing"]}')


def _put_pattern(world: World, rule: str, part: str, other: str) -> Generator[None, None, None]:
    pattern = str(world.aws("events").describe_rule(Name=rule)["EventPattern"])
    assert part in pattern
    yield from _put_rule(world, rule, EventPattern=pattern.replace(part, other))


def tampering_with_the_key_unseen(world: World) -> Generator[None, None, None]:
    yield from _put_pattern(world, TAMPERING, '"ScheduleKeyDeletion",', "")


def canary_of_another_secret(world: World) -> Generator[None, None, None]:
    yield from _put_pattern(world, CANARY, KEY, RESERVE)


def rule_deleted(world: World) -> Generator[None, None, None]:
    client = world.aws("events")
    found, targets = client.describe_rule(Name=RULE), client.list_targets_by_rule(Rule=RULE)["Targets"]
    client.remove_targets(Rule=RULE, Ids=[target["Id"] for target in targets])
    client.delete_rule(Name=RULE)
    yield
    client.put_rule(**{name: found[name] for name in ("Name", "EventPattern", "State", "Description")})
    client.put_targets(Rule=RULE, Targets=targets)


def target_removed(world: World) -> Generator[None, None, None]:
    client = world.aws("events")
    targets = client.list_targets_by_rule(Rule=RULE)["Targets"]
    client.remove_targets(Rule=RULE, Ids=[target["Id"] for target in targets])
    yield
    client.put_targets(Rule=RULE, Targets=targets)


def nobody_subscribed(world: World) -> Generator[None, None, None]:
    text = world.rendered.read_text()
    document = json.loads(text)
    kind = "aws:sns/topicSubscription:TopicSubscription"
    document["deployment"]["resources"].append(
        {
            "type": kind,
            "urn": f"urn:pulumi:local::klaviyo-access::{kind}::to",
            "inputs": {"endpoint": "on@call.example"},
        }
    )
    world.rendered.write_text(json.dumps(document))
    yield
    world.rendered.write_text(text)


def entries_kept_a_day(world: World) -> Generator[None, None, None]:
    client = world.aws("logs")
    client.put_retention_policy(logGroupName="/klaviyo/local/application-audit", retentionInDays=1)
    yield
    client.put_retention_policy(logGroupName="/klaviyo/local/application-audit", retentionInDays=400)


def alarm_off(world: World) -> Generator[None, None, None]:
    client = world.aws("cloudwatch")
    client.disable_alarm_actions(AlarmNames=[ALARM])
    yield
    client.enable_alarm_actions(AlarmNames=[ALARM])


def anybody_trusted(world: World) -> Generator[None, None, None]:
    client, name = world.aws("iam"), "klaviyo-local-reporting"
    trusted = client.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    opened = json.dumps(trusted).replace("ec2.amazonaws.com", "lambda.amazonaws.com")
    client.update_assume_role_policy(RoleName=name, PolicyDocument=opened)
    yield
    client.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trusted))


BROKEN: list[tuple[Breaks, str, str, str, str]] = [
    (deleted, "secrets", KEY, "waits for its deletion", "klaviyo-access restore --stack local"),
    (left_over, "declared", "klaviyo/local/ghost/key", "no longer in access.yaml", "klaviyo-access:removedSecrets"),
    (key_disabled, "encryption", f"arn:aws:kms:{HERE}", "is Disabled", "aws kms enable-key"),
    (
        key_pending_deletion,
        "encryption",
        f"arn:aws:kms:{HERE}",
        "waits for its deletion",
        "aws kms cancel-key-deletion",
    ),
    (encrypted_by_another, "encryption", RESERVE, "not by alias/klaviyo/local/keys", "make up"),
    (policy_removed, "policies", KEY, "no resource policy", "make up"),
    (policy_opened, "policies", KEY, "another resource policy", "PutResourcePolicy"),
    (replicated_away, "replicas", KEY, "eu-west-1, which", "remove-regions-from-replication"),
    (rejected_spare, "spares", "reporting", "belongs to another Klaviyo account", "keys stage reporting --stack local"),
    (no_tombstone, "tombstones", "klaviyo/local/reporting/reserve", "AWSCURRENT on a spare", "tombstone"),
    (spare_of_another, "fingerprints", "", "marketer, viewer", "keys rotate marketer viewer --stack local"),
    (rotation_cancelled, "schedule", KEY, "does not rotate", "make up"),
    (another_lambda, "schedule", KEY, "klaviyo-local-admin-rotator and not by", "CloudTrail: RotateSecret"),
    (another_schedule, "schedule", KEY, "cron(0 3 1 1 ? *) instead of", "make up"),
    (rotation_overdue, "overdue", "viewer", "should have rotated by", "keys rotate viewer --stack local"),
    (rotation_cut_off, "pending", "viewer", "has AWSPENDING", "keys unstick viewer --stack local"),
    (old_code, "code", ROTATOR, "runs the code 0123456789ab", "Bring the checkout up to date"),
    (other_scopes, "rotators' settings", ROTATOR, "another SCOPES", "make up"),
    (two_at_a_time, "concurrency", ROTATOR, "no reserved concurrency", "make up"),
    (never_runs, "concurrency", ROTATOR, "it never runs", "make up"),
    (trail_stopped, "trail", f"arn:aws:cloudtrail:{HERE}", "stands still", "aws cloudtrail start-logging"),
    (rule_disabled, "rules", RULE, "is DISABLED", "DisableRule"),
    (rule_deaf, "rules", RULE, "watches for something else", "PutRule"),
    (tampering_with_the_key_unseen, "rules", TAMPERING, "watches for something else", "PutRule"),
    (canary_of_another_secret, "rules", CANARY, "watches for something else", "PutRule"),
    (rule_deleted, "rules", RULE, "is not deployed", "DeleteRule"),
    (target_removed, "rules", RULE, "has lost its target", "RemoveTargets"),
    (nobody_subscribed, "subscribers", "on@call.example", "not subscribed", "AWS Notifications"),
    (
        entries_kept_a_day,
        "log groups",
        "/klaviyo/local/application-audit",
        "keeps events for 1 days",
        "PutRetentionPolicy",
    ),
    (alarm_off, "alarms", ALARM, "switched off", "aws cloudwatch enable-alarm-actions"),
    (anybody_trusted, "iam roles", "klaviyo-local-reporting", "another trust policy", "UpdateAssumeRolePolicy"),
]


@pytest.mark.parametrize(
    ("breaks", "check", "on", "cause", "cure"), BROKEN, ids=[broken[0].__name__ for broken in BROKEN]
)
def test_what_is_broken_is_found_with_its_cause_and_its_cure(
    doctor: Doctor, breaks: Breaks, check: str, on: str, cause: str, cure: str
) -> None:
    doctor.news()
    with contextmanager(breaks)(doctor.world):
        news = doctor.news()
    # A role without a key is told another cure once a spare waits.
    assert {found["check"] for found in news} - {"keys"} == {check}
    assert doctor.code == 1
    assert [
        one
        for one in news
        if cause in one["detail"] and cure in one["cure"] and any(name.startswith(on) for name in one["on"])
    ]


def test_all_that_was_broken_was_mended(doctor: Doctor) -> None:
    assert doctor.news() == []


def test_whoever_is_no_operator_is_told_what_could_not_be_looked_at(doctor: Doctor) -> None:
    deployed = {check.name for check in command.CHECKS}
    for who, cure in (
        ("deployer", "Have an operator run: klaviyo-access doctor --stack local"),
        ("intruder", "klaviyo-access:operators"),
    ):
        found = doctor.examine(doctor.world.deployed.signed_in(who))
        assert doctor.code == 1
        assert {one["check"] for one in found if one["result"] == "skipped"} == deployed
        (caller,) = [one for one in found if one["result"] == "failed"]
        assert caller["check"] == "caller"
        assert cure in caller["cure"]


def test_operators_deployed_before_the_examination_are_told_what_they_may_not_see(doctor: Doctor) -> None:
    doctor.news()
    client = doctor.world.aws("iam")
    policy = client.get_role_policy(RoleName=OPERATOR, PolicyName="examine-set-up")["PolicyDocument"]
    client.delete_role_policy(RoleName=OPERATOR, PolicyName="examine-set-up")
    news = doctor.news()
    client.put_role_policy(RoleName=OPERATOR, PolicyName="examine-set-up", PolicyDocument=json.dumps(policy))
    assert doctor.code == 1
    assert {one["result"] for one in news} == {"skipped"}
    assert {one["check"] for one in news} == {check.name for check in command.CHECKS}
    assert all("AWS refused" in one["detail"] and "make up" in one["cure"] for one in news)


def test_the_examination_needs_each_right_that_operators_have_for_it(doctor: Doctor) -> None:
    policy = doctor.world.aws("iam").get_role_policy(RoleName=OPERATOR, PolicyName="examine-set-up")
    rights = {action for one in policy["PolicyDocument"]["Statement"] for action in one["Action"]}
    asked: set[str] = set()
    doctor.shell.setattr("botocore.client.BaseClient._make_api_call", _recording(asked))
    doctor.examine()
    assert rights - asked == set()


def _recording(asked: set[str]) -> Callable[..., Any]:
    call = BaseClient._make_api_call  # type: ignore[attr-defined] # the stubs leave it out

    def make(self: Any, operation: str, parameters: Any) -> Any:
        service = {"monitoring": "cloudwatch"}.get(self.meta.service_model.endpoint_prefix)
        asked.add(f"{service or self.meta.service_model.endpoint_prefix}:{operation}")
        return call(self, operation, parameters)

    return make


def test_a_rotation_that_failed_is_found_in_the_trail(doctor: Doctor) -> None:
    doctor.news()
    client = doctor.world.deployed.client("secretsmanager", doctor.world.role(OPERATOR))
    client.rotate_secret(SecretId="klaviyo/local/developer/key")
    failures: list[Any] = []
    for _ in range(30):  # the rotation runs by itself, and is tried again before it counts as failed
        if failures := [one for one in doctor.news() if one["check"] == "failures"]:
            break
    (found,) = failures
    assert found["on"] == ["developer"]
    assert "was not rotated" in found["detail"]
    assert "/aws/lambda/klaviyo-local-developer-rotator" in found["cure"]


def test_a_sandbox_on_which_nothing_is_deployed_says_to_deploy(
    doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    empty = Deployed(home, clean_environment(home), "")
    try:
        started = empty.run("-m", "sandbox", "start", "--port", "0", "--klaviyo-port", "0")
        assert started.returncode == 0, started.stdout + started.stderr
        found = doctor.examine(empty.signed_in("operator"))
    finally:
        empty.run("-m", "sandbox", "stop")
    (caller,) = [one for one in found if one["result"] == "failed"]
    assert (caller["check"], doctor.code) == ("caller", 1)
    assert "is not deployed yet" in caller["detail"]
