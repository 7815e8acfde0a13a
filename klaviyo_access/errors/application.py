"""What a service's own users, routes, audit log and webhooks meet."""

from klaviyo_access.errors.base import KlaviyoAccessError


class AuditError(KlaviyoAccessError):
    """Audit entries could not be kept or delivered."""


class AuditNotConfigured(AuditError):
    """An audit log has no place for its entries, on disk or at AWS."""


class AuditNotDelivered(AuditError):
    """A sink did not take lines; an `AuditLog` keeps them and delivers them again."""


class AuditSpoolFull(AuditError):
    """The disk's part of an audit log may hold no more, and what it holds is not delivered yet."""


class AuthorizationError(KlaviyoAccessError):
    """The application's user may not do this."""


class RoleNotAssigned(AuthorizationError):
    """The application's user has no Klaviyo role: HTTP 401."""

    def __init__(self) -> None:
        super().__init__("No Klaviyo role assigned")


class PermissionDenied(AuthorizationError):
    """The role of the application's user has not the permission: HTTP 403.

    Attributes:
        role: the user's role, as in access.yaml.
        permission: what it lacks, as in access.yaml.

    The message ends with ``why``, where there is more to say than that.
    """

    def __init__(self, *, role: str, permission: str, why: str = "") -> None:
        self.role = role
        self.permission = permission
        super().__init__(f"Role {role!r} does not have the permission {permission!r}{why}.")


class DeclarationError(KlaviyoAccessError):
    """What the service declares does not fit the access model; it must not start so."""


class UnknownRole(DeclarationError):
    """A route names a role that cannot pass it: the access model does not have it, or not with the permission."""


class UnknownPermission(DeclarationError):
    """A route requires a permission that the access model does not have."""


class UnguardedRoutes(DeclarationError):
    """Routes under the Klaviyo prefix require no permission."""


class PermissionsUnusable(DeclarationError):
    """The exported permissions are missing, malformed, or those of another environment."""


class WebhookError(KlaviyoAccessError):
    """A webhook's delivery was not handed over."""


class WebhookRefused(WebhookError):
    """The delivery is not Klaviyo's, not this webhook's, or too old; who sent it is told nothing more."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"A delivery is received when Klaviyo signed it, for this webhook, a short while ago; this one is refused: "
            f"{reason}. Answer 401. If it was Klaviyo's, look at the webhook's id, its secret and this machine's clock."
        )


class WebhookRepeated(WebhookError):
    """The same delivery came before.

    Attributes:
        handled: whether it was handled; if not, it is being handled now, and that may fail yet.
    """

    def __init__(self, *, handled: bool) -> None:
        self.handled = handled
        said = "was handled: answer 200" if handled else "is being handled: answer 409, so that Klaviyo asks again"
        super().__init__(f"A delivery is handled once, and this one {said}.")


class WebhookSecretsUnavailable(WebhookError):
    """There are no secrets to verify deliveries with; the message says why and what to do."""


class WebhookSecretsNotConfigured(WebhookSecretsUnavailable):
    """Nothing says where the secrets are, or in which AWS region."""
