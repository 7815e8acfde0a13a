"""The rotator of viewer, the auditor and Klaviyo, as the commands see them that end a key."""

from collections.abc import Mapping
from typing import Any

import pytest

from klaviyo_access.cli.keys import auditor, disposal
from klaviyo_access.keys.secret import Key
from tests.cli.cli_fakes import FakeAws, fake_key

KEY, RESERVE = "klaviyo/dev/viewer/key", "klaviyo/dev/viewer/reserve"
TIME = "20261101T080000Z"
LEAKED = Key(fake_key(7))
FP = LEAKED.fingerprint
SPARE, OTHER = "bbbbbbbbbbbb", "cccccccccccc"

Event = Mapping[str, Any]


class World:
    """The rotator and the auditor of viewer, and Klaviyo, as far as the commands see them."""

    def __init__(self, aws: FakeAws) -> None:
        self.aws = aws
        self.disabled = False
        self.auditor_disables = True
        aws.on_invoke = self.answer
        aws.on_rotate = self.promote

    def answer(self, event: Event) -> dict[str, Any]:
        """As the rotator of viewer answers, or the auditor."""
        match event["action"]:
            case "audit":
                self.disabled = self.auditor_disables
                return {"outcome": "audited"}
            case "leaked":
                for stages in self.aws.labels[KEY].values():
                    if f"KEY:{FP}" in stages and "AWSPENDING" in stages:
                        stages.remove("AWSPENDING")
                return {"outcome": "marked", "fingerprint": FP, "ends_with": "0707"}
            case "prove-dead":
                return {"outcome": "dead" if self.disabled else "alive"}
        return {"outcome": "disabling", "fingerprint": FP, "ends_with": "0707"}

    def promote(self, labels: dict[str, list[str]], version: str) -> None:
        """The spare becomes current."""
        self.aws.events.append({"action": "rotate"})
        for stages in labels.values():
            stages[:] = ["AWSPREVIOUS" if stage == "AWSCURRENT" else stage for stage in stages]
        labels[version] = ["AWSCURRENT", f"KEY:{SPARE}"]
        self.aws.labels[RESERVE] = {"r0": ["AWSCURRENT"]}

    @property
    def asked(self) -> list[tuple[str, ...]]:
        """What was asked of whom, without the versions' ids."""
        return [(event["action"], *([event["secret"]] if "secret" in event else [])) for event in self.aws.events]


def world_of(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> World:
    """Viewer uses the leaked key and has a spare; nobody waits."""
    aws.labels[KEY] = {"v1": ["AWSCURRENT", f"KEY:{FP}"]}
    aws.labels[RESERVE] = {"r0": ["AWSCURRENT"], "r1": [f"SPARE:{TIME}:{SPARE}"]}
    monkeypatch.setattr(disposal, "_PAUSE_SECONDS", 0)
    monkeypatch.setattr(auditor, "_PAUSE_SECONDS", 0)
    return World(aws)


def rotated(world: World) -> None:
    """A rotation of viewer long ago."""
    world.promote(world.aws.labels[KEY], "v2")
    world.aws.events.clear()
