"""KMS keys whose waiting period is over go, with their aliases and grants: ministack keeps them for ever.

This module reaches into it; its version is pinned, and a test holds what is relied on.
Source: KMS developer guide, "Deleting AWS KMS keys".
"""

from ministack.core.responses import request_scope  # type: ignore[import-untyped]  # ministack has no types
from ministack.services import kms  # type: ignore[import-untyped]  # the same


def delete_due_keys(now: float) -> None:
    """Delete what is due at ``now``, in seconds since the epoch."""
    for (account, region, key_id), key in list(kms._keys._data.items()):  # noqa: SLF001 - see the module's docstring
        if key["KeyState"] == "PendingDeletion" and key["DeletionDate"] <= now:
            with request_scope(account, region):
                del kms._keys[key_id]  # noqa: SLF001 - the same
                for alias in [name for name, target in kms._aliases.items() if target == key_id]:  # noqa: SLF001 - the same
                    del kms._aliases[alias]  # noqa: SLF001 - the same
                for grant_id in [name for name, grant in kms._grants.items() if grant["KeyId"] == key["Arn"]]:  # noqa: SLF001 - the same
                    del kms._grants[grant_id]  # noqa: SLF001 - the same
