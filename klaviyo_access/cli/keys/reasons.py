"""What the reason on a REJECTED label means, and what to do about it."""

from typing import Final

MISSING: Final = "missing:"
"""How the reason of a key begins that lacks scopes of its role; they follow."""

_MEANINGS: Final = {
    "refused": "Klaviyo does not know it: it was disabled or deleted, or miscopied",
    "other-account": "it belongs to another Klaviyo account than this environment's",
    "malformed": "what was staged has not the form of a key",
    "mislabelled": "its label names another key than the one staged",
    "leaked": "it leaked",
    "rolled-back": "an operator rolled back from it",
}


def meaning(reason: str) -> str:
    """A reason as the end of a sentence about a key: ``it lacks lists:read``."""
    if reason.startswith(MISSING):
        return f"it lacks {', '.join(reason.removeprefix(MISSING).split(','))}, which its role has"
    return _MEANINGS.get(reason, reason)
