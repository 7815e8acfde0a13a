"""Every type that hides a value hides it in the same ways."""

import copy
import json
import pickle
import pprint
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import pytest

from klaviyo_access.audit.pseudonyms import PseudonymKey
from klaviyo_access.hidden import Hidden, fingerprint
from klaviyo_access.keys import Key
from klaviyo_access.oauth.secret import Secret
from klaviyo_access.webhooks import SigningSecret

KEY, OTHER_KEY = "pk_" + "ab" * 17, "pk_" + "cd" * 17
LONG, OTHER = "correct horse battery staple 123", "wrong horse battery staple 12345"
TYPES: dict[Callable[[Any], Hidden[Any]], tuple[Any, Any]] = {
    Key: (KEY, OTHER_KEY),
    SigningSecret: (LONG, OTHER),
    Secret: (LONG, OTHER),
    PseudonymKey: (LONG.encode(), OTHER.encode()),
}


@dataclass
class Holder:
    """What a service may put a hidden value into."""

    held: Hidden[Any]


every_type = pytest.mark.parametrize(
    ("kind", "values"), TYPES.items(), ids=lambda value: getattr(value, "__name__", "")
)


@every_type
def test_nothing_prints_the_value(kind: Callable[[Any], Hidden[Any]], values: tuple[Any, Any]) -> None:
    hidden = kind(values[0])

    def fail() -> None:
        held = hidden
        raise RuntimeError(held)

    with pytest.raises(RuntimeError) as raised:
        fail()
    trace = traceback.TracebackException.from_exception(raised.value, capture_locals=True)
    formatted = f"{hidden} {hidden!s} {hidden!r} {hidden:>40} {[hidden]} {pprint.pformat(hidden)} {{}}"
    shown = formatted.format(hidden) + "%s %r" % (hidden, hidden) + str(trace.stack[-1].locals) + str(raised.value)  # noqa: UP031 - logging formats so
    assert not hasattr(hidden, "__dict__")
    assert [part for part in ("horse", values[0][:-4]) if str(part) in shown] == []


@every_type
def test_nothing_copies_or_pickles_it(kind: Callable[[Any], Hidden[Any]], values: tuple[Any, Any]) -> None:
    hidden = kind(values[0])
    attempts: list[Callable[[], object]] = [
        *(partial(pickle.dumps, hidden, protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)),
        partial(copy.copy, hidden),
        partial(copy.deepcopy, hidden),
        partial(asdict, Holder(hidden)),
        hidden.__getstate__,
        hidden.__reduce__,
        partial(hidden.__reduce_ex__, 2),
    ]
    for attempt in attempts:
        with pytest.raises(TypeError, match="never pickled"):
            attempt()
    for attempt in (partial(vars, hidden), partial(json.dumps, hidden)):
        with pytest.raises(TypeError):
            attempt()


@every_type
@pytest.mark.parametrize("spec", ["", "s", "60", "<60s", "^60", ".60", "*>60.60s"])
def test_no_format_prints_the_value(kind: Callable[[Any], Hidden[Any]], values: tuple[Any, Any], spec: str) -> None:
    hidden = kind(values[0])
    shown = f"{hidden:{spec}} {hidden!r:{spec}}"
    assert [part for part in ("horse", values[0][:-4]) if str(part) in shown] == []
    assert repr(hidden) in shown


def test_a_key_keeps_the_fingerprint_of_its_value() -> None:
    key = Key(KEY)
    with pytest.raises(AttributeError):
        key.fingerprint = Key(OTHER_KEY).fingerprint  # type: ignore[misc] # what the test shows to be refused
    assert key.fingerprint == fingerprint(KEY)


@every_type
def test_it_is_compared_by_value_and_type(kind: Callable[[Any], Hidden[Any]], values: tuple[Any, Any]) -> None:
    one, same, other = kind(values[0]), kind(values[0]), kind(values[1])
    assert (one == same, one == other, one == values[0], len({one, same, other})) == (True, False, False, 2)
    assert one.reveal() == values[0]
    assert one != Hidden(values[0])
