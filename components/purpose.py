"""What an environment is for, and what follows: how long its records stay, and whether what is gone could be for good.

A name that says nothing is taken for production, so that no `prd` or `live` gets mild rules without a word.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

Purpose = Literal["development", "staging", "production"]

PURPOSES: Final[tuple[Purpose, ...]] = ("development", "staging", "production")
"""From the mildest to the strictest."""

BY_NAME: Final[Mapping[str, Purpose]] = MappingProxyType(
    {"local": "development", "dev": "development", "staging": "staging", "prod": "production"}
)
"""What the names of the shipped environments say by themselves."""

LEAST_RETENTION_DAYS: Final[Mapping[Purpose, int]] = MappingProxyType(
    {"development": 90, "staging": 180, "production": 365}
)
"""How long records are kept at least."""


def purpose_of(name: str, said: Purpose | None) -> Purpose:
    """The purpose of the environment of this name; ``said`` is what its settings say."""
    return said or BY_NAME.get(name, "production")


def is_milder_than_its_name(name: str, said: Purpose | None) -> bool:
    """Whether the settings say less than the name does."""
    return said is not None and PURPOSES.index(said) < PURPOSES.index(BY_NAME.get(name, said))


def protects(purpose: Purpose) -> bool:
    """Whether what cannot be brought back is kept from deletion."""
    return purpose == "production"
