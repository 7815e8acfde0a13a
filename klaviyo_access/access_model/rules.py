"""The rules of an access model: what must hold, and what for. Where each is checked: document, schema, checks."""

from dataclasses import dataclass
from typing import Final, TypeAlias

from klaviyo_access.access_model.problems import Problem, redacted

Where: TypeAlias = tuple[str | int, ...]
"""A place in the file: the keys and list positions that lead there."""


@dataclass(frozen=True)
class Rule:
    """One rule: ``text`` says what must hold, ``why`` what it is good for."""

    text: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A rule broken somewhere in the file."""

    where: Where
    rule: Rule
    value: str
    fix: str


def problem(line: int, rule: Rule, *, value: str, fix: str) -> Problem:
    """``rule``, broken on ``line``; neither value nor fix shows what looks like a key."""
    return Problem(line=line, rule=rule.text, value=redacted(value), why=rule.why, fix=redacted(fix))


READABLE: Final = Rule(
    "The access model is a readable file",
    "access is decided in one file, and without it nothing may be built",
)
SMALL: Final = Rule(
    "The access model has at most 128 KiB, 12 levels, and 300 entries in a section or list",
    "a person must be able to read it, and a hostile file must not use up time or memory",
)
PLAIN_TEXT: Final = Rule(
    "The access model is UTF-8 text of printable characters",
    "what looks the same must be the same, on every terminal and in AWS's descriptions",
)
WELL_FORMED: Final = Rule("The access model is one YAML document", "half a file would decide half of the access")
PLAIN_YAML: Final = Rule(
    "The access model uses no anchors, aliases, merge keys or tags",
    "what a line decides must stand on that line, and no value may build an object",
)
ONCE: Final = Rule("Nothing is said twice", "one of the two would be changed one day, and the other believed")
NO_KEY: Final = Rule(
    "No key stands in the access model",
    "the file is in version control: whoever reads it would hold the key, for good",
)

SECTION: Final = Rule(
    "The access model has permissions, roles, services and environments, each with entries",
    "each of the four decides a part of the access, and none has a default",
)
KNOWN_KEY: Final = Rule("Every key is one that the model knows", "a mistyped key would silently decide nothing")
GIVEN: Final = Rule("An entry says all that its kind must say", "there is no safe default for it")
KIND: Final = Rule("A value is of its key's kind", "another kind would be guessed at, and access is not guessed")
NOT_EMPTY: Final = Rule("A list or text that is given is not empty", "whether it was forgotten cannot be seen")
ONE_OF: Final = Rule("A choice is one of those offered", "nothing else has a meaning here")
FITS_AWS: Final = Rule("A text fits where AWS stores it", "AWS refuses others in the middle of a deployment")
NAME: Final = Rule(
    "A name starts with a letter, has lowercase letters, digits and hyphens, and at most 40 characters",
    "it becomes part of the names of secrets, roles and functions, which AWS bounds at 64 characters",
)
FREE_NAME: Final = Rule(
    "No role is named oauth",
    "its secrets would lie among the OAuth app's, where every read by its services raises the alert on strangers",
)
ENVIRONMENT_NAME: Final = Rule(
    "An environment's name starts with a letter, has lowercase letters and digits, and at most 20 characters",
    "it is the name of a stack, and stands between hyphens in the name of every resource",
)

KNOWN_SCOPE: Final = Rule("Every scope is one of Klaviyo's", "Klaviyo's dashboard offers no other, so no key has it")
NAMED_SCOPES: Final = Rule(
    "Permissions and services name each scope, without *",
    "what a role has beyond them counts as excess, and a pattern would hide it",
)
BETA: Final = Rule(
    "Beta scopes are the custodian's alone",
    "with credentials:write every key of the account can be disabled, and Klaviyo may change what a beta scope allows",
)
KNOWN_PERMISSION: Final = Rule(
    "Roles, OAuth apps and suspicions name permissions that the model declares",
    "another name grants nothing and finds nothing, though it looks as if it did",
)
KNOWN_ROLE: Final = Rule(
    "Services and suspicions name roles that the model declares",
    "another role has no key to read, and nobody acts in it",
)
SERVICE_ROLE: Final = Rule(
    "A service names its role in `role`, or several in `roles`",
    "without a role there is no key that it may read",
)
SEVERAL_ROLES: Final = Rule(
    "A service reads the keys of several roles only with a reason",
    "whoever takes over that service holds all of those keys",
)
ONE_OAUTH_APP: Final = Rule(
    "At most one service has an OAuth app",
    "the app has one client secret, and each account's tokens have one writer",
)
SUSPICION: Final = Rule(
    "A suspicion says what it looks for", "one that says nothing would mark every entry, and then nobody looks at any"
)
MOMENTS: Final = Rule(
    "Bursts and hours have their one form", "a span that is guessed at would stay silent when it matters"
)
POINTLESS_REASON: Final = Rule(
    "A reason stands only where one is needed", "a reason left behind allows tomorrow what nobody decided"
)

PERMISSION_SCOPES: Final = Rule(
    "A role has every scope that its permissions need", "people would be offered what Klaviyo then answers with 403"
)
SERVICE_SCOPES: Final = Rule(
    "A service's role has every scope that the service needs", "the service would be answered with 403"
)
SERVICE_NEEDS: Final = Rule(
    "A service says what it needs, or reads a role with permissions",
    "otherwise nobody can tell which of the role's scopes are excess",
)
EXCESS: Final = Rule(
    "A scope that no permission or service of the role needs has a reason",
    "every scope that nobody needs is one that only a thief would use",
)
USED: Final = Rule("Every role is read by a service, except the custodian", "a key that nobody reads can only leak")
ONE_CUSTODIAN: Final = Rule(
    "Exactly one role is the custodian", "the auditor lists and disables keys with its key, and with no other"
)
CUSTODIAN_SCOPES: Final = Rule(
    "The custodian has credentials:read and credentials:write", "without them it can neither list nor disable keys"
)
CUSTODIAN_ALONE: Final = Rule(
    "The custodian has no permissions and no service reads it",
    "its key can disable every other, so it is the auditor's alone",
)
CEILING_ACCOUNT: Final = Rule(
    "A ceiling lets accounts:read through", "by it a key proves which Klaviyo account it belongs to"
)
KNOWN_ENVIRONMENT: Final = Rule(
    "A stack's name is an environment of the access model", "without a ceiling nobody decided what keys may do there"
)
