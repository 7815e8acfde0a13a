"""Several sources, one after the other."""

from collections.abc import Callable, Mapping

from klaviyo_access.errors import KeyStoreError, KeyStoreNotConfigured, KeyStoreUnavailable
from klaviyo_access.keys.secret import Key
from klaviyo_access.keys.snapshot import KeySnapshot
from klaviyo_access.keys.sources import Source


class OrderedSources:
    """Tries sources in order and takes the first that has a good key.

    A source passes on to the next when it is not configured, cannot be reached, or still has the key that Klaviyo
    rejected, which is remembered until that source has another. A definite answer (denied, no key yet, a malformed
    value) is the answer.

    Args:
        role: the role that owns the key.
        openers: how to open each source, by its name, in order; none is opened before its turn.
    """

    def __init__(self, role: str, openers: Mapping[str, Callable[[], Source]]) -> None:
        self._role = role
        self._openers = openers
        self._opened: dict[str, Source] = {}
        self._stuck: dict[str, Key] = {}

    def fetch(self, *, rejected: Key | None = None) -> KeySnapshot:
        """The first good key.

        Raises:
            KeyStoreError: a definite answer, or ``KeyStoreUnavailable`` when no source has a good key and one of them
                could not be reached, or ``KeyStoreNotConfigured`` when none is set up.
        """
        passed: dict[str, KeyStoreError] = {}
        refused: KeySnapshot | None = None
        for name in self._openers:
            try:
                found = self._source(name).fetch(rejected=rejected or self._stuck.get(name))
            except (KeyStoreNotConfigured, KeyStoreUnavailable) as error:
                passed[name] = error
                continue
            if found.key not in (rejected, self._stuck.pop(name, None)):
                return found
            self._stuck[name] = found.key
            refused = refused or found
            passed[name] = KeyStoreNotConfigured(f"it still has the key {found.key}, which Klaviyo rejected.")
        unreached = next((error for error in passed.values() if isinstance(error, KeyStoreUnavailable)), None)
        if refused and not unreached:
            return refused
        kind = KeyStoreUnavailable if unreached else KeyStoreNotConfigured
        tried = "".join(f"\n- {name}: {error}" for name, error in passed.items())
        raise kind(f"No source has a good key of role {self._role!r}. Tried in this order:{tried}") from unreached

    def _source(self, name: str) -> Source:
        if name not in self._opened:
            self._opened[name] = self._openers[name]()
        return self._opened[name]
