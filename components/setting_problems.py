"""What is wrong with a stack's settings, a sentence each: the rule, the value, why it is so, and what to write."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from klaviyo_access.access_model.environment import PROJECT

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_LONGEST_VALUE: Final = 200
_REFERENCE: Final = "docs/reference/settings.md"


@dataclass(frozen=True, kw_only=True)
class _Form:
    """What a text must look like.

    Attributes:
        rule: goes on after "must be".
        why: goes on after "because".
        example: one that is right.
    """

    rule: str
    why: str
    example: str


_PRINCIPAL: Final = _Form(
    rule="the ARN of an IAM role or user with its path, no session and no wildcard",
    why="policies name exactly this principal",
    example="arn:aws:iam::111111111111:role/ci/klaviyo-deployer",
)
_NAME: Final = _Form(
    rule="the name alone, of letters, digits, hyphens and underscores",
    why="AWS is asked for it by this name",
    example="app-api",
)
_FORMS: Final[Mapping[str, _Form]] = {
    **dict.fromkeys(("deployers", "breakGlass", "operators", "withoutPath"), _PRINCIPAL),
    **dict.fromkeys(("cluster", "service"), _NAME),
    "roleArn": _Form(
        rule="the ARN of an IAM role with its path",
        why="the secret's policy names exactly this role",
        example="arn:aws:iam::111111111111:role/app/app-api",
    ),
    "oidcProviderArn": _Form(
        rule="the ARN of the cluster's OIDC provider in IAM",
        why="the role trusts this provider alone",
        example="arn:aws:iam::111111111111:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/ABC",
    ),
    "owner": _Form(
        rule="1 to 64 letters, digits, spaces and . @ / _ -", why="it becomes a tag of AWS", example="platform"
    ),
    "compliance": _Form(
        rule="1 to 24 letters, digits, spaces and . : / = + @ _ -",
        why="ten of them share one tag of AWS",
        example="soc2",
    ),
    "alertEmails": _Form(
        rule="one e-mail address", why="AWS sends its message for confirmation there", example="oncall@example.com"
    ),
    "secrets": _Form(
        rule="the whole ARN of a secret, with the six characters that AWS drew at its end",
        why="the program takes over exactly the secret that was called back",
        example="as 'klaviyo-access restore' printed it",
    ),
    "accounts": _Form(
        rule="the id of a Klaviyo account, of 6 letters and digits",
        why="it is part of the name of the account's secret",
        example="AbC123",
    ),
    "webhookId": _Form(
        rule="the webhook's id at Klaviyo, of up to 64 letters, digits, hyphens and underscores",
        why="the rotator asks Klaviyo for it by this id",
        example="01HZX3",
    ),
    "webhooks": _Form(
        rule="a name of up to 32 lower-case letters, digits and single hyphens",
        why="it is part of names of secrets and functions",
        example="orders",
    ),
    "trailArn": _Form(
        rule="the ARN of a CloudTrail trail",
        why="the alerts rely on exactly this trail",
        example="arn:aws:cloudtrail:eu-west-1:111111111111:trail/organization",
    ),
    "encryptionKey": _Form(
        rule="the id of a KMS key, of 36 characters",
        why="the program takes over exactly the key that was called back",
        example="as 'klaviyo-access restore' printed it",
    ),
    "replicaRegions": _Form(
        rule="the name of an AWS region", why="secrets are replicated there", example="eu-central-1"
    ),
}

_NEEDED: Final[Mapping[str, str]] = {
    "deployers": "nobody could deploy",
    "operators": "nobody could stage a key",
    "accounts": "the app would be installed nowhere",
    "receivers": "nobody could check the webhook's deliveries",
    "secrets": "there would be nothing to take over",
}
_CHOICE: Final[Mapping[str, str]] = {
    "auditRetentionDays": "CloudWatch Logs keeps events for these numbers of days alone",
    "applicationAuditRetentionDays": "CloudWatch Logs keeps events for these numbers of days alone",
    "recoveryWindowDays": "Secrets Manager keeps a deleted secret from 7 to 30 days",
    "compliance": "they share one tag of AWS",
}
_KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "tuple": ("a list, also where it has one item", "a list: [one, two]"),
    "dict": ("a mapping", "`name: value` below it, indented"),
    "mapping": ("a mapping", "`name: value` below it, indented"),
    "model": ("a mapping", "`name: value` below it, indented"),
    "string": ("text", "it as text, in quotes where it looks like a number"),
    "bool": ("true or false", "true or false"),
    "int": ("a whole number", "digits alone"),
}


def sentences(problems: "Sequence[ErrorDetails]") -> Iterator[str]:
    """A line for each problem that is one by itself: a list is not too short because its items are wrong."""
    places = [problem["loc"] for problem in problems]
    for problem in problems:
        here = problem["loc"]
        deeper = any(len(place) > len(here) and place[: len(here)] == here for place in places)
        if problem["type"] != "too_short" or not deeper:
            where = ".".join(str(part) for part in here) or "settings"
            yield f"  {PROJECT}:{where}: {_sentence(problem)}"


def _sentence(problem: "ErrorDetails") -> str:
    kind, context = problem["type"], problem.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    given = repr(problem["input"])
    given = given if len(given) <= _LONGEST_VALUE else f"{given[:_LONGEST_VALUE]}…"
    name = _name(problem)
    if kind in _SAID:
        rule, why, fix = _SAID[kind](name, context)
    elif kind.rpartition("_")[0] in _KINDS or kind == "int_from_float":
        rule, example = _KINDS[kind.split("_")[0]]
        example = f"[{problem['input']}]" if kind == "tuple_type" and isinstance(problem["input"], str) else example
        rule, why, fix = f"must be {rule}", "the program reads nothing else there", f"write {example}"
    else:
        rule, why, fix = f"is against its rule ({problem['msg']})", "AWS or the program would not take it", _look()
    value = "nothing" if kind == "missing" else given
    return f"{rule}, because {why}; given: {value}. Fix: {fix}."


def _name(problem: "ErrorDetails") -> str:
    """The setting's own name, also where an item of a list or a name in a mapping is wrong."""
    names = [part for part in problem["loc"] if isinstance(part, str) and part != "[key]"]
    known = {*_FORMS, *_NEEDED, *_CHOICE}
    return next((name for name in reversed(names) if name in known), names[-1] if names else "settings")


def _look() -> str:
    return f"write it as {_REFERENCE} says"


def _missing(name: str, _: Mapping[str, Any]) -> tuple[str, str, str]:
    return "must be given", "nothing can stand in for it", f"add `{name}:` ({_REFERENCE} says what it takes)"


def _unknown(_: str, __: Mapping[str, Any]) -> tuple[str, str, str]:
    return "is no setting there", "nobody would read it", f"remove it, or mend its name as {_REFERENCE} has it"


def _pattern(name: str, context: Mapping[str, Any]) -> tuple[str, str, str]:
    form = _FORMS.get(name)
    if form is None:
        return f"must match the pattern {context['pattern']}", "AWS takes no other text there", _look()
    fix = form.example if form.example.startswith("as ") else f"like {form.example}"
    return f"must be {form.rule} (pattern {context['pattern']})", form.why, f"write it {fix}"


def _too_short(name: str, context: Mapping[str, Any]) -> tuple[str, str, str]:
    why = _NEEDED.get(name, "it would do nothing")
    return f"must have at least {context['min_length']} item", why, f"name one in `{name}:`"


def _too_long(name: str, context: Mapping[str, Any]) -> tuple[str, str, str]:
    most = context["max_length"]
    return f"must have at most {most} items", _CHOICE.get(name, "AWS takes no more"), f"keep to {most}"


def _long_text(name: str, context: Mapping[str, Any]) -> tuple[str, str, str]:
    why, most = _FORMS[name].why if name in _FORMS else "AWS takes no more", context["max_length"]
    return f"must have at most {most} characters", why, f"keep to {most}"


def _least(name: str, context: Mapping[str, Any]) -> tuple[str, str, str]:
    least = context["ge"]
    return f"must be greater than or equal to {least}", _CHOICE.get(name, "AWS takes no less"), f"write {least} or more"


def _most(name: str, context: Mapping[str, Any]) -> tuple[str, str, str]:
    most = context["le"]
    return f"must be less than or equal to {most}", _CHOICE.get(name, "AWS takes no more"), f"write {most} or less"


def _choice(name: str, context: Mapping[str, Any]) -> tuple[str, str, str]:
    return f"must be {context['expected']}", _CHOICE.get(name, "the program knows no other"), "write one of them"


def _platform(_: str, context: Mapping[str, Any]) -> tuple[str, str, str]:
    known = context["expected_tags"]
    return f"must have as platform one of {known}", "the grant depends on where the service runs", "write one of them"


def _no_platform(_: str, __: Mapping[str, Any]) -> tuple[str, str, str]:
    return "must name its platform", "the grant depends on where the service runs", f"add `platform:` ({_REFERENCE})"


_SAID: Final[Mapping[str, Callable[[str, Mapping[str, Any]], tuple[str, str, str]]]] = {
    "missing": _missing,
    "extra_forbidden": _unknown,
    "string_pattern_mismatch": _pattern,
    "string_too_long": _long_text,
    "too_short": _too_short,
    "too_long": _too_long,
    "greater_than_equal": _least,
    "less_than_equal": _most,
    "literal_error": _choice,
    "union_tag_invalid": _platform,
    "union_tag_not_found": _no_platform,
}
