"""One role's keys: its two secrets, and what an action on them needs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from klaviyo_access.keys.labels import SecretLabels
from klaviyo_access.klaviyo.probes import Prober
from rotation.settings import Settings
from rotation.store import StoredSecret


@dataclass(frozen=True, kw_only=True)
class RoleKeys:
    """What every action works on.

    Attributes:
        settings: what the deployment says.
        key: the secret that services read.
        reserve: the secret that holds the spares.
        klaviyo: asks Klaviyo about keys.
        clock: the time now, with its zone.
    """

    settings: Settings
    key: StoredSecret
    reserve: StoredSecret
    klaviyo: Prober
    clock: Callable[[], datetime]

    def both_labels(self) -> tuple[SecretLabels, SecretLabels]:
        """The labels of key and reserve, as they are now."""
        return self.key.labels(), self.reserve.labels()
