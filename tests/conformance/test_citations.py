"""What the conformance tests themselves rest on: quotations that are there, and readings of which each has its turn."""

import re

import pytest

from sandbox.aws.secrets_manager.readings import POINTS, Readings, choices
from tests.conformance.citations import cites, documented, unfounded


class Item:
    """As much of a pytest item as is asked: its marks, and its function."""

    def __init__(self, *marks: pytest.MarkDecorator, docstring: str | None = None) -> None:
        self.marks = [decorator.mark for decorator in marks]
        self.obj = type("Function", (), {"__doc__": docstring})

    def iter_markers(self, name: str) -> list[pytest.Mark]:
        """The marks of a name."""
        return [mark for mark in self.marks if mark.name == name]


@pytest.mark.parametrize(
    ("item", "problems"),
    [
        (Item(cites("PutSecretValue", "This operation is idempotent.")), 0),
        (Item(cites("PutSecretValue", "This operation is impotent.")), 1),
        (Item(cites("GetSecretValue", "You can specify the staging labels to attach")), 1),
        (Item(cites("CreateGrant", "Adds a grant to a KMS key.", service="kms")), 0),
        (Item(documented("user guide", "a rule")), 0),
        (Item(docstring="User guide: a rule."), 0),
        (Item(), 1),
    ],
)
def test_a_behaviour_that_nothing_says_is_told(item: Item, problems: int) -> None:
    assert len(unfounded(item, service="secretsmanager")) == problems  # type: ignore[arg-type]  # as much as is asked


def test_each_reading_of_each_point_has_its_turn() -> None:
    turns = {(point, choice.of(point)) for choice in choices() for point in POINTS}
    assert turns == {(name, reading) for name, point in POINTS.items() for reading in point.readings}
    assert choices()[0] == Readings()
    assert Readings().as_mapping().keys() == POINTS.keys()


@pytest.mark.parametrize(
    ("point", "reading", "said"),
    [
        ("last-value", "also-current", "No open point is named 'last-value': there are first-value, "),
        ("first-value", "never", "first-value has no reading 'never': it has also-current, as-asked."),
    ],
)
def test_a_reading_that_there_is_not_is_refused_with_those_that_there_are(point: str, reading: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        Readings().but(point, reading)
