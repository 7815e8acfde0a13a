"""The condition operators of IAM policies.

Source of the rules: AWS's IAM user guide, "Condition operators" and "Set operators for multivalued context keys".
"""

import ipaddress
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from klaviyo_access.isolation.patterns import Context, UnsupportedPolicyError, equals, fill_in, matches, matches_arn

Compare = Callable[[str, str, Context], bool]


@dataclass(frozen=True)
class _Operator:
    compare: Compare
    negated: bool = False


def _string(text: str, wanted: str, context: Context) -> bool:
    return equals(text, wanted, context)


def _string_ignoring_case(text: str, wanted: str, context: Context) -> bool:
    return equals(text, wanted, context, ignore_case=True)


def _boolean(text: str, wanted: str, _: Context) -> bool:
    return text.lower() == wanted.lower()


def _numeric(relation: Callable[[float, float], bool]) -> Compare:
    def compare(text: str, wanted: str, _: Context) -> bool:
        return relation(_number(text), _number(wanted))

    return compare


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UnsupportedPolicyError(f"A numeric condition compares numbers; got {text!r}.") from None


def _dated(relation: Callable[[float, float], bool]) -> Compare:
    def compare(text: str, wanted: str, _: Context) -> bool:
        return relation(_seconds(text), _seconds(wanted))

    return compare


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UnsupportedPolicyError(f"A date condition compares ISO 8601 or epoch seconds; got {text!r}.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _in_network(text: str, wanted: str, _: Context) -> bool:
    try:
        return ipaddress.ip_address(text) in ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        raise UnsupportedPolicyError(f"An IP condition compares an address with a network; got {wanted!r}.") from None


_OPERATORS: Final[Mapping[str, _Operator]] = {
    "StringEquals": _Operator(_string),
    "StringNotEquals": _Operator(_string, negated=True),
    "StringEqualsIgnoreCase": _Operator(_string_ignoring_case),
    "StringNotEqualsIgnoreCase": _Operator(_string_ignoring_case, negated=True),
    "StringLike": _Operator(matches),
    "StringNotLike": _Operator(matches, negated=True),
    "ArnEquals": _Operator(matches_arn),
    "ArnLike": _Operator(matches_arn),
    "ArnNotEquals": _Operator(matches_arn, negated=True),
    "ArnNotLike": _Operator(matches_arn, negated=True),
    "Bool": _Operator(_boolean),
    "NumericEquals": _Operator(_numeric(operator.eq)),
    "NumericNotEquals": _Operator(_numeric(operator.eq), negated=True),
    "NumericLessThan": _Operator(_numeric(operator.lt)),
    "NumericLessThanEquals": _Operator(_numeric(operator.le)),
    "NumericGreaterThan": _Operator(_numeric(operator.gt)),
    "NumericGreaterThanEquals": _Operator(_numeric(operator.ge)),
    "DateEquals": _Operator(_dated(operator.eq)),
    "DateNotEquals": _Operator(_dated(operator.eq), negated=True),
    "DateLessThan": _Operator(_dated(operator.lt)),
    "DateLessThanEquals": _Operator(_dated(operator.le)),
    "DateGreaterThan": _Operator(_dated(operator.gt)),
    "DateGreaterThanEquals": _Operator(_dated(operator.ge)),
    "IpAddress": _Operator(_in_network),
    "NotIpAddress": _Operator(_in_network, negated=True),
}


def holds(condition: Mapping[str, Mapping[str, Any]], context: Context) -> bool:
    """Whether every operator of a Condition element holds for every one of its keys.

    Raises:
        UnsupportedPolicyError: an operator or a value that is not understood.
    """
    results = [
        _holds_for_key(name, key, _texts(wanted), context)
        for name, keys in condition.items()
        for key, wanted in keys.items()
    ]
    return all(results)


def _holds_for_key(name: str, key: str, wanted: list[str], context: Context) -> bool:
    quantifier, _, rest = name.rpartition(":")
    base = rest.removesuffix("IfExists")
    actual = context.get(key.lower())
    if name == "Null":
        return any((actual is None) == (value.lower() == "true") for value in wanted)
    if base not in _OPERATORS or quantifier not in {"", "ForAllValues", "ForAnyValue"}:
        raise UnsupportedPolicyError(f"The condition operator {name!r} (on {key}) is not understood.")
    test = _OPERATORS[base]
    if actual is None:
        return rest.endswith("IfExists") or (quantifier == "ForAllValues" if quantifier else test.negated)
    _refuse_absent_variables(test, key, wanted, context)
    if not quantifier:
        if not isinstance(actual, str):
            raise UnsupportedPolicyError(
                f"{key} has several values: {name} needs ForAnyValue: or ForAllValues: before it."
            )
        return _one_holds(test, actual, wanted, context)
    values = [actual] if isinstance(actual, str) else list(actual)
    decide = all if quantifier == "ForAllValues" else any
    return decide(_one_holds(test, value, wanted, context) for value in values)


def _one_holds(test: _Operator, actual: str, wanted: list[str], context: Context) -> bool:
    return any(test.compare(actual, value, context) for value in wanted) != test.negated


def _refuse_absent_variables(test: _Operator, key: str, wanted: list[str], context: Context) -> None:
    """AWS does not say what ``not equal to a variable that is absent`` means."""
    if test.negated and any(fill_in(value, context) is None for value in wanted):
        raise UnsupportedPolicyError(f"A negated condition on {key} uses a variable that the request does not carry.")


def _texts(wanted: Any) -> list[str]:
    values = wanted if isinstance(wanted, list) else [wanted]
    texts = []
    for value in values:
        if isinstance(value, bool):
            texts.append(str(value).lower())
        elif isinstance(value, str | int | float):
            texts.append(str(value))
        else:
            raise UnsupportedPolicyError(
                f"A condition's value is text, a number or a boolean; got {type(value).__name__}."
            )
    return texts
