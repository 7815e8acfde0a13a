"""What ``doctor`` looks at in its tests: a deployed environment to break and to mend, examined in this process."""

import json
import uuid
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from klaviyo_access.cli.doctor.caller import CallerSide
from klaviyo_access.cli.doctor.command import look_at
from klaviyo_access.cli.doctor.findings import Finding
from klaviyo_access.klaviyo.transport import send
from sandbox import asking, shell
from sandbox.home import Home
from tests.end_to_end.deployed import PROJECT, Deployed

ACCOUNT = "000000000000"
HERE = f"us-east-1:{ACCOUNT}"
OPERATOR = "klaviyo-local-key-operator"


@dataclass(frozen=True, order=True)
class Trouble:
    """One thing that the doctor says is wrong."""

    check: str
    on: str
    cause: str
    cure: str


def troubles(findings: Sequence[Finding]) -> list[Trouble]:
    """What is wrong, one by one: findings have in common what has the same cause."""
    wrong = [found for found in findings if found.result != "ok"]
    return sorted(Trouble(one.check, on, one.detail, one.cure) for one in wrong for on in one.on or ("",))


@dataclass(eq=False)
class World:
    """A sandbox, its deployed environment, and the doctor.

    Attributes:
        deployed: the sandbox.
        rendered: what the program declares for it.
        ahead: how far the doctor's clock is ahead.
        empty: what the doctor found before anything was deployed.
        new: what it found right after the deployment.
        sound: what is wrong before anything is broken.
    """

    deployed: Deployed
    rendered: Path
    ahead: timedelta = timedelta()
    empty: list[Finding] = field(default_factory=list)
    new: list[Finding] = field(default_factory=list)
    sound: list[Trouble] = field(default_factory=list)

    @cache  # noqa: B019 - a module's tests have one world
    def signed_in(self, **whom: str) -> dict[str, str]:
        """The environment of somebody to whom the sandbox hands credentials: ``bootstrap`` or ``role`` says whom."""
        home = Home(self.deployed.home)
        found = asking.running(home)
        issued = asking.ask(home, found.ports.aws, "POST", "/_sandbox/credentials", whom)
        return shell.endpoints(found.ports) | shell.credentials(issued)

    def role(self, name: str) -> dict[str, str]:
        """The credentials of a role of the environment."""
        return self.signed_in(role=f"arn:aws:iam::{ACCOUNT}:role/klaviyo/local/{name}")

    @cache  # noqa: B019 - a module's tests have one world
    def aws(self, service: str, role: str | None = None) -> Any:
        """A client of a role of the environment, else of the deployer's."""
        return self.deployed.client(service, self.role(role) if role else self.signed_in(bootstrap="deployer"))

    def put(self, secret: str, *labels: object, as_role: str = OPERATOR) -> str:
        """Put a value on a secret, under these labels and no other; gives its version."""
        done = self.aws("secretsmanager", as_role).put_secret_value(
            SecretId=secret,
            ClientRequestToken=str(uuid.uuid4()),
            SecretString=json.dumps({"apiKey": "pk_" + "ab" * 17}),
            VersionStages=[str(label) for label in labels],
        )
        return str(done["VersionId"])

    def take_off(self, secret: str, *labels: object) -> None:
        """Take labels off a role's secret, as its rotator."""
        client = self.aws("secretsmanager", f"klaviyo-local-{secret.split('/')[2]}-rotator")
        versions = client.describe_secret(SecretId=secret)["VersionIdsToStages"]
        for label in map(str, labels):
            (holder,) = [version for version, held in versions.items() if label in held]
            client.update_secret_version_stage(SecretId=secret, VersionStage=label, RemoveFromVersionId=holder)

    def examine(self, whom: str = "engineer", *, project: Path = PROJECT) -> list[Finding]:
        """What the doctor finds for whoever asks; an operator by default. Another project renders itself."""
        with pytest.MonkeyPatch.context() as here:
            for name, value in self.signed_in(bootstrap=whom).items():
                here.setenv(name, value)
            here.delenv("AWS_PROFILE", raising=False)
            rendered = self.rendered if project == PROJECT else None
            return look_at(CallerSide(project, "local", rendered=rendered, send=send, clock=self._now))

    def _now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def news(self, *, project: Path = PROJECT) -> list[Trouble]:
        """What is wrong beyond what was so when all was sound."""
        return [one for one in troubles(self.examine(project=project)) if one not in self.sound]


Breaks = Callable[[World], Generator[None, None, None]]


@dataclass(frozen=True)
class Broken:
    """A way in which a set-up is broken, and what the doctor must say of it.

    Attributes:
        breaks: breaks it, and mends it when resumed.
        check: the check that sees it.
        on: how the name of what it is about begins.
        cause: part of the cause.
        cure: part of the cure.
        also: other checks that may see it too, for what else is wrong with it.
    """

    breaks: Breaks
    check: str
    on: str
    cause: str
    cure: str
    also: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.breaks.__name__

    def is_named_by(self, trouble: Trouble) -> bool:
        """Whether the doctor says what is wrong here, why, and what to do."""
        about = trouble.check == self.check and trouble.on.startswith(self.on)
        return about and self.cause in trouble.cause and self.cure in trouble.cure

    def explains(self, trouble: Trouble) -> bool:
        """Whether the trouble comes of this."""
        return self.is_named_by(trouble) or trouble.check in self.also


@cache
def news_of(world: World, broken: tuple[Broken, ...]) -> list[Trouble]:
    """What the doctor finds while all of ``broken`` is, whose parts hide nothing of each other."""
    with ExitStack() as stack:
        for one in broken:
            stack.enter_context(contextmanager(one.breaks)(world))
        return world.news()
