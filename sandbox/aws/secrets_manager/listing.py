"""Which secrets a list of filters means, and in which order they are shown."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from sandbox.aws.calls import Json
from sandbox.aws.secrets_manager.state import Secret

Texts = Callable[[Secret], list[str]]

ATTRIBUTES: Final[Mapping[str, tuple[Texts, bool]]] = {
    "name": (lambda secret: [secret.name], True),
    "description": (lambda secret: [secret.description or ""], False),
    "tag-key": (lambda secret: list(secret.tags), True),
    "tag-value": (lambda secret: list(secret.tags.values()), True),
    "primary-region": (lambda secret: [secret.primary_region or secret.region], True),
    "owning-service": (lambda _secret: [], True),
}
"""For each filter key: what of a secret is compared, and whether case counts. A match is a match of the beginning."""

ORDERS: Final[Mapping[str, Callable[[Secret], tuple[float, str] | str]]] = {
    "created-date": lambda secret: (secret.created, secret.name),
    "last-accessed-date": lambda secret: (secret.accessed or 0.0, secret.name),
    "last-changed-date": lambda secret: (secret.changed, secret.name),
    "name": lambda secret: secret.name,
}


def matching(secrets: Iterable[Secret], filters: Sequence[Json], *, deleted_too: bool = False) -> list[Secret]:
    """The secrets that satisfy every filter; a filter is satisfied by any of its values."""
    return [
        secret
        for secret in secrets
        if (deleted_too or secret.purge_at is None)
        and all(any(_fits(secret, asked["Key"], value) for value in asked["Values"]) for asked in filters)
    ]


def in_order(secrets: list[Secret], *, by: str, descending: bool) -> list[Secret]:
    """Secrets in one of the orders of ``ORDERS``."""
    return sorted(secrets, key=ORDERS[by], reverse=descending)


def _fits(secret: Secret, key: str, value: str) -> bool:
    if value.startswith("!"):
        return not _fits(secret, key, value[1:])
    if key == "all":
        return all(_has_word(secret, word) for word in re.findall(r"\w+", value))
    texts, case_counts = ATTRIBUTES[key]
    if case_counts:
        return any(text.startswith(value) for text in texts(secret))
    return any(text.lower().startswith(value.lower()) for text in texts(secret))


def _has_word(secret: Secret, word: str) -> bool:
    return any(word.lower() in text.lower() for texts, _ in ATTRIBUTES.values() for text in texts(secret))
