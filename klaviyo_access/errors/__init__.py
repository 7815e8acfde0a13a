"""Every error that the library raises at run time, each with its cause and its cure. Standard library only.

::

    KlaviyoAccessError            catch this one to catch them all
    ├── KeyStoreError             the role's key could not be had
    │   ├── KeyStoreNotConfigured cause: no environment or region named    cure: set the variables that it names
    │   ├── NoKeyYet              cause: the role's secret has no value    cure: stage a key, then rotate
    │   ├── KeyReadDenied         cause: IAM lets this principal not read  cure: run as the role's service
    │   ├── KeyValueMalformed     cause: a value that no rotator wrote     cure: rotate, or roll back
    │   └── KeyStoreUnavailable   cause: AWS not reached, or it failed     cure: wait, look at network and credentials
    ├── KlaviyoError              Klaviyo did not do what was asked
    │   ├── KeyRejected           cause: 401, and so with a fresh key      cure: rotate in a good spare
    │   ├── ScopeMissing          cause: 403 that names scopes             cure: a role that has them, or a wider key
    │   ├── FeatureForbidden      cause: 403 that names none               cure: the account's plan or entitlement
    │   ├── RateLimited           cause: 429, the account's quota          cure: wait `retry_after` seconds
    │   ├── RequestRefused        cause: any other 4xx                     cure: mend the request
    │   ├── RequestMalformed      cause: a call that cannot be sent        cure: mend the call
    │   ├── AnswerNotUnderstood   cause: a body unlike its description     cure: look what was done, then update
    │   └── KlaviyoUnreachable    cause: no connection, 5xx, a challenge   cure: wait, look at network and status page
    ├── OAuthError                an account's consent could not be had or used
    │   ├── OAuthNotConfigured    cause: app or secrets not named or there cure: set or stage what it names
    │   ├── OAuthStateMismatch    cause: a callback of another browser     cure: start again in this one
    │   ├── OAuthStateExpired     cause: more than ten minutes at Klaviyo  cure: send the user to Klaviyo again
    │   ├── OAuthConsentDenied    cause: the account's owner said no       cure: tell what it is for, ask again
    │   ├── OAuthCodeExpired      cause: the code is used, or 5 min old    cure: send the user to Klaviyo again
    │   ├── OAuthAccountMismatch  cause: another account gave its consent  cure: sign in to the right one
    │   ├── OAuthReauthorizationNeeded  cause: consent withdrawn, or widened   cure: ask the account's owner anew
    │   ├── OAuthAppRefused       cause: Klaviyo knows not the app's secret    cure: stage the client secret again
    │   ├── OAuthRequestRefused   cause: any other refusal by Klaviyo      cure: mend the app's registration
    │   └── OAuthUnavailable      cause: Klaviyo or AWS not reached, 429   cure: wait, look at the network
    ├── AuditError                audit entries could not be kept or delivered
    │   ├── AuditNotConfigured    cause: no disk or log group for entries  cure: name what it asks for
    │   ├── AuditNotDelivered     cause: the sink took no lines            cure: none, they are delivered again
    │   └── AuditSpoolFull        cause: entries wait for a sink for long  cure: mend the sink, or give more disk
    ├── AuthorizationError        the application's user may not do this
    │   ├── RoleNotAssigned       cause: the user has no Klaviyo role      cure: sign in, or assign a role
    │   └── PermissionDenied      cause: the role lacks the permission     cure: a role that has it, in access.yaml
    ├── DeclarationError          service and access model do not fit: it must not start
    │   ├── UnknownRole           cause: a role that is not declared       cure: the one that the message names
    │   ├── UnknownPermission     cause: a permission that is not declared cure: the one that the message names
    │   ├── UnguardedRoutes       cause: open routes under its prefix      cure: require a permission, or give a reason
    │   └── PermissionsUnusable   cause: no export, or one from elsewhere  cure: export the permissions again
    └── WebhookError              a webhook's delivery was not handed over
        ├── WebhookRefused        cause: forged, changed, or too old       cure: none, answer 401
        ├── WebhookRepeated       cause: it was handled, or is being so    cure: none, answer 200, or 409 meanwhile
        └── WebhookSecretsUnavailable  cause: no secret to verify with     cure: what it names, answer 503 meanwhile
            └── WebhookSecretsNotConfigured  cause: no webhook or region named  cure: set the variables that it names

The error of the layer below stays as ``__cause__``, without the input that pydantic's would quote. No message,
attribute or cause holds a key.

What is wrong with an argument is a ``ValueError`` or a ``TypeError``, as everywhere in Python; where it has a name of
its own, that ends in ``Error``: ``MalformedKeyError``, ``MalformedSigningSecretError``.
"""

from klaviyo_access.errors.application import (
    AuditError,
    AuditNotConfigured,
    AuditNotDelivered,
    AuditSpoolFull,
    AuthorizationError,
    DeclarationError,
    PermissionDenied,
    PermissionsUnusable,
    RoleNotAssigned,
    UnguardedRoutes,
    UnknownPermission,
    UnknownRole,
    WebhookError,
    WebhookRefused,
    WebhookRepeated,
    WebhookSecretsNotConfigured,
    WebhookSecretsUnavailable,
)
from klaviyo_access.errors.base import (
    KlaviyoAccessError,
)
from klaviyo_access.errors.key_store import (
    KeyReadDenied,
    KeyStoreError,
    KeyStoreNotConfigured,
    KeyStoreUnavailable,
    KeyValueMalformed,
    NoKeyYet,
)
from klaviyo_access.errors.klaviyo import (
    AnswerNotUnderstood,
    FeatureForbidden,
    KeyRejected,
    KlaviyoError,
    KlaviyoUnreachable,
    RateLimited,
    RequestMalformed,
    RequestRefused,
    ScopeMissing,
)
from klaviyo_access.errors.oauth import (
    OAuthAccountMismatch,
    OAuthAppRefused,
    OAuthCodeExpired,
    OAuthConsentDenied,
    OAuthError,
    OAuthNotConfigured,
    OAuthReauthorizationNeeded,
    OAuthRequestRefused,
    OAuthStateExpired,
    OAuthStateMismatch,
    OAuthUnavailable,
)

__all__ = [
    "AnswerNotUnderstood",
    "AuditError",
    "AuditNotConfigured",
    "AuditNotDelivered",
    "AuditSpoolFull",
    "AuthorizationError",
    "DeclarationError",
    "FeatureForbidden",
    "KeyReadDenied",
    "KeyRejected",
    "KeyStoreError",
    "KeyStoreNotConfigured",
    "KeyStoreUnavailable",
    "KeyValueMalformed",
    "KlaviyoAccessError",
    "KlaviyoError",
    "KlaviyoUnreachable",
    "NoKeyYet",
    "OAuthAccountMismatch",
    "OAuthAppRefused",
    "OAuthCodeExpired",
    "OAuthConsentDenied",
    "OAuthError",
    "OAuthNotConfigured",
    "OAuthReauthorizationNeeded",
    "OAuthRequestRefused",
    "OAuthStateExpired",
    "OAuthStateMismatch",
    "OAuthUnavailable",
    "PermissionDenied",
    "PermissionsUnusable",
    "RateLimited",
    "RequestMalformed",
    "RequestRefused",
    "RoleNotAssigned",
    "ScopeMissing",
    "UnguardedRoutes",
    "UnknownPermission",
    "UnknownRole",
    "WebhookError",
    "WebhookRefused",
    "WebhookRepeated",
    "WebhookSecretsNotConfigured",
    "WebhookSecretsUnavailable",
]
