"""Whatever goes wrong: a message with cause and cure, the exit code, no traceback, no key."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError
from botocore.httpsession import URLLib3Session

from klaviyo_access.cli import workspace
from klaviyo_access.cli.keys import input as key_input
from tests.cli.cli_fakes import ACCOUNT, Command, FakeAws, fake_key, lay_out

STATUS = ("keys", "status", "--stack", "dev")
STAGE = ("keys", "stage", "viewer", "--stack", "dev")
ROTATE = ("keys", "rotate", "viewer", "--yes", "--stack", "dev")


@dataclass(frozen=True)
class World:
    """What a situation is made of."""

    aws: FakeAws
    shell: pytest.MonkeyPatch

    def refuse(self, action: str, code: str, message: str = "because") -> None:
        """Let AWS refuse an action."""
        self.aws.refusals[action] = (code, message)

    def cut(self, error: Callable[[str], Exception]) -> None:
        """Let no request get through."""

        def send(_session: URLLib3Session, request: AWSPreparedRequest) -> None:
            raise error(request.url)

        self.shell.setattr(URLLib3Session, "send", send)


@dataclass(frozen=True)
class Situation:
    """One thing that goes wrong, and what the user is told."""

    name: str
    arrange: Callable[[World], object]
    arguments: tuple[str, ...]
    code: int
    says: tuple[str, ...]
    stdin: str | None = ""


def interrupted(*_: object, **__: object) -> None:
    """Ctrl-C."""
    raise KeyboardInterrupt


def defect(*_: object, **__: object) -> None:
    """A mistake of ours that has a key in its message."""
    raise ZeroDivisionError(fake_key(9))


def unchanged(_: World) -> None:
    """All is well, except for what was typed."""


def rotation_is_refused(world: World) -> None:
    """Viewer has a spare, and AWS does not want to rotate."""
    world.aws.labels["klaviyo/dev/viewer/reserve"] = {"v1": ["SPARE:20261101T080000Z:0123456789ab"]}
    world.refuse("RotateSecret", "InvalidRequestException")


def signed_out(world: World) -> None:
    """The shell has no credentials."""
    world.shell.delenv("AWS_ACCESS_KEY_ID")
    world.shell.delenv("AWS_SECRET_ACCESS_KEY")


def sandbox_is_off(world: World) -> None:
    """The shell is the sandbox's, and nothing listens."""
    world.shell.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    world.cut(lambda url: EndpointConnectionError(endpoint_url=url))


SITUATIONS = (
    Situation("no stack is named", unchanged, ("scopes",), 2, ("dev, local", "--stack STACK")),
    Situation("unknown stack", unchanged, ("scopes", "--stack", "dve"), 2, ("'dve' has none", "Did you mean 'dev'?")),
    Situation(
        "a stack that the access model does not know",
        lambda _: lay_out("Pulumi.qa.yaml", Path("Pulumi.dev.yaml").read_text()),
        ("scopes", "--stack", "qa"),
        1,
        ("qa", "environments"),
    ),
    Situation(
        "no project here",
        unchanged,
        ("scopes", "--stack", "dev", "--project", "/"),
        2,
        ("Pulumi.yaml", "--project DIR"),
    ),
    Situation(
        "unknown role", unchanged, (*STATUS, "--role", "viwer"), 2, ("no role 'viwer'", "Did you mean 'viewer'?")
    ),
    Situation(
        "broken access model",
        lambda _: lay_out("access.yaml", "roles:\n  viewer: [\n"),
        STATUS,
        1,
        ("access.yaml:", "fix:"),
    ),
    Situation(
        "broken settings",
        lambda _: lay_out("Pulumi.dev.yaml", "config: {"),
        STATUS,
        1,
        ("Pulumi.dev.yaml", "YAML"),
    ),
    Situation("unknown command", unchanged, ("keys", "stag"), 2, ("No such command 'stag'", "stage")),
    Situation("unknown option", unchanged, (*STATUS, "--jsn"), 2, ("No such option", "--json")),
    Situation("a role and --all", unchanged, (*STAGE, "--all"), 2, ("both were asked for",)),
    Situation("neither a role nor --all", unchanged, ("keys", "rotate", "--stack", "dev"), 2, ("neither was asked",)),
    Situation("a key as argument", unchanged, (*STAGE, fake_key(9)), 2, ("never given as an argument", "history")),
    Situation(
        "a key with a slip as argument", unchanged, (*STAGE, fake_key(9)[:-1] + "G"), 2, ("never given as an argument",)
    ),
    Situation(
        "a key inside an option", unchanged, ("scopes", f"--stack={fake_key(9)}"), 2, ("never given as an argument",)
    ),
    Situation("no key on standard input", unchanged, STAGE, 2, ("held no key", "one key of viewer a line")),
    Situation("a key cut short", unchanged, STAGE, 2, ("line 1: A Klaviyo private key is", "36"), fake_key(9)[:-1]),
    Situation("a key in capitals", unchanged, STAGE, 2, ("lowercase hex",), "pk_" + "AB" * 17),
    Situation("the public key", unchanged, STAGE, 2, ("public key (site id)",), "AbC123"),
    Situation("something else", unchanged, STAGE, 2, ("does not start with 'pk_'",), "hunter2hunter2"),
    Situation(
        "a key with a space inside", unchanged, STAGE, 2, ("in another form",), fake_key(9)[:9] + " " + "ab" * 14
    ),
    Situation(
        "a line without its role", unchanged, ("keys", "stage", "--all", "--stack", "dev"), 2, ("line 1:",), fake_key(9)
    ),
    Situation(
        "wrong account",
        lambda world: setattr(world.aws, "caller", "arn:aws:sts::999988887777:assumed-role/engineer/ada"),
        STATUS,
        2,
        (ACCOUNT, "999988887777", "AWS_PROFILE"),
    ),
    Situation(
        "the sandbox's endpoint for a real stack",
        lambda world: world.shell.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566"),
        STAGE,
        2,
        ("lives in AWS", "unset AWS_ENDPOINT_URL"),
        fake_key(9),
    ),
    Situation(
        "a stranger's endpoint for a real stack",
        lambda world: world.shell.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", "https://amazonaws.com.example.net"),
        STAGE,
        2,
        ("lives in AWS", "amazonaws.com.example.net"),
        fake_key(9),
    ),
    Situation(
        "an endpoint that is no address",
        lambda world: world.shell.setenv("AWS_ENDPOINT_URL", "garbage"),
        STAGE,
        2,
        ("garbage", "Correct or unset AWS_ENDPOINT_URL"),
        fake_key(9),
    ),
    Situation(
        "an empty stack, as of an unset variable",
        unchanged,
        ("keys", "status", "--stack", ""),
        2,
        ("none was named", "Add --stack STACK"),
    ),
    Situation(
        "an operator restores",
        lambda world: world.aws.refusals.update(ListSecrets=("AccessDeniedException", "no")),
        ("restore", "--stack", "dev"),
        1,
        ("AWS refused ListSecrets", "restored by a deployer"),
    ),
    Situation(
        "no sandbox in this shell", unchanged, ("keys", "status", "--stack", "local"), 2, ("python -m sandbox start",)
    ),
    Situation(
        "no sandbox", sandbox_is_off, ("keys", "status", "--stack", "local"), 3, ("sandbox does not run", "make up")
    ),
    Situation(
        "AWS is out of reach",
        lambda world: world.cut(lambda url: ConnectTimeoutError(endpoint_url=url)),
        STATUS,
        3,
        ("AWS could not be reached at https://sts.eu-west-1.amazonaws.com", "network"),
    ),
    Situation(
        "no credentials",
        signed_out,
        STATUS,
        1,
        ("No AWS credentials", "aws sso login"),
    ),
    Situation(
        "half of the credentials",
        lambda world: world.shell.delenv("AWS_SECRET_ACCESS_KEY"),
        STATUS,
        1,
        ("No AWS credentials", "aws sso login"),
    ),
    Situation(
        "unknown profile",
        lambda world: world.shell.setenv("AWS_PROFILE", "nowhere"),
        STATUS,
        2,
        ("nowhere", "existing profile"),
    ),
    Situation(
        "expired credentials",
        lambda world: world.refuse("GetCallerIdentity", "ExpiredToken"),
        STATUS,
        1,
        ("have expired", "aws sso login"),
    ),
    Situation(
        "a wrong clock or secret key",
        lambda world: world.refuse("GetCallerIdentity", "SignatureDoesNotMatch"),
        STATUS,
        1,
        ("does not accept your credentials", "clock"),
    ),
    Situation(
        "not an operator",
        lambda world: world.refuse("AssumeRole", "AccessDenied"),
        STATUS,
        1,
        ("assumed-role/engineer/ada", "klaviyo-dev-key-operator", "klaviyo-access:operators"),
    ),
    Situation(
        "access denied",
        lambda world: world.refuse("DescribeSecret", "AccessDeniedException", "User: x is not authorized"),
        STATUS,
        1,
        ("AWS refused DescribeSecret: User: x is not authorized.", "klaviyo-access doctor"),
    ),
    Situation("not deployed", lambda world: world.aws.labels.clear(), STATUS, 1, ("Deploy the stack first",)),
    Situation(
        "AWS is busy",
        lambda world: world.refuse("DescribeSecret", "ThrottlingException"),
        STATUS,
        3,
        ("Try again in a minute",),
    ),
    Situation(
        "something new from AWS",
        lambda world: world.refuse("DescribeSecret", "Surprise"),
        STATUS,
        1,
        ("AWS refused DescribeSecret (Surprise)",),
    ),
    Situation("no spare", unchanged, ROTATE, 1, ("it has no spare: stage one first",)),
    Situation(
        "a rotation that AWS refuses",
        rotation_is_refused,
        ROTATE,
        1,
        ("viewer: failed: AWS refused RotateSecret (InvalidRequestException)",),
    ),
    Situation(
        "Ctrl-C while nothing is changed",
        lambda world: world.shell.setattr(workspace, "find_project", interrupted),
        STATUS,
        130,
        ("Interrupted: nothing was changed.",),
    ),
    Situation(
        "Ctrl-C at the prompt",
        lambda world: world.shell.setattr(key_input, "getpass", interrupted),
        STAGE,
        130,
        ("Staged before: nothing.", "keys status"),
        None,
    ),
    Situation(
        "a defect",
        lambda world: world.shell.setattr(workspace, "find_project", defect),
        STATUS,
        1,
        ("ZeroDivisionError at test_bad_situations.py:", "Report this line"),
    ),
)


@pytest.mark.parametrize("situation", SITUATIONS, ids=[situation.name for situation in SITUATIONS])
def test_a_bad_situation_has_a_message_and_an_exit_code(
    situation: Situation, command: Command, aws: FakeAws, shell: pytest.MonkeyPatch
) -> None:
    situation.arrange(World(aws, shell))
    result = command(*situation.arguments, stdin=situation.stdin)
    told = " ".join(f"{result.out}\n{result.err}".replace("│", " ").split())
    assert result.code == situation.code, told
    assert [words for words in situation.says if words not in told] == [], told
    assert "Traceback" not in told
    assert fake_key(9)[3:12] not in told
    assert "PutSecretValue" not in aws.calls
