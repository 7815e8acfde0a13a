"""Access tokens: renewed once however many ask, on as many hosts as there are, whatever fails meanwhile."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx2
import pytest

from klaviyo_access.errors import OAuthAppRefused, OAuthReauthorizationNeeded, OAuthUnavailable
from klaviyo_access.oauth import OAuthConnection, OAuthTokens, Secret
from klaviyo_access.oauth.connection import EARLY, HOLD_OFF, PAUSES
from klaviyo_access.oauth.flight import SingleFlight
from tests.oauth.oauth_world import ACCOUNT, BROWSER, World

REFRESH = "POST /oauth/token"


def stored(world: World) -> OAuthTokens:
    tokens = world.store.load(ACCOUNT)
    assert tokens is not None
    return tokens


def test_a_token_is_used_until_five_minutes_before_its_end_then_renewed() -> None:
    world = World()
    connection = world.connected().connection(ACCOUNT)
    first = connection.access_token()
    world.now += 3600 - EARLY - 1
    assert connection.access_token() == first
    world.now += 1
    second = connection.access_token()
    assert second != first
    assert world.klaviyo.seen == [REFRESH]
    assert stored(world).access_token == second
    assert world.works(second)


def test_a_new_process_takes_the_stored_token_without_asking_klaviyo() -> None:
    world = World()
    token = world.connected().connection(ACCOUNT).access_token()
    assert world.host().connection(ACCOUNT).access_token() == token
    assert world.klaviyo.seen == []


def test_a_rejected_token_is_renewed_once_for_all_who_saw_the_rejection() -> None:
    world = World()
    connection = world.connected().connection(ACCOUNT)
    rejected = connection.access_token()
    renewed = {connection.access_token(rejected=rejected) for _ in range(5)}
    assert len(renewed) == 1
    assert rejected not in renewed
    assert world.klaviyo.seen == [REFRESH]


def test_a_rejected_token_that_another_host_has_renewed_is_read_from_the_store() -> None:
    world = World()
    here, there = world.connected().connection(ACCOUNT), world.host().connection(ACCOUNT)
    old = here.access_token()
    new = there.access_token(rejected=old)
    assert here.access_token(rejected=old) == new
    assert world.klaviyo.seen == [REFRESH]


def slow(world: World, *, until: threading.Event, started: threading.Event) -> None:
    """Let Klaviyo answer a refresh only after ``until``."""

    def wait(request: httpx2.Request) -> None:
        if request.url.path == "/oauth/token":
            started.set()
            assert until.wait(timeout=30)

    world.klaviyo.intercept = wait


def test_64_threads_that_need_a_token_make_one_refresh() -> None:
    world = World()
    connection = world.connected().connection(ACCOUNT)
    world.now += 3600
    until, started, asking = threading.Event(), threading.Event(), threading.Barrier(65)
    slow(world, until=until, started=started)

    def ask() -> Secret:
        asking.wait()
        return connection.access_token()

    with ThreadPoolExecutor(64) as pool:
        asked = [pool.submit(ask) for _ in range(64)]
        asking.wait()
        assert started.wait(timeout=30)
        until.set()
        tokens = {one.result() for one in asked}
    assert len(tokens) == 1
    assert world.klaviyo.seen == [REFRESH]


def test_1000_tasks_and_a_thread_share_one_refresh() -> None:
    world = World()
    connection = world.connected().connection(ACCOUNT)
    world.now += 3600
    until, started = threading.Event(), threading.Event()
    slow(world, until=until, started=started)

    async def ask_all() -> set[Secret]:
        asked = [asyncio.create_task(connection.aaccess_token()) for _ in range(1000)]
        thread = asyncio.create_task(asyncio.to_thread(connection.access_token))
        await asyncio.to_thread(started.wait, 30)
        until.set()
        return {*await asyncio.gather(*asked), await thread}

    assert len(asyncio.run(ask_all())) == 1
    assert world.klaviyo.seen == [REFRESH]


def test_a_task_that_is_cancelled_leaves_the_refresh_to_the_others() -> None:
    world = World()
    connection = world.connected().connection(ACCOUNT)
    world.now += 3600
    until, started = threading.Event(), threading.Event()
    slow(world, until=until, started=started)

    async def cancel_the_first() -> Secret:
        first, second = (asyncio.create_task(connection.aaccess_token()) for _ in range(2))
        await asyncio.to_thread(started.wait, 30)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        until.set()
        return await second

    assert asyncio.run(cancel_the_first()) == stored(world).access_token


def test_nobody_waits_for_an_early_renewal_but_the_one_who_does_it() -> None:
    world = World()
    connection = world.connected().connection(ACCOUNT)
    old = connection.access_token()
    world.now += 3600 - EARLY
    until, started = threading.Event(), threading.Event()
    slow(world, until=until, started=started)
    with ThreadPoolExecutor(1) as pool:
        renewed = pool.submit(connection.access_token)
        assert started.wait(timeout=30)
        assert connection.access_token() == old
        until.set()
        assert renewed.result() != old


def test_a_flight_that_a_fork_copied_is_flown_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    flight: SingleFlight[str] = SingleFlight()
    flight._join()  # as a thread of the parent that is in the middle of it
    monkeypatch.setattr("os.getpid", lambda: -1)
    assert flight.run(lambda: "the child's own") == "the child's own"


def test_who_knows_of_a_rejection_is_not_served_the_renewal_of_who_did_not() -> None:
    world = World()
    connection = world.connected().connection(ACCOUNT)
    token = connection.access_token()
    cold = world.host().connection(ACCOUNT)
    inside, go_on = threading.Event(), threading.Event()
    load = world.store.kept.load

    def slow_load(account: str) -> OAuthTokens | None:
        inside.set()
        assert go_on.wait(timeout=30)
        return load(account)

    world.store.kept.load = slow_load  # type: ignore[method-assign] # the test stands in the store's way
    with ThreadPoolExecutor(2) as pool:
        unaware = pool.submit(cold.access_token)
        assert inside.wait(timeout=30)
        aware = pool.submit(cold.access_token, rejected=token)
        go_on.set()
        assert unaware.result() in (token, aware.result())
        assert aware.result() != token


# Klaviyo renews refresh tokens, or does not; what follows must hold either way.
both_ways = pytest.mark.parametrize("renews", [False, True], ids=["refresh token stays", "refresh token changes"])


@both_ways
def test_two_hosts_that_refresh_at_once_both_end_with_tokens_that_work(renews: bool) -> None:
    world = World()
    world.set_app(renews_refresh_tokens=renews)
    here, there = world.connected().connection(ACCOUNT), world.host().connection(ACCOUNT)
    there.access_token()
    world.now += 3600
    winner: list[Secret] = []

    def while_here_is_on_its_way(request: httpx2.Request) -> None:
        if request.url.path == "/oauth/token" and not winner:
            winner.append(Secret("someone is first"))
            winner[0] = there.access_token()

    world.klaviyo.intercept = while_here_is_on_its_way
    mine = here.access_token()
    assert (mine == winner[0]) is renews
    assert world.works(mine)
    assert world.works(winner[0])
    assert world.klaviyo.seen.count(REFRESH) == 2
    assert stored(world).access_token == mine
    world.now += 3600
    assert world.works(here.access_token())
    assert world.works(there.access_token())


def test_a_lost_race_waits_for_the_winner_to_store() -> None:
    world = World()
    world.set_app(renews_refresh_tokens=True)
    connection = world.connected().connection(ACCOUNT)
    world.now += 3600
    before = stored(world)
    won = world.host()._client.refresh(before, account=ACCOUNT)  # the winner, before it stores

    def store_at_the_second_look(seconds: float) -> None:
        world.slept.append(seconds)
        if len(world.slept) == 2:
            world.store.save(ACCOUNT, won)

    late = OAuthConnection(
        ACCOUNT,
        client=connection._client,
        store=world.store,
        clock=lambda: world.now,
        sleep=store_at_the_second_look,
        locks=connection._locks,
    )
    assert late.access_token() == won.access_token
    assert world.slept == list(PAUSES[:2])


def test_a_consent_that_the_owner_renewed_meanwhile_is_not_overwritten() -> None:
    world = World()
    app = world.connected()
    connection = app.connection(ACCOUNT)
    world.now += 3600
    newer = replace(stored(world), access_token=Secret("newer"), refresh_token=Secret("newer still"))
    world.klaviyo.intercept = lambda _: world.store.save(ACCOUNT, newer)
    assert connection.access_token() == newer.access_token
    assert stored(world) == newer


def test_a_refresh_token_that_changed_is_stored_before_its_access_token_is_used() -> None:
    world = World()
    world.set_app(renews_refresh_tokens=True)
    connection = world.connected().connection(ACCOUNT)
    before = stored(world)
    world.now += 3600
    world.store.down = True
    with pytest.raises(OAuthUnavailable):
        connection.access_token()
    with pytest.raises(OAuthUnavailable):  # nor a second time
        connection.access_token()
    assert stored(world) == before
    world.store.down = False
    token = connection.access_token()
    assert stored(world).access_token == token
    assert stored(world).refresh_token != before.refresh_token
    assert world.klaviyo.seen == [REFRESH]
    assert world.works(token)


@both_ways
def test_a_crash_between_refresh_and_store_costs_a_new_consent_only_where_klaviyo_ended_the_old_token(
    renews: bool,
) -> None:
    world = World()
    world.set_app(renews_refresh_tokens=renews)
    doomed = world.connected().connection(ACCOUNT)
    world.now += 3600
    world.store.down = True
    with pytest.raises(OAuthUnavailable):
        doomed.access_token()
    del doomed  # the process is gone, and with it what it had not stored
    world.store.down = False
    reborn = world.host()
    if not renews:
        assert world.works(reborn.connection(ACCOUNT).access_token())
        return
    with pytest.raises(OAuthReauthorizationNeeded) as needed:
        reborn.connection(ACCOUNT).access_token()
    assert needed.value.account == ACCOUNT
    callback = world.consent(reborn.authorization_url(session=BROWSER))
    assert world.works(reborn.connect(callback, session=BROWSER).access_token())


def test_an_app_that_was_uninstalled_needs_a_new_consent_and_asks_klaviyo_once() -> None:
    world = World()
    app = world.connected()
    connection = app.connection(ACCOUNT)
    token = connection.access_token()
    world.uninstall()
    assert not world.works(token)
    world.klaviyo.seen.clear()
    for _ in range(3):
        with pytest.raises(OAuthReauthorizationNeeded, match=ACCOUNT):
            connection.access_token(rejected=token)
    assert world.klaviyo.seen == [REFRESH]
    assert world.slept == list(PAUSES)
    callback = world.consent(app.authorization_url(session=BROWSER))
    assert app.connect(callback, session=BROWSER) is connection
    assert world.works(connection.access_token(rejected=token))


def test_a_new_consent_on_another_host_brings_a_dead_connection_back() -> None:
    world = World()
    connection = world.connected().connection(ACCOUNT)
    token = connection.access_token()
    world.uninstall()
    with pytest.raises(OAuthReauthorizationNeeded):
        connection.access_token(rejected=token)
    world.connected()
    assert world.works(connection.access_token(rejected=token))


def test_revoking_uninstalls_the_app_and_forgets_the_tokens_on_every_host() -> None:
    world = World()
    here, there = world.connected().connection(ACCOUNT), world.host().connection(ACCOUNT)
    token = there.access_token()
    here.revoke()
    assert world.store.load(ACCOUNT) is None
    assert not world.works(token)
    for connection in (here, there):
        with pytest.raises(OAuthReauthorizationNeeded, match="withdrew"):
            connection.access_token(rejected=token)
    here.revoke()  # twice is fine


def test_revoking_gives_back_tokens_that_could_not_be_stored_yet() -> None:
    world = World()
    world.set_app(renews_refresh_tokens=True)
    connection = world.connected().connection(ACCOUNT)
    world.now += 3600
    world.store.down = True
    with pytest.raises(OAuthUnavailable):
        connection.access_token()
    unsaved = connection._unsaved
    assert unsaved is not None
    assert world.works(unsaved.fresh.access_token)
    world.store.down = False
    connection.revoke()
    assert not world.works(unsaved.fresh.access_token)


def test_a_revocation_that_klaviyo_did_not_hear_forgets_nothing() -> None:
    world = World()
    connection = world.connected().connection(ACCOUNT)
    world.klaviyo.intercept = lambda _: httpx2.Response(503)
    with pytest.raises(OAuthUnavailable):
        connection.revoke()
    assert world.works(connection.access_token())


def test_an_account_that_never_consented_is_told_apart_from_one_that_cannot_be_asked() -> None:
    world = World()
    with pytest.raises(OAuthReauthorizationNeeded, match="gave no consent"):
        world.host().connection(ACCOUNT).access_token()
    assert world.klaviyo.seen == []


def test_what_was_never_granted_is_named_before_klaviyo_is_asked() -> None:
    connection = World().connected().connection(ACCOUNT)
    assert connection.access_token(needs=["lists:read"])
    with pytest.raises(OAuthReauthorizationNeeded, match="never granted events:write, lists:write"):
        connection.access_token(needs=["lists:write", "accounts:read", "events:write"])


def test_scopes_that_klaviyo_took_back_are_missed_at_the_next_refresh_and_the_rest_goes_on() -> None:
    world = World()
    connection = world.connected().connection(ACCOUNT)
    world.set_app(scopes=["accounts:read"])
    world.now += 3600
    assert connection.access_token(needs=["accounts:read"])
    assert stored(world).scopes == ("accounts:read",)
    with pytest.raises(OAuthReauthorizationNeeded, match="lists:read"):
        connection.access_token(needs=["lists:read"])


def test_a_refresh_asks_for_no_scopes_so_that_an_app_that_wants_more_keeps_what_it_has() -> None:
    world = World()
    world.connected()
    world.now += 3600
    bodies: list[bytes] = []
    world.klaviyo.intercept = lambda request: bodies.append(request.content)
    world.host(scopes=("accounts:read", "lists:read", "events:write")).connection(ACCOUNT).access_token()
    assert [b"scope" in body for body in bodies] == [False]


def failing(response: Callable[[], httpx2.Response]) -> Callable[[httpx2.Request], httpx2.Response | None]:
    return lambda request: response() if request.url.path == "/oauth/token" else None


def test_a_token_that_still_works_is_used_while_klaviyo_is_down_with_an_attempt_each_half_minute() -> None:
    world = World()
    connection = world.connected().connection(ACCOUNT)
    token = connection.access_token()
    world.klaviyo.intercept = failing(lambda: httpx2.Response(503))
    world.now += 3600 - EARLY
    assert [connection.access_token() for _ in range(10)] == [token] * 10
    assert world.klaviyo.seen == [REFRESH]
    world.now += HOLD_OFF
    assert connection.access_token() == token
    assert world.klaviyo.seen == [REFRESH] * 2
    world.now += EARLY
    with pytest.raises(OAuthUnavailable):
        connection.access_token()


def test_tasks_too_use_a_token_that_still_works() -> None:
    world = World()
    connection = world.connected().connection(ACCOUNT)
    token = connection.access_token()
    world.klaviyo.intercept = failing(lambda: httpx2.Response(503))
    world.now += 3600 - EARLY
    assert asyncio.run(connection.aaccess_token()) == token
    with pytest.raises(OAuthUnavailable):
        asyncio.run(connection.aaccess_token(rejected=token))


def test_a_client_secret_that_klaviyo_no_longer_takes_is_no_matter_of_consent() -> None:
    world = World()
    world.connected()
    world.now += 3600
    with pytest.raises(OAuthAppRefused):
        world.host(secret="replaced at Klaviyo").connection(ACCOUNT).access_token()


@pytest.mark.parametrize("error", ["invalid_grant", "invalid_grant_type"])
def test_both_codes_for_a_dead_refresh_token_ask_for_a_new_consent(error: str) -> None:
    world = World()
    connection = world.connected().connection(ACCOUNT)
    world.now += 3600
    world.klaviyo.intercept = failing(lambda: httpx2.Response(400, json={"error": error}))
    with pytest.raises(OAuthReauthorizationNeeded, match="refresh token"):
        connection.access_token()


def test_a_token_that_lives_shorter_than_the_early_renewal_is_used_all_the_same() -> None:
    world = World()
    connection = world.connected().connection(ACCOUNT)
    world.now += 3600
    short = {"access_token": "a", "token_type": "bearer", "expires_in": 60, "refresh_token": "r"}
    world.klaviyo.intercept = failing(lambda: httpx2.Response(200, json=short))
    assert {connection.access_token().reveal() for _ in range(5)} == {"a"}
    assert world.klaviyo.seen == [REFRESH]
