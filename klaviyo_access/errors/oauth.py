"""An account's consent could not be had or used."""

from klaviyo_access.errors.base import KlaviyoAccessError


class OAuthError(KlaviyoAccessError):
    """An account's consent could not be had, or could not be used.

    Source: https://developers.klaviyo.com/en/docs/set_up_oauth
    """


class OAuthNotConfigured(OAuthError):
    """Nothing says which OAuth app this is, or AWS does not hand out the secrets that say it."""


class OAuthStateMismatch(OAuthError):
    """The callback's state was not made for this browser's session: the answer to somebody else's request."""

    def __init__(self) -> None:
        super().__init__(
            "A callback's state belongs to the browser session that asked for it; this one does not belong to this "
            "session. Nothing was exchanged: send the user to the authorization URL again, in this browser."
        )


class OAuthStateExpired(OAuthError):
    """The callback came too late."""

    def __init__(self, *, minutes: int) -> None:
        super().__init__(
            f"A request for consent is good for {minutes} minutes, so that a link left lying about is worth nothing; "
            "this one is older. Send the user to the authorization URL again."
        )


class OAuthConsentDenied(OAuthError):
    """The account's owner did not give consent."""

    def __init__(self) -> None:
        super().__init__(
            "The account's owner did not agree to what the app asked for (access_denied). Nothing has changed; say "
            "what each scope is for, and ask again."
        )


class OAuthCodeExpired(OAuthError):
    """Klaviyo takes an authorization code once, within five minutes."""

    def __init__(self) -> None:
        super().__init__(
            "Klaviyo did not take the authorization code: it is good once, for five minutes. "
            "Send the user to the authorization URL again."
        )


class OAuthReauthorizationNeeded(OAuthError):
    """The tokens of an account are of no more use: its owner must give consent again.

    Attributes:
        account: the Klaviyo account, empty where it is not known.
    """

    def __init__(self, reason: str, *, account: str) -> None:
        self.account = account
        super().__init__(
            f"The Klaviyo account {account or '(unknown)'} must give its consent again: {reason}. "
            "Send its owner to the authorization URL."
        )


class OAuthAccountMismatch(OAuthError):
    """Another Klaviyo account gave its consent than the one that was to be connected.

    Attributes:
        expected: the account that was to be connected.
        given: the account whose owner consented.
    """

    def __init__(self, *, expected: str, given: str) -> None:
        self.expected = expected
        self.given = given
        super().__init__(
            f"The Klaviyo account {expected} was to be connected, and the owner of {given} gave consent: one account's "
            "data must never be taken for another's, so nothing was stored. Sign in to the right account and start "
            "again."
        )


class OAuthAppRefused(OAuthError):
    """Klaviyo does not accept the app's client id and secret (invalid_client)."""

    def __init__(self) -> None:
        super().__init__(
            "Klaviyo does not accept this app's client id and secret (invalid_client). Compare the client id with "
            "Klaviyo's app page, generate a new client secret there if need be, and stage it again."
        )


class OAuthRequestRefused(OAuthError):
    """Klaviyo refused an OAuth request for a reason that trying again does not mend.

    Attributes:
        error: the code, as in ``invalid_request`` (RFC 6749, sections 4.1.2.1 and 5.2).
    """

    def __init__(self, error: str, *, description: str) -> None:
        self.error = error
        super().__init__(
            f"Klaviyo refused the OAuth request ({error}): {description or 'it gave no reason'}. Compare redirect URI "
            "and scopes with the app's registration at Klaviyo."
        )


class OAuthUnavailable(OAuthError):
    """Klaviyo or AWS could not be asked; consent and tokens are not in question.

    Args:
        reason: what happened, without a full stop.
        retry_after: whole seconds to wait, None where nobody said.
        then: what to do, where it is not to wait and to look at the network.

    Attributes:
        retry_after: see above.
    """

    def __init__(self, reason: str, *, retry_after: int | None = None, then: str = "") -> None:
        self.retry_after = retry_after
        wait = "Try again" if retry_after is None else f"Try again in {retry_after} s"
        cure = then or f"{wait}, then look at the network"
        super().__init__(f"{reason}. Consent and tokens are not in question. {cure}.")
