"""What marks in Klaviyo's list tell: whose an entry is, that it was the wrong one, and that an ended key is back."""

import pytest

from klaviyo_access.keys.labels import Leaked, Spare
from rotation.auditor.findings import Finding, Kind
from rotation.auditor.marks import End, Mark, with_mark, without_mark
from tests.rotation.auditor_world import NOW, AuditWorld, holds, marked, print_of, rejected
from tests.rotation.rotation_world import key_value

END = key_value("old")[-4:]
OTHERS = "0" * 12


def disabled(world: AuditWorld) -> list[str]:
    return [entry["id"] for entry in world.entries if entry["status"] == "disabled"]


def unlisted(name: str = "stranger") -> AuditWorld:
    """Klaviyo's list lacks ``old``, which is alive, and has somebody else's key that ends alike."""
    world = AuditWorld(answers={("viewer", "prove-dead"): [{"outcome": "alive", "fingerprint": print_of("old")}]})
    world.entry("old").update(id="id-stranger", name=name, key=f"pk_{'0' * 30}{END}")
    return world


def found(world: AuditWorld, kind: Kind, *roles: str) -> list[Finding]:
    """The findings of a kind in one round."""
    return [finding for finding in world.audit(*roles).findings if finding.kind is kind]


NAMES = {
    "none": ("viewer", "viewer [%s-aaaa]"),
    "no name": ("", "[%s-aaaa]"),
    "its own": (f"viewer [{OTHERS}-aaaa]", "viewer [%s-aaaa]"),
    "in the middle": (f"viewer [{OTHERS}-aaaa] 2", "viewer 2 [%s-aaaa]"),
    "of the key that it is a clone of": (f"viewer [{'1' * 12}-bbbb leaked]", "viewer [%s-aaaa]"),
    "ended": (f"viewer [{OTHERS}-aaaa ended]", "viewer [%s-aaaa]"),
    "leaked": (f"viewer [{OTHERS}-aaaa leaked]", "viewer [%s-aaaa leaked]"),
}


@pytest.mark.parametrize(("before", "after"), NAMES.values(), ids=NAMES)
def test_a_name_has_one_mark_and_a_leak_is_not_forgotten(before: str, after: str) -> None:
    mark = Mark(OTHERS, "aaaa")
    once = with_mark(before, mark)
    assert (once, with_mark(once, mark)) == (after % OTHERS, once)
    assert with_mark(before, mark._replace(end=End.LEAKED)).endswith(f"[{OTHERS}-aaaa leaked]")
    assert "aaaa" not in without_mark(once, OTHERS)


def test_a_clone_that_has_kept_the_name_with_the_mark_is_known_as_itself() -> None:
    world = AuditWorld()
    world.entry("old")["name"] = marked("earlier")
    assert (world.kinds("viewer"), disabled(world)) == ([], ["id-old"])
    assert world.entry("old")["name"] == f"earlier [{print_of('old')}-{END} ended]"


@pytest.mark.parametrize("end", ["", "ended", "leaked"])
def test_a_clone_of_an_ended_key_is_neither_told_of_nor_disabled(end: str) -> None:
    world = AuditWorld(waiting={"old"})
    world.make("clone", label=marked("gone", end))
    assert (world.kinds(), disabled(world)) == ([], [])


def test_a_look_alike_that_was_disabled_instead_is_enabled_at_once_and_never_taken_again() -> None:
    world = unlisted()
    (finding,) = found(world, Kind.WRONG_KEY, "viewer")
    assert (finding.is_urgent, finding.fingerprint) == (True, print_of("old"))
    name = f"stranger [not {print_of('old')}]"
    changes = [(f"stranger [{print_of('old')}-{END} ended]", "disabled"), (name, "active")]
    assert world.patched[:2] == changes
    assert world.kinds("viewer") == ["by-hand viewer"]
    assert [change for change in world.patched if change[0].startswith("stranger")] == changes


def test_the_key_itself_is_found_beside_a_look_alike_that_it_is_known_not_to_be() -> None:
    world = AuditWorld()
    world.entries.append(
        {**world.entry("old"), "id": "id-stranger", "name": f"x [not {print_of('old')}]", "key": f"pk_{'0' * 30}{END}"}
    )
    assert (world.audit("viewer").counts["dead"], disabled(world)) == (1, ["id-old"])


def test_a_look_alike_with_the_mark_is_enabled_a_day_later() -> None:
    world = unlisted(marked("old"))
    assert [(world.kinds("viewer"), disabled(world)) for _ in range(3)] == [
        (["still-alive viewer"], ["id-stranger"]),
        (["wrong-key viewer"], []),
        (["by-hand viewer"], []),
    ]


def test_a_look_alike_that_cannot_be_enabled_again_is_told_of() -> None:
    world = unlisted()

    def refuse() -> None:
        world.during = lambda: None
        world.status = [500] * 5

    world.during = refuse
    assert world.kinds("viewer") == ["live-disabled viewer", "wrong-key viewer"]


LEAKED = {
    "it was in use": ("key", [holds("old"), str(Leaked(print_of("old")))]),
    "it was a spare": ("reserve", [rejected("old", "leaked")]),
}


@pytest.mark.parametrize(("secret", "labels"), LEAKED.values(), ids=LEAKED)
@pytest.mark.parametrize("by_hand", [True, False])
def test_the_name_of_a_leaked_key_says_so_whoever_disabled_it(secret: str, labels: list[str], by_hand: bool) -> None:
    world = AuditWorld()
    del world.roles["viewer"].key["old"]
    getattr(world.roles["viewer"], secret)["old"] = labels
    if by_hand:
        world.entry("old").update(name=marked("old"), status="disabled")
    assert world.audit("viewer").counts["dead"] == 1
    assert world.entry("old")["name"] == marked("old", "leaked")


BACK: dict[str, tuple[str, list[str], str]] = {
    "of an ended one a person is told": ("ended", [], "take the mark off its name"),
    "a leaked one is disabled again": ("leaked", ["id-back"], "disabled again"),
}


@pytest.mark.parametrize(("end", "ends", "says"), BACK.values(), ids=BACK)
def test_an_ended_key_that_somebody_enabled_again_is_told_of(end: str, ends: list[str], says: str) -> None:
    world = AuditWorld(waiting={"old"})
    world.make("back")["name"] = marked("back", end)
    (finding,) = found(world, Kind.REVIVED)
    assert (finding.is_urgent, finding.fingerprint, finding.role) == (True, print_of("back"), "")
    assert says in finding.message
    assert disabled(world) == ends
    assert len(found(world, Kind.REVIVED)) == (0 if ends else 1)


def test_a_key_that_an_audit_ended_and_somebody_enabled_is_told_of_by_the_next() -> None:
    world = AuditWorld()
    assert world.kinds() == []
    world.entry("old")["status"] = "active"
    assert world.kinds() == ["revived"]


KNOWN: dict[str, tuple[str, dict[str, list[str]], dict[str, list[str]], tuple[list[str], list[str]]]] = {
    "ended, and staged again": ("ended", {}, {"back": [str(Spare(NOW, print_of("back")))]}, ([], [])),
    "ended, and in use again": ("ended", {"back": [holds("back"), "AWSCURRENT"]}, {}, ([], [])),
    "leaked, and staged again": (
        "leaked",
        {},
        {"back": [str(Spare(NOW, print_of("back")))]},
        (["revived"], ["id-back"]),
    ),
    "leaked, and in use again": ("leaked", {"back": [holds("back"), "AWSCURRENT"]}, {}, (["revived"], [])),
    "leaked, and not proved dead yet": (
        "leaked",
        {"back": [holds("back"), str(Leaked(print_of("back")))]},
        {},
        ([], ["id-back"]),
    ),
}


@pytest.mark.parametrize(("end", "key", "reserve", "expected"), KNOWN.values(), ids=KNOWN)
def test_a_returned_key_that_a_role_knows_is_no_stranger_but_a_leak_stays_one(
    end: str, key: dict[str, list[str]], reserve: dict[str, list[str]], expected: tuple[list[str], list[str]]
) -> None:
    world = AuditWorld(waiting={"old"})
    world.make("back")["name"] = marked("back", end)
    if any("AWSCURRENT" in labels for labels in key.values()):
        world.roles["reporting"].key["reporting-key"].remove("AWSCURRENT")
        world.waiting.add("reporting-key")
    world.roles["reporting"].key.update(key)
    world.roles["reporting"].reserve.update(reserve)
    assert (world.kinds(), disabled(world)) == expected
    assert world.entry("back")["name"] == marked("back", "" if end == "ended" and key else end)


def test_a_returned_leak_that_goes_live_meanwhile_is_not_disabled() -> None:
    world = AuditWorld(waiting={"old", "reporting-key"}, status=[0, 429])
    world.make("back")["name"] = marked("back", "leaked")

    def promote() -> None:
        world.roles["reporting"].key["reporting-key"].remove("AWSCURRENT")
        world.roles["reporting"].key["back"] = [holds("back"), "AWSCURRENT"]

    world.waits = promote
    assert (world.kinds("viewer"), disabled(world), world.slept) == (["revived"], [], [7])
