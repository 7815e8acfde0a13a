"""What is suspicious is marked in the entry: single actions, roles and results, hours, bursts."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from klaviyo_access.audit import Suspicions
from klaviyo_access.audit.entry import document_of
from klaviyo_access.audit.pseudonyms import PseudonymKey, Pseudonyms
from klaviyo_access.moments import Burst, Hours
from tests.audit.audit_bench import NOON, Kept, entry, open_log

TABLE: dict[str, dict[str, Any]] = {
    "profile-deletion": {"permissions": ["delete-profiles"]},
    "denied-burst": {"result": "denied", "burst": "3 in 60s"},
    "out-of-hours-admin": {"roles": ["admin"], "outside": "mon-fri 07:00-19:00"},
}
SUNDAY = NOON - timedelta(days=1)

SINGLE = [
    ("an action of the table", {"action": "delete-profiles"}, ["profile-deletion"]),
    ("another action", {"action": "read-profiles"}, []),
    ("an admin at noon", {"role": "admin"}, []),
    ("an admin at seven", {"role": "admin", "timestamp": NOON.replace(hour=7)}, []),
    ("an admin before seven", {"role": "admin", "timestamp": NOON.replace(hour=6, minute=59)}, ["out-of-hours-admin"]),
    ("an admin at seven in the evening", {"role": "admin", "timestamp": NOON.replace(hour=19)}, ["out-of-hours-admin"]),
    ("an admin on Sunday", {"role": "admin", "timestamp": SUNDAY}, ["out-of-hours-admin"]),
    ("a marketer on Sunday", {"timestamp": SUNDAY}, []),
    ("one denial", {"result": "denied"}, []),
    (
        "two at once",
        {"action": "delete-profiles", "role": "admin", "timestamp": SUNDAY},
        ["profile-deletion", "out-of-hours-admin"],
    ),
]


@pytest.mark.parametrize(("fields", "met"), [row[1:] for row in SINGLE], ids=[row[0] for row in SINGLE])
def test_an_entry_meets(fields: dict[str, Any], met: list[str]) -> None:
    assert Suspicions.declared(TABLE).met_by(document_of(entry(**fields))) == met


BURSTS = [
    ("three in a minute", [("ada", 0), ("ada", 30), ("ada", 60)], [0, 0, 1]),
    ("three in more than a minute", [("ada", 0), ("ada", 30), ("ada", 61)], [0, 0, 0]),
    ("it goes on", [("ada", 0), ("ada", 1), ("ada", 2), ("ada", 3)], [0, 0, 1, 1]),
    ("it is over", [("ada", 0), ("ada", 1), ("ada", 2), ("ada", 90)], [0, 0, 1, 0]),
    ("of two people", [("ada", 0), ("eve", 1), ("ada", 2), ("eve", 3), ("eve", 4)], [0, 0, 0, 0, 1]),
]


@pytest.mark.parametrize(("denials", "met"), [row[1:] for row in BURSTS], ids=[row[0] for row in BURSTS])
def test_a_burst_of_denials_is_one_users(denials: list[tuple[str, int]], met: list[int]) -> None:
    table = Suspicions.declared(TABLE)
    marks = [
        table.met_by(document_of(entry(result="denied", user_id=user, timestamp=NOON + timedelta(seconds=at))))
        for user, at in denials
    ]
    assert [len(mark) for mark in marks] == met


def test_an_entry_that_is_allowed_is_no_part_of_a_burst() -> None:
    table = Suspicions.declared(TABLE)
    results = ["denied", "allowed", "denied", "allowed", "denied"]
    assert [len(table.met_by(document_of(entry(result=result)))) for result in results] == [0, 0, 0, 0, 1]


def test_people_without_a_name_are_told_apart_by_their_address() -> None:
    table = Suspicions.declared(TABLE)
    addresses = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.1", "192.0.2.1"]
    marks = [table.met_by(document_of(entry(result="denied", user_id="", ip_address=one))) for one in addresses]
    assert [len(mark) for mark in marks] == [0, 0, 0, 0, 1]


def test_what_is_remembered_of_people_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("klaviyo_access.audit.suspicion._MOST_USERS", 5)
    table = Suspicions.declared(TABLE)
    for number in range(50):
        table.met_by(document_of(entry(result="denied", user_id=str(number))))
    assert len(table._seen) == 5


def test_the_line_of_a_suspicious_entry_carries_the_names_also_where_people_are_pseudonyms(tmp_path: Path) -> None:
    sink = Kept()
    hidden = Pseudonyms(PseudonymKey(bytes(32)))
    with open_log(tmp_path, sink, suspicions=Suspicions.declared(TABLE), pseudonyms=hidden) as audit:
        audit.record(entry("delete-profiles"))
        audit.record(entry("read-profiles"))
    assert [json.loads(line)["suspicious"] for line in sink.lines] == [["profile-deletion"], []]
    assert '"ada"' not in "".join(sink.lines)


@pytest.mark.parametrize(
    "text", ["", "10", "10 in 60", "0 in 60s", "10 in 0s", "10  in 60s", "-1 in 5s", "10 in 60sec"]
)
def test_a_burst_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="10 in 60s"):
        Burst.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "07:00-19:00",
        "mon-fri",
        "mon-fri 7:00-19:00",
        "mon-fri 19:00-07:00",
        "fri-mon 07:00-19:00",
        "mon-xxx 07:00-08:00",
    ],
)
def test_hours_of_another_form_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="mon-fri 07:00-19:00"):
        Hours.parse(text)
