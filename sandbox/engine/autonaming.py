"""How resources without a name of their own get one: the stack's setting ``pulumi:autonaming``."""

import json
from collections.abc import Callable, Mapping
from typing import Final

from pulumi.runtime.proto import provider_pb2

from sandbox.engine import urns
from sandbox.engine.values import UnsupportedFeatureError

Options = provider_pb2.CheckRequest.AutonamingOptions
Naming = Callable[[str], Options | None]

MODES: Final[Mapping[str, Naming]] = {
    "default": lambda _: None,
    "verbatim": lambda urn: Options(mode=Options.Mode.ENFORCE, proposed_name=urns.name_of(urn)),
    "disabled": lambda _: Options(mode=Options.Mode.DISABLE),
}
"""What the provider is told of a resource by its URN; nothing, where names are its own affair."""


def naming(configuration: Mapping[str, str]) -> Naming:
    """The naming that a stack's configuration asks for.

    Raises:
        UnsupportedFeatureError: it asks for something other than a mode, such as a pattern.
    """
    settings = json.loads(configuration.get("pulumi:autonaming", '{"mode": "default"}'))
    if settings.keys() != {"mode"} or settings["mode"] not in MODES:
        raise UnsupportedFeatureError(f"autonaming {json.dumps(settings)}, only the modes {', '.join(MODES)}")
    return MODES[settings["mode"]]
