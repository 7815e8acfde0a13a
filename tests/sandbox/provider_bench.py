"""The provider called in process, as an engine calls it, on the tests' sandbox."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pulumi.runtime.proto import provider_pb2

from sandbox.engine.providers import ask
from sandbox.engine.values import plain, struct
from sandbox.provider.servicer import AwsProvider
from sandbox.provider.wire import decode

Properties = dict[str, Any]


@dataclass(frozen=True)
class Made:
    """A resource that was created."""

    urn: str
    id: str
    inputs: Properties
    outputs: Properties


class Bench:
    """One configured provider."""

    def __init__(self, provider: AwsProvider, settings: Mapping[str, Any] | None = None) -> None:
        self.provider = provider
        request = provider_pb2.ConfigureRequest(args=struct(settings or {"region": "us-east-1"}))
        ask(provider.Configure, request)

    def check(self, urn: str, inputs: Properties, olds: Properties | None = None) -> provider_pb2.CheckResponse:
        answer: provider_pb2.CheckResponse = ask(
            self.provider.Check,
            provider_pb2.CheckRequest(urn=urn, news=struct(inputs), olds=struct(olds or {}), randomSeed=b"seed"),
        )
        return answer

    def whole(self, urn: str, inputs: Properties) -> Properties:
        """Inputs as a cloud gets them: with defaults, names, region and all tags."""
        checked = self.check(urn, inputs)
        previewed = ask(
            self.provider.Create, provider_pb2.CreateRequest(urn=urn, properties=checked.inputs, preview=True)
        )
        known = decode(previewed.properties)
        return {**decode(checked.inputs), **{name: known[name] for name in ("region", "tagsAll") if name in known}}

    def create(self, aws_type: str, inputs: Properties, *, name: str = "", preview: bool = False) -> Made:
        urn = urn_of(aws_type, name or f"r{uuid.uuid4().hex[:10]}")
        checked = self.check(urn, inputs)
        assert not checked.failures, checked.failures
        request = provider_pb2.CreateRequest(urn=urn, properties=checked.inputs, preview=preview)
        answer = ask(self.provider.Create, request)
        return Made(urn, answer.id, plain(checked.inputs), plain(answer.properties))

    def diff(self, made: Made, inputs: Properties, ignore: list[str] | None = None) -> provider_pb2.DiffResponse:
        checked = self.check(made.urn, inputs, made.inputs)
        request = provider_pb2.DiffRequest(
            id=made.id,
            urn=made.urn,
            olds=struct(made.outputs),
            old_inputs=struct(made.inputs),
            news=checked.inputs,
            ignoreChanges=ignore or [],
        )
        answer: provider_pb2.DiffResponse = ask(self.provider.Diff, request)
        return answer

    def update(self, made: Made, inputs: Properties, *, preview: bool = False) -> Made:
        checked = self.check(made.urn, inputs, made.inputs)
        request = provider_pb2.UpdateRequest(
            id=made.id,
            urn=made.urn,
            olds=struct(made.outputs),
            old_inputs=struct(made.inputs),
            news=checked.inputs,
            preview=preview,
        )
        answer = ask(self.provider.Update, request)
        return Made(made.urn, made.id, plain(checked.inputs), plain(answer.properties))

    def read(self, made: Made) -> Made | None:
        request = provider_pb2.ReadRequest(
            id=made.id, urn=made.urn, properties=struct(made.outputs), inputs=struct(made.inputs)
        )
        answer = ask(self.provider.Read, request)
        return Made(made.urn, answer.id, plain(answer.inputs), plain(answer.properties)) if answer.id else None

    def delete(self, made: Made) -> None:
        request = provider_pb2.DeleteRequest(id=made.id, urn=made.urn, properties=struct(made.outputs))
        ask(self.provider.Delete, request)


def urn_of(aws_type: str, name: str) -> str:
    """A URN of a resource in the tests' stack."""
    return f"urn:pulumi:test::tests::{aws_type}::{name}"
