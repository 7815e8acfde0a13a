"""One secret by a rotator's few calls: what Secrets Manager says on failure is never passed on."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from klaviyo_access.keys.labels import HoldsKey
from rotation.errors import StoreError
from rotation.store import StoredSecret


class FailingClient:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def __getattr__(self, name: str) -> Any:
        def fail(**_: Any) -> None:
            raise self.error

        return fail


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            ClientError({"Error": {"Code": "AccessDeniedException", "Message": "secret text"}}, "x"),
            "AccessDeniedException",
        ),
        (EndpointConnectionError(endpoint_url="https://secret text"), "EndpointConnectionError"),
    ],
)
def test_a_failed_call_is_told_by_its_code_alone(error: Exception, told: str) -> None:
    secret = StoredSecret("arn", FailingClient(error))

    for attempt in (
        secret.labels,
        lambda: secret.value("v"),
        lambda: secret.put("v", "value", []),
        lambda: secret.add(HoldsKey("0" * 12), "v"),
    ):
        with pytest.raises(StoreError) as raised:
            attempt()
        assert (raised.value.code, "secret text" in str(raised.value)) == (told, False)
