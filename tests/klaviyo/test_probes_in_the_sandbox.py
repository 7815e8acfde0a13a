"""Every probe against the sandbox's Klaviyo, which enforces scopes and limits as its documentation states them."""

import asyncio
import json
from collections.abc import Mapping

import httpx
import pytest

from klaviyo_access.keys.secret import Key
from klaviyo_access.klaviyo.probe_table import READ_PROBES, WRITE_PROBES
from klaviyo_access.klaviyo.probes import KeyRefusedError, Prober
from sandbox.klaviyo.app import create_app
from sandbox.memory.sources import Change

ACCOUNT = "SbxKlv"
PROBES = {**READ_PROBES, **WRITE_PROBES}
LAMBDA_SECONDS = 300 - 15


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
        self, method: str, url: str, headers: Mapping[str, str], timeout: float, body: bytes | None = None
    ) -> tuple[int, Mapping[str, str], bytes]:
        async def request() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=self.app), timeout=timeout) as client:
                return await client.request(method, url, headers=dict(headers), content=body)

        answer = asyncio.run(request())
        return answer.status_code, dict(answer.headers), answer.content

    def resources(self) -> list[Change]:
        return self.app.sources[0].changes()

    def key_with(self, *scopes: str) -> Key:
        asked = json.dumps({"name": "a key", "scopes": scopes}).encode()
        headers = {"X-Sandbox-Token": "t", "Content-Type": "application/json"}
        _, _, body = self.send("POST", "http://klaviyo.test/sandbox/keys", headers, 5.0, asked)
        return Key(json.loads(body)["key"])


def test_a_key_with_all_scopes_is_proved_in_all_and_nothing_is_made_by_it() -> None:
    account = Account()
    key = account.key_with(*PROBES)
    before = account.resources()

    proof = account.prober.prove(key, PROBES, account_id=ACCOUNT, writes=True)

    assert proof.unproved == ()
    assert account.resources() == before


def test_two_spares_with_all_scopes_are_proved_within_the_time_of_one_step() -> None:
    account = Account()

    for key in (account.key_with(*PROBES), account.key_with(*PROBES)):
        account.prober.prove(key, PROBES, account_id=ACCOUNT, writes=True)

    assert account.now < LAMBDA_SECONDS


@pytest.mark.parametrize("scope", sorted(PROBES))
def test_a_key_without_the_scope_is_refused_by_its_probe_and_told_which(scope: str) -> None:
    account = Account()
    others = PROBES.keys() - {scope}

    with pytest.raises(KeyRefusedError) as refused:
        account.prober.prove(account.key_with(*others), PROBES, account_id=ACCOUNT, writes=True)

    assert refused.value.reason == f"missing:{scope}"


def test_many_rotators_share_the_quota_and_all_come_through() -> None:
    account = Account()
    keys = [account.key_with("accounts:read") for _ in range(9)]

    proofs = [account.prober.prove(key, ["accounts:read"], account_id=ACCOUNT) for key in keys]

    assert [proof.unproved for proof in proofs] == [()] * 9
    assert account.now == 8.0
