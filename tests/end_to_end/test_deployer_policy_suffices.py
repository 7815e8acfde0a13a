"""The deployer with exactly the policy that `klaviyo-access deployer-policy` writes deploys a stack, and no less does.

The sandbox decides every call. What each statement is needed for is read off its decisions: an action is needed if,
without it in its statement, a call that the deployment made would be denied.
"""

import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from klaviyo_access.cli.deployer.actions import BY_SOURCE
from klaviyo_access.isolation.evaluator import Decision, Request, decide
from sandbox import shell
from sandbox.aws.identity.bootstrap import bootstrap_arn
from sandbox.home import Home
from tests.sandbox.running_sandbox import Sandbox, document, running_sandbox

pytestmark = pytest.mark.end_to_end

ROOT = Path(__file__).parents[2]
BUCKET = "klaviyo-local-audit-000000000000-us-east-1"
ROTATOR = "klaviyo-local-viewer-rotator"
TOPIC = "arn:aws:sns:us-east-1:000000000000:klaviyo-local-alerts"
DEPLOYER = bootstrap_arn("deployer")
SETTINGS = """\
config:
  aws:region: us-east-1
  aws:s3UsePathStyle: "true"
  aws:skipMetadataApiCheck: "true"
  klaviyo-access:accountId: "000000000000"
  klaviyo-access:owner: platform
  klaviyo-access:compliance: [soc2]
  klaviyo-access:deployers: [arn:aws:iam::000000000000:role/sandbox/deployer]
  klaviyo-access:operators: [arn:aws:iam::000000000000:role/sandbox/engineer]
  klaviyo-access:alertEmails: [first@example.com, second@example.com]
  klaviyo-access:forceDestroy: true
  klaviyo-access:rotateEvery: month
  klaviyo-access:services:
    profile-sync: {platform: ecs-task}
    event-tracker: {platform: lambda}
    reporting: {platform: ec2}
    admin-console: {platform: ecs-injected}
    app-api: {platform: eks-pod-identity, cluster: apps, namespace: api, serviceAccount: api}
encryptionsalt: v1:qRl/Aaaz6cI=:v1:KvXpIm2IGfoFu511:7dkyCpADMw4+OtgpggpBdCV0rbfLoA==
"""
VARIED = (
    SETTINGS.partition("  klaviyo-access:services:")[0]
    + """\
  klaviyo-access:replicaRegions: [eu-west-1]
  klaviyo-access:audit: {trail: existing, trailArn: "arn:aws:cloudtrail:us-east-1:000000000000:trail/organization"}
  klaviyo-access:oauthApp: {accounts: [AbC123]}
  klaviyo-access:webhooks:
    orders: {webhookId: 01K, role: developer, receivers: [app-api]}
  klaviyo-access:services:
    app-api: {platform: lambda}
    event-tracker: {platform: foreign, roleArn: "arn:aws:iam::999999999999:role/apps/tracker"}
    reporting: {platform: existing, roleArn: "arn:aws:iam::000000000000:role/apps/web/reporting"}
    admin-console: {platform: ecs-injected, redeploy: {cluster: apps, service: admin-console}}
"""
)
"""The same with all that is somebody else's, elsewhere, or optional."""
CHANGES = {
    "owner: platform": "owner: security",
    "compliance: [soc2]": "requireProof: all",
    ", second@example.com": "",
    "rotateEvery: month": "rotateEvery: quarter\n  klaviyo-access:auditRetentionDays: 365",
    "event-tracker: {platform: lambda}": "event-tracker: {platform: ecs-task}",
    "eks-pod-identity, cluster: apps, namespace: api, serviceAccount: api": "ecs-task",
}
"""Tags, variables, retention, schedules, trust; and what goes with an address and with an association of EKS."""


TAKEOVER = [
    "DeleteFunctionConcurrency20171031",
    "UpdateFunctionCode20150331v2",
    "AddPermission20150331v2",
    "RemovePermission20150331v2",
    "PutRolePolicy",
    "DeleteRolePolicy",
]
"""What a foreign administrator did to a rotator, as the alerts tell it; of the deployer they tell nothing."""


@dataclass
class World:
    """A project whose deployer has what he is given, on a sandbox that keeps what it was asked."""

    project: Path
    home: Home
    sandbox: Sandbox
    asked: list[tuple[Request, dict[str, Any] | None, bool]] = field(default_factory=list)

    def policy(self) -> dict[str, Any]:
        done = self._run("-m", "klaviyo_access", "deployer-policy", "--stack", "local", "--json")
        assert done.returncode == 0, done.stderr
        documents: dict[str, Any] = json.loads(done.stdout)["documents"]
        return documents

    def give(self, documents: dict[str, Any]) -> None:
        """Let the deployer have these policies and no other, as an administrator would."""
        iam = self.sandbox.client_of(self.sandbox.sign_in("intruder"), "iam")
        for name in iam.list_role_policies(RoleName="deployer")["PolicyNames"]:
            iam.delete_role_policy(RoleName="deployer", PolicyName=name)
        for name, policy in documents.items():
            iam.put_role_policy(RoleName="deployer", PolicyName=name, PolicyDocument=json.dumps(policy))

    def engine(self, command: str) -> tuple[int, dict[str, int], str]:
        """Exit code, what became of how many resources, and what went wrong."""
        done = self._run("-m", "sandbox.engine", command, "--stack", "local", "--json", environ=self._as_deployer())
        report = json.loads(done.stdout) if done.stdout.startswith("{") else {}
        failures = "\n".join(failure["message"] for failure in report.get("failures", ()))
        return done.returncode, report.get("summary", {}), failures + done.stderr

    def restore(self) -> str:
        """The lines that `klaviyo-access restore` prints for the settings, asked by the deployer."""
        done = self._run("-m", "klaviyo_access", "restore", "--stack", "local", environ=self._as_deployer())
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _as_deployer(self) -> dict[str, str]:
        issued = self.sandbox.sign_in("deployer")
        return {
            **shell.endpoints(self.home_ports),
            "AWS_ACCESS_KEY_ID": issued.access_key_id,
            "AWS_SECRET_ACCESS_KEY": issued.secret_access_key,
            "AWS_SESSION_TOKEN": issued.session_token,
            **shell.pulumi(self.home),
        }

    @property
    def home_ports(self) -> Any:
        return self.sandbox.server.ports

    def _run(self, *arguments: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.project,
            env={**inherited, "PYTHONPATH": str(self.project), **(environ or {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("deployer")
    project = folder / "project"
    project.mkdir()
    for name in ("__main__.py", "access.yaml", "Pulumi.yaml", "components", "klaviyo_access", "sandbox"):
        (project / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "rotation", project / "rotation", ignore=shutil.ignore_patterns("__pycache__"))
    (project / "Pulumi.local.yaml").write_text(SETTINGS)
    home = Home.of({"SANDBOX_HOME": str(folder / "home")})
    home.prepare()
    with running_sandbox() as sandbox, pytest.MonkeyPatch.context() as patch:
        made = World(project, home, sandbox)
        cluster = {"name": "apps", "roleArn": DEPLOYER, "resourcesVpcConfig": {}}
        sandbox.client("eks").create_cluster(**cluster)
        patch.setattr(
            "sandbox.aws.authorization.authorizer.decide", lambda *given, **named: _decide(made, *given, **named)
        )
        yield made


def _decide(world: World, request: Request, **named: Any) -> Decision:
    decision = decide(request, **named)
    if request.principal.arn == DEPLOYER:
        world.asked.append((request, named.get("resource_policy"), named.get("resource_policy_rules", False)))
    return decision


class _Inbox:
    """Whoever is told by the topic of the alerts."""

    def __init__(self, sandbox: Sandbox) -> None:
        intruder = sandbox.sign_in("intruder")
        self._sqs = sandbox.client_of(intruder, "sqs")
        self._queue = self._sqs.create_queue(QueueName="alerts")["QueueUrl"]
        found = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        sandbox.client_of(intruder, "sns").subscribe(
            TopicArn=TOPIC, Protocol="sqs", Endpoint=found["Attributes"]["QueueArn"]
        )

    def takeovers(self) -> list[tuple[str, str]]:
        """What was told of functions and of IAM roles, and who did it."""
        told = []
        while messages := self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages"):
            told += [json.loads(json.loads(message["Body"])["Message"]) for message in messages]
        return [
            (event["detail"]["eventName"], event["detail"]["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"])
            for event in told
            if event.get("source") in {"aws.lambda", "aws.iam"}
        ]


def _take_over(world: World) -> None:
    """What an attacker does who wants a rotator's keys."""
    intruder = world.sandbox.sign_in("intruder")
    function, bundle = world.sandbox.client_of(intruder, "lambda"), io.BytesIO()
    with zipfile.ZipFile(bundle, "w") as archive:
        archive.writestr("rotation/rotator.py", "def handler(event, context): pass\n")
    function.update_function_code(FunctionName=ROTATOR, ZipFile=bundle.getvalue())
    permission = {"StatementId": "mine", "Action": "lambda:InvokeFunction", "Principal": "999999999999"}
    function.add_permission(FunctionName=ROTATOR, **permission)
    function.remove_permission(FunctionName=ROTATOR, StatementId="mine")
    policy = document({"Effect": "Allow", "Action": "iam:*", "Resource": "*"})
    iam = world.sandbox.client_of(intruder, "iam")
    iam.put_role_policy(RoleName=ROTATOR, PolicyName="mine", PolicyDocument=policy)
    iam.delete_role_policy(RoleName=ROTATOR, PolicyName="mine")


def _damage(world: World) -> None:
    """What an administrator may do by mistake, and doctor finds."""
    intruder = world.sandbox.sign_in("intruder")
    world.sandbox.client_of(intruder, "cloudtrail").stop_logging(Name="klaviyo-local-audit")
    world.sandbox.client_of(intruder, "events").disable_rule(Name="klaviyo-local-batch-read")
    world.sandbox.client_of(intruder, "lambda").delete_function_concurrency(FunctionName=ROTATOR)


def _mend(world: World) -> None:
    """What doctor tells a deployer to do."""
    world.sandbox.client("cloudtrail").start_logging(Name="klaviyo-local-audit")
    _run_all(world, "refresh")
    code, summary, said = world.engine("up")
    assert code == 0, said
    assert summary["updated"] == 2
    assert world.sandbox.client("cloudtrail").get_trail_status(Name="klaviyo-local-audit")["IsLogging"]


def _change(project: Path) -> None:
    settings = project / "Pulumi.local.yaml"
    text = settings.read_text()
    for before, after in CHANGES.items():
        assert before in text
        text = text.replace(before, after)
    settings.write_text(text)
    rotator = project / "rotation" / "rotator.py"
    rotator.write_text(rotator.read_text() + "# another version\n")


def _restore_what_was_destroyed(world: World) -> None:
    """Without forceDestroy a deleted secret waits, and so does its key; both are called back and taken over."""
    settings = world.project / "Pulumi.local.yaml"
    text = settings.read_text()
    settings.write_text(text.replace("  klaviyo-access:forceDestroy: true\n", ""))
    _run_all(world, "up", "unprotect", "destroy")
    settings.write_text(text.replace("config:\n", f"config:\n{world.restore()}", 1))
    _run_all(world, "up")
    settings.write_text(text)
    _run_all(world, "up", "destroy")


def _run_all(world: World, *commands: str) -> None:
    for command in commands:
        code, _, said = world.engine(command)
        assert code == 0, said


def _still_allowed(world: World, action: str, documents: dict[str, Any]) -> bool:
    return all(
        decide(request, identity_policies=documents, resource_policy=policy, resource_policy_rules=ruled).allowed
        for request, policy, ruled in world.asked
        if request.action == action
    )


def _needless(world: World, documents: dict[str, Any]) -> dict[str, set[str]]:
    """The actions without which the same calls would have been allowed, by the Sid of their statement."""
    needless: dict[str, set[str]] = defaultdict(set)
    for name, policy in documents.items():
        for number, statement in enumerate(policy["Statement"]):
            for action in statement["Action"]:
                fewer = deepcopy(documents)
                fewer[name]["Statement"][number]["Action"].remove(action)
                if _still_allowed(world, action, fewer):
                    needless[action].add(statement["Sid"])
    return needless


def test_the_policy_suffices_to_deploy_mend_change_destroy_and_restore_and_nothing_of_it_is_needless(
    world: World,
) -> None:
    documents = world.policy()
    world.give(documents)
    code, _, said = world.engine("preview")
    assert code == 0, said
    code, summary, said = world.engine("up")
    assert (code, set(summary)) == (0, {"created"}), said
    created = summary["created"]
    code, summary, said = world.engine("up")
    assert (code, summary) == (0, {"unchanged": created}), said
    inbox = _Inbox(world.sandbox)
    _damage(world)
    _mend(world)
    _change(world.project)
    code, summary, said = world.engine("up")
    assert code == 0, said
    assert {"updated", "deleted"} <= set(summary)
    _take_over(world)
    assert inbox.takeovers() == [(event, bootstrap_arn("intruder")) for event in TAKEOVER]
    world.sandbox.client_of(world.sandbox.sign_in("intruder"), "s3").put_object(Bucket=BUCKET, Key="log", Body=b"read")
    code, summary, said = world.engine("destroy")
    assert (code, set(summary)) == (0, {"deleted"}), said
    _restore_what_was_destroyed(world)
    assert _needless(world, documents).keys() == BY_SOURCE.keys()


@pytest.mark.parametrize(
    ("sid", "missing"),
    [
        ("PassRolesToLambda", "iam:PassRole"),
        ("Buckets", "s3:CreateBucket"),
    ],
)
def test_without_a_statement_the_deployment_fails_for_want_of_its_action(world: World, sid: str, missing: str) -> None:
    documents = world.policy()
    for policy in documents.values():
        policy["Statement"] = [one for one in policy["Statement"] if one["Sid"] != sid]
    world.give(documents)
    code, _, said = world.engine("up")
    world.give({"all": json.loads(document({"Effect": "Allow", "Action": "*", "Resource": "*"}))})
    assert world.engine("destroy")[0] == 0
    assert code == 1
    assert f"is not authorized to perform: {missing}" in said


def test_the_policy_suffices_where_much_is_somebody_elses_elsewhere_or_optional(world: World) -> None:
    intruder = world.sandbox.sign_in("intruder")
    world.sandbox.client_of(intruder, "s3").create_bucket(Bucket="organization-trail")
    world.sandbox.client_of(intruder, "cloudtrail").create_trail(
        Name="organization", S3BucketName="organization-trail", IsMultiRegionTrail=True
    )
    world.sandbox.client_of(intruder, "cloudtrail").start_logging(Name="organization")
    trust = document({"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"})
    world.sandbox.client_of(intruder, "iam").create_role(
        RoleName="reporting", Path="/apps/web/", AssumeRolePolicyDocument=trust
    )
    (world.project / "Pulumi.local.yaml").write_text(VARIED)
    world.give(world.policy())
    _run_all(world, "up", "refresh", "destroy")
    assert world.sandbox.client_of(intruder, "cloudtrail").get_trail_status(Name="organization")["IsLogging"]
