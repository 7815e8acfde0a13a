"""One role's keys: its two secrets, and what an action on them needs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from klaviyo_access.keys.labels import SecretLabels
from klaviyo_access.klaviyo.probes import Prober
from rotation.errors import StoreError
from rotation.settings import Settings
from rotation.store import StoredSecret, Where


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

    def secret(self, where: Where) -> StoredSecret:
        """The secret that an event names."""
        return {Where.KEY: self.key, Where.RESERVE: self.reserve}[where]

    def both_labels(self) -> tuple[SecretLabels, SecretLabels]:
        """The labels of key and reserve, as they are now."""
        return self.key.labels(), self.reserve.labels()


def value_of(secret: StoredSecret, version_id: str) -> str:
    """The text of a version that has labels, and so has a value.

    Raises:
        StoreError: a call to Secrets Manager failed, or the value lags behind its labels.
    """
    value = secret.value(version_id)
    if value is None:  # no verdict on a key that nobody has read
        raise StoreError("get_secret_value", "ResourceNotFoundException")
    return value
