"""Components built against Pulumi's mocks: every resource is recorded, and tests assert on its plain inputs."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

import pulumi
from pulumi.runtime import mocks

from components.klaviyo_access import KlaviyoAccess, KlaviyoAccessArgs
from components.platforms import ForeignRole
from components.settings import Settings, parse_settings
from klaviyo_access.access_model import AccessModel
from klaviyo_access.access_model.environment import PROJECT, Environment, read_config

PROJECT_DIR = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """One resource as the program asked for it."""

    type: str
    name: str
    inputs: Mapping[str, Any]


@dataclass
class Recorder(mocks.Mocks):
    """Answers every creation with an ARN and an id of the right look, and remembers it."""

    resources: list[Recorded] = field(default_factory=list)
    foreign_policies: dict[str, str] = field(default_factory=dict)
    there: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What AWS has already of a resource that is looked up, by its type."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        self.resources.append(Recorded(type=args.typ, name=args.name, inputs=args.inputs))
        outputs = {"arn": f"arn:aws:test:eu-west-1:111111111111:{args.name}", "keyId": f"id-of-{args.name}"}
        return f"id-of-{args.name}", {**args.inputs, **outputs, **self.there.get(args.typ, {})}

    def call(self, args: mocks.MockCallArgs) -> NoReturn:
        raise AssertionError(f"components make no invokes, but {args.token} was called")

    def of_type(self, type_token: str) -> dict[str, Recorded]:
        """The recorded resources of a type, by name."""
        return {resource.name: resource for resource in self.resources if resource.type == type_token}


@dataclass(frozen=True, kw_only=True)
class Stack:
    """An environment's facts, as its settings file has them."""

    environment: Environment
    settings: Settings
    access: AccessModel


def load_stack(name: str) -> Stack:
    config = read_config(PROJECT_DIR, name)
    values = {key.removeprefix(f"{PROJECT}:"): value for key, value in config.items() if key.startswith(f"{PROJECT}:")}
    here = {"accountId", "klaviyoAccountId"}
    return Stack(
        environment=Environment.of_config(name, config, {}),
        settings=parse_settings(name, {key: value for key, value in values.items() if key not in here}),
        access=AccessModel.load(PROJECT_DIR / "access.yaml"),
    )


FOREIGN = "arn:aws:iam::999999999999:role/apps/reporting"
REPLICA_REGION = "us-east-1"


def far(name: str) -> Settings:
    """The settings of the stack ``name``, with a reader of another account, and with replicas in another region."""
    settings = load_stack(name).settings
    foreign = ForeignRole.model_validate({"platform": "foreign", "roleArn": FOREIGN})
    services = {**settings.services, "reporting": foreign}
    return settings.model_copy(update={"services": services, "replica_regions": (REPLICA_REGION,)})


Build = Callable[[Callable[[], object]], Recorder]


def record(program: Callable[[], object], *, there: Mapping[str, Mapping[str, Any]] = MappingProxyType({})) -> Recorder:
    """Run a program of components to its end and return what it asked for."""
    recorder = Recorder(there=there)
    with _event_loops():
        mocks.set_mocks(recorder, project="klaviyo-access", stack="test", preview=False)
        pulumi.runtime.test(program)()  # type: ignore[no-untyped-call] # Pulumi's decorator has no annotations
    return recorder


@contextmanager
def _event_loops() -> Iterator[None]:
    """A loop for this thread and for each in which Pulumi answers, which it would make and never close."""
    loops: list[asyncio.AbstractEventLoop] = []

    def make() -> asyncio.AbstractEventLoop:
        loops.append(asyncio.new_event_loop())
        asyncio.set_event_loop(loops[-1])
        return loops[-1]

    with ThreadPoolExecutor(max_workers=4, initializer=make) as executor:
        make().set_default_executor(executor)
        yield
        asyncio.set_event_loop(None)
    for loop in loops:
        loop.close()


def whole(name: str, component: str = "klaviyo", *, settings: Settings | None = None) -> KlaviyoAccess:
    """Build the whole of the stack ``name``."""
    facts = load_stack(name)
    args = KlaviyoAccessArgs(
        environment=facts.environment,
        access=facts.access.in_environment(name),
        settings=settings or facts.settings,
        project=PROJECT_DIR,
    )
    return KlaviyoAccess(component, args)
