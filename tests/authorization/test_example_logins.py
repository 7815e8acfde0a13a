"""The example services answer nobody whose name is not signed."""

import pytest

from examples.login import HOUR, Login, Person

LOGIN = Login(b"s" * 32, clock=lambda: 1_000_000.0)


def test_a_token_names_a_person_with_their_role() -> None:
    assert LOGIN.person(f"Bearer {LOGIN.token('marie')}") == Person("marie", "marketer")
    assert LOGIN.person(f"Bearer {LOGIN.token('gus')}") == Person("gus", None)


FORGED = {
    "nothing": None,
    "no signature": "Bearer marie.1003600",
    "another's name": f"Bearer {LOGIN.token('marie').replace('marie', 'ada')}",
    "a longer hour": f"Bearer {LOGIN.token('marie').replace('1003600', '9003600')}",
    "another secret": f"Bearer {Login(b't' * 32, clock=LOGIN.clock).token('ada')}",
    "no ASCII": "Bearer ada.9003600.é",
}


@pytest.mark.parametrize("header", FORGED.values(), ids=FORGED)
def test_a_token_that_is_not_signed_names_nobody(header: str | None) -> None:
    assert LOGIN.person(header) is None


def test_a_token_ends_after_an_hour() -> None:
    later = Login(LOGIN.secret, clock=lambda: LOGIN.clock() + HOUR)
    assert later.person(f"Bearer {LOGIN.token('ada')}") is None


def test_without_a_secret_it_says_what_to_set() -> None:
    with pytest.raises(SystemExit, match="EXAMPLE_LOGIN_SECRET"):
        Login.of({"EXAMPLE_LOGIN_SECRET": "short"})
