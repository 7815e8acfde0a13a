"""The provider's gRPC service: each request of the engine, answered from the resource table."""
# ruff: noqa: N802 -- the methods are named by pulumirpc.ResourceProvider

from botocore.exceptions import ClientError
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from sandbox.provider import diff
from sandbox.provider.answers import UnsupportedError, answering
from sandbox.provider.beginnings import Beginnings
from sandbox.provider.checks import check
from sandbox.provider.cloud import Cloud, IncompleteError, LiveCloud, OpenCloud
from sandbox.provider.configuration import Configuration, configuration, refusals
from sandbox.provider.invokes import INVOKES
from sandbox.provider.plugin import VERSION
from sandbox.provider.resources import TABLE
from sandbox.provider.table import Change, ResourceType
from sandbox.provider.wire import UNKNOWN, Properties, UnsupportedValueError, decode, encode, has_unknown


class AwsProvider(provider_pb2_grpc.ResourceProviderServicer):
    """The local ``aws`` provider of one provider resource.

    Args:
        open_cloud: makes the cloud to work on, once the engine has sent the configuration.
        beginnings: keeps what was begun through a kill; a rendering needs none.
    """

    def __init__(self, open_cloud: OpenCloud = LiveCloud, beginnings: Beginnings | None = None) -> None:
        self._open_cloud = open_cloud
        self._beginnings = beginnings
        self._opened: tuple[Cloud, Configuration] | None = None

    @answering
    def Handshake(self, _request: Message) -> provider_pb2.ProviderHandshakeResponse:
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, supports_autonaming_configuration=True)

    @answering
    def GetPluginInfo(self, _request: Message) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=VERSION)

    @answering
    def Cancel(self, _request: Message) -> Empty:
        """Each operation is one short call, or a wait with an end: what is under way finishes."""
        return Empty()

    @answering
    def CheckConfig(self, request: provider_pb2.CheckRequest) -> provider_pb2.CheckResponse:
        failures = [
            provider_pb2.CheckFailure(property=name, reason=reason) for name, reason in refusals(decode(request.news))
        ]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    @answering
    def DiffConfig(self, request: provider_pb2.DiffRequest) -> provider_pb2.DiffResponse:
        """A changed setting never replaces what the provider made: every resource has its own region."""
        same = decode(request.old_inputs) == decode(request.news)
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_NONE if same else provider_pb2.DiffResponse.DIFF_SOME
        )

    @answering
    def Configure(self, request: provider_pb2.ConfigureRequest) -> provider_pb2.ConfigureResponse:
        settings = configuration(decode(request.args))
        self._opened = (self._open_cloud(settings), settings)
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True
        )

    @answering
    def Invoke(self, request: provider_pb2.InvokeRequest) -> provider_pb2.InvokeResponse:
        if request.tok not in INVOKES:
            raise UnsupportedError(f"The local aws provider has no function '{request.tok}'.")
        taken, invoke = INVOKES[request.tok]
        arguments = decode(request.args)
        if refused := arguments.keys() - taken:
            raise UnsupportedError(f"'{request.tok}' does not take {', '.join(sorted(refused))} here.")
        cloud, settings = self._open()
        answer = provider_pb2.InvokeResponse()
        getattr(answer, "return").CopyFrom(encode(invoke(cloud, settings, arguments)))
        return answer

    @answering
    def Check(self, request: provider_pb2.CheckRequest) -> provider_pb2.CheckResponse:
        return check(_kind(request.urn), request, olds=decode(request.olds), news=decode(request.news))

    @answering
    def Diff(self, request: provider_pb2.DiffRequest) -> provider_pb2.DiffResponse:
        kind = _kind(request.urn)
        if self._beginnings:
            self._beginnings.on_record(request.urn, request.id)
        outputs = decode(request.olds)
        old, new = decode(request.old_inputs), decode(request.news)
        if kind.taggable and "tagsAll" in outputs:
            old["tagsAll"], new["tagsAll"] = outputs["tagsAll"], self._tags(new)
        if kind.regional and "region" in outputs:
            old["region"], new["region"] = outputs["region"], self._whole(kind, new)["region"]
        naming = kind.auto_name
        delete_first = naming is not None and naming.collides(request.urn, old, new)
        ignored = frozenset(path.partition(".")[0].partition("[")[0] for path in request.ignoreChanges)
        return diff.response(kind, old, new, ignored=ignored, delete_first=delete_first)

    @answering
    def Create(self, request: provider_pb2.CreateRequest) -> provider_pb2.CreateResponse:
        kind, inputs = _kind(request.urn), self._whole(_kind(request.urn), decode(request.properties))
        if request.preview:
            return provider_pb2.CreateResponse(properties=_previewed(inputs, kind.computed - inputs.keys()))
        _refuse_unknown(inputs)
        resource_id, outputs = self._make(kind, inputs, request.urn)
        return provider_pb2.CreateResponse(id=resource_id, properties=encode(outputs))

    @answering
    def Read(self, request: provider_pb2.ReadRequest) -> provider_pb2.ReadResponse:
        """The resource as it is; its inputs are those of the program, and whatever AWS has otherwise than on record."""
        kind, known, recorded = _kind(request.urn), decode(request.inputs), decode(request.properties)
        cloud, settings = self._open()
        found = cloud.read(kind, request.id, self._whole(kind, recorded | known))
        if found is None:
            return provider_pb2.ReadResponse()
        drifted = {name: None for name in kind.inputs if found.get(name) != recorded.get(name)}
        wanted = {**drifted, **(known or kind.defaults)}
        inputs = {name: found.get(name, value) for name, value in wanted.items() if name != "tags"}
        own = found.get("tagsAll", {}).items() - settings.default_tags.items()
        if kind.taggable and (own or "tags" in known):
            inputs["tags"] = dict(own)
        return provider_pb2.ReadResponse(id=request.id, properties=encode(found), inputs=encode(inputs))

    @answering
    def Update(self, request: provider_pb2.UpdateRequest) -> provider_pb2.UpdateResponse:
        kind, outputs = _kind(request.urn), decode(request.olds)
        old, new = decode(request.old_inputs), self._whole(kind, decode(request.news))
        names = diff.changed(kind, old, new) & kind.updatable
        if request.preview:
            return provider_pb2.UpdateResponse(
                properties=_previewed(outputs | new, kind.changing if names else frozenset())
            )
        _refuse_unknown(new)
        old["tagsAll"] = outputs.get("tagsAll", {})
        cloud, _ = self._open()
        updated = cloud.update(kind, request.id, Change(old=old, new=new, names=names))
        return provider_pb2.UpdateResponse(properties=encode(updated))

    @answering
    def Delete(self, request: provider_pb2.DeleteRequest) -> Empty:
        cloud, _ = self._open()
        cloud.delete(_kind(request.urn), request.id, decode(request.properties) | decode(request.old_inputs))
        if self._beginnings:
            self._beginnings.forget(request.urn)
        return Empty()

    def _make(self, kind: ResourceType, inputs: Properties, urn: str) -> tuple[str, Properties]:
        """Make a resource, or take over what was begun of it; a mark tells of it until the engine has it on record."""
        (cloud, _), beginnings = self._open(), self._beginnings
        if beginnings is None:
            return cloud.create(kind, inputs, urn=urn)
        begun = beginnings.left(urn)
        made = cloud.take_over(kind, begun, inputs) if begun else None
        if made is None:
            beginnings.begin(urn, inputs)
            try:
                made = cloud.create(kind, inputs, urn=urn)
            except IncompleteError as error:
                beginnings.made(urn, error.resource_id)
                raise
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                    beginnings.forget(urn)
                raise
        beginnings.made(urn, made[0])
        return made

    def _open(self) -> tuple[Cloud, Configuration]:
        if self._opened is None:
            raise UnsupportedError("The provider's configuration is not known yet, so it cannot call AWS.")
        return self._opened

    def _tags(self, inputs: Properties) -> object:
        """The provider's tags, overlaid with the resource's own; unknown while any of them is."""
        own = inputs.get("tags", {})
        if self._opened is None or has_unknown(own):
            return UNKNOWN
        return {**self._opened[1].default_tags, **own}

    def _whole(self, kind: ResourceType, inputs: Properties) -> Properties:
        whole = dict(inputs)
        if kind.taggable:
            whole["tagsAll"] = self._tags(inputs)
        if kind.regional and "region" not in whole:
            whole["region"] = self._opened[1].region if self._opened else UNKNOWN
        return whole


def _kind(urn: str) -> ResourceType:
    aws_type = urn.split("::")[2].rpartition("$")[2]
    if aws_type not in TABLE:
        raise UnsupportedError(f"The local aws provider has no resource type '{aws_type}'.")
    return TABLE[aws_type]


def _previewed(properties: Properties, unknown: frozenset[str]) -> Struct:
    return encode({**properties, **dict.fromkeys(unknown, UNKNOWN)}, with_archives=False)


def _refuse_unknown(inputs: Properties) -> None:
    if unknown := sorted(name for name, value in inputs.items() if has_unknown(value)):
        raise UnsupportedValueError(f"The values of {', '.join(unknown)} must be known by now.")
