"""Every probe against the sandbox's Klaviyo, which enforces scopes and limits as its documentation states them."""

import asyncio
import json
from collections.abc import Mapping

import httpx
import pytest

from klaviyo_access.keys.secret import Key
from klaviyo_access.klaviyo.probes import READ_PROBES, KeyRefusedError, Prober
from sandbox.klaviyo.app import create_app

ACCOUNT = "SbxKlv"


class Account:
    """The sandbox's account, its clock, and one rotator's way to it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.app = create_app(control_token="t", clock=lambda: self.now, account_id=ACCOUNT)
        self.prober = Prober(
            url="http://klaviyo.test",
            revision="2026-10-15",
            transport=self.send,
            sleep=self.sleep,
            time_left=lambda: 100.0,
        )

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def send(
        self, method: str, url: str, headers: Mapping[str, str], timeout: float, *, body: str | None = None
    ) -> tuple[int, Mapping[str, str], bytes]:
        async def request() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=self.app), timeout=timeout) as client:
                return await client.request(method, url, headers=dict(headers), content=body)

        answer = asyncio.run(request())
        return answer.status_code, dict(answer.headers), answer.content

    def key_with(self, *scopes: str) -> Key:
        asked = json.dumps({"name": "a key", "scopes": scopes})
        headers = {"X-Sandbox-Token": "t", "Content-Type": "application/json"}
        _, _, body = self.send("POST", "http://klaviyo.test/sandbox/keys", headers, 5.0, body=asked)
        return Key(json.loads(body)["key"])


def test_a_key_with_all_readable_scopes_is_proved_in_all() -> None:
    account = Account()

    proof = account.prober.prove(account.key_with(*READ_PROBES), READ_PROBES, account_id=ACCOUNT)

    assert proof.unproved == ()


@pytest.mark.parametrize("scope", sorted(READ_PROBES))
def test_a_key_without_the_scope_is_refused_by_its_probe_and_told_which(scope: str) -> None:
    account = Account()
    others = READ_PROBES.keys() - {scope}

    with pytest.raises(KeyRefusedError) as refused:
        account.prober.prove(account.key_with(*others), READ_PROBES, account_id=ACCOUNT)

    assert refused.value.reason == f"missing:{scope}"


def test_many_rotators_share_the_quota_and_all_come_through() -> None:
    account = Account()
    keys = [account.key_with("accounts:read") for _ in range(9)]

    proofs = [account.prober.prove(key, ["accounts:read"], account_id=ACCOUNT) for key in keys]

    assert [proof.unproved for proof in proofs] == [()] * 9
    assert account.now == 8.0
