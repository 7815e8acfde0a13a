"""When a rotation counts as done, by the labels of the key secret."""

import pytest

from klaviyo_access.cli.keys.rotations import phase_of
from klaviyo_access.keys.labels import SecretLabels

FINGERPRINT = "a" * 12
KEY = f"KEY:{FINGERPRINT}"


@pytest.mark.parametrize(
    ("labels", "finished", "phase"),
    [
        ([KEY, "AWSPENDING"], False, "running"),
        ([KEY, "AWSCURRENT"], False, "rotated"),
        ([KEY, "AWSCURRENT", "AWSPENDING"], False, "running"),
        ([KEY, "AWSCURRENT", "AWSPENDING"], True, "rotated"),
        ([KEY], False, "gone"),
        ([], True, "gone"),
        ([KEY, "AWSCURRENT", f"REJECTED:20261122T120000Z:{FINGERPRINT}:refused"], True, "gone"),
    ],
    ids=[
        "not finished",
        "finished",
        "the first value of a secret, current before it was tested",
        "the same once AWS has noted the end",
        "given up",
        "never made",
        "made current, then refused",
    ],
)
def test_a_rotation_is_done_when_its_key_is_current_and_aws_has_ended_it(
    labels: list[str], finished: bool, phase: str
) -> None:
    assert phase_of(SecretLabels.of({"v1": labels} if labels else {}), "v1", finished=finished) == phase
