"""A secret of OAuth's that shows nothing of itself: client secret, tokens, codes and verifiers."""

from klaviyo_access.hidden import Hidden, fingerprint


class Secret(Hidden[str]):
    """A text that no repr, log line, pickle or traceback can show.

    Args:
        value: the secret; of so many possible values that its fingerprint gives none away, as every secret of OAuth's.
    """

    __slots__ = ()

    @property
    def fingerprint(self) -> str:
        """The first 12 hex digits of the secret's SHA-256, by which log lines tell two secrets apart."""
        return fingerprint(self.reveal())

    def __repr__(self) -> str:
        return f"… ({self.fingerprint})"
