"""The least IAM policy of a stack's deployer, from the stack's rendered resources: a pure function of plain values."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from klaviyo_access.cli.deployer.actions import ACTIONS, EMPTY, PROGRAM, REPLICATE
from klaviyo_access.cli.deployer.rules import RULES, Rule, has_no_resource
from klaviyo_access.cli.deployer.stack import BUCKET, PASSED, SECRET, Stack
from klaviyo_access.cli.errors import UsageError

Statement = dict[str, Any]


def statements(stack: Stack) -> list[Statement]:
    """The statements that allow a stack's deployment, and nothing else.

    Raises:
        UsageError: the stack has a resource of a type whose actions are not known, or keys without tags.
    """
    _refuse_unknown_types(stack)
    taken: dict[str, list[str]] = {}
    for action in sorted(_needed(stack) - {"iam:PassRole"}):
        for rule in RULES:
            if rule.fits(action):
                taken.setdefault(rule.sid, []).append(action)
                if not rule.goes_on:
                    break
    found = [_statement(rule, taken[rule.sid], stack) for rule in RULES if rule.sid in taken and rule.on(stack)]
    return [*found, *_reads(stack), *_passes(stack)]


def reasons(documents: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Why each statement that does not name the stack's own resources is so wide, by its Sid."""
    sids = {statement["Sid"].rstrip("0123456789") for document in documents for statement in document["Statement"]}
    return {rule.sid: rule.reason for rule in RULES if rule.reason and rule.sid in sids}


def _needed(stack: Stack) -> set[str]:
    actions = {action for one in stack.resources if not one.external for action in ACTIONS[one.type].all}
    reads = {action for one in stack.read_only for action in ACTIONS[one.type].read.split()}
    actions.update(filter(has_no_resource, reads))
    actions.update(PROGRAM.all)
    if any(secret.inputs.get("replicas") for secret in stack.of(SECRET)):
        actions.update(REPLICATE.all)
    if any(bucket.inputs.get("forceDestroy") for bucket in stack.of(BUCKET)):
        actions.update(EMPTY.all)
    return actions


def _statement(rule: Rule, actions: Sequence[str], stack: Stack) -> Statement:
    statement = {"Sid": rule.sid, "Effect": "Allow", "Action": list(actions), "Resource": list(rule.on(stack))}
    condition = rule.condition(stack) if rule.condition else {}
    return {**statement, "Condition": condition} if condition else statement


def _reads(stack: Stack) -> Iterator[Statement]:
    """What the stack reads of resources that are not its own, and nothing that would change them."""
    for kind in sorted({one.type for one in stack.read_only}):
        ones = [one for one in stack.read_only if one.type == kind]
        if nameless := [one.name for one in ones if not one.arn]:
            raise UsageError(
                f"The rendering has no ARN of {', '.join(nameless)}, which the stack reads and does not manage.",
                cure="Write it with 'pulumi stack export', or with 'python -m sandbox render --json'.",
            )
        actions = [action for action in sorted(ACTIONS[kind].read.split()) if not has_no_resource(action)]
        sid = f"ReadExisting{kind.rpartition(':')[2]}s"
        yield {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": sorted({one.arn for one in ones})}


def _passes(stack: Stack) -> Iterator[Statement]:
    for kind, (_, service) in PASSED.items():
        if roles := stack.passed(kind):
            name = service.partition(".")[0].capitalize()
            condition = {"StringEquals": {"iam:PassedToService": service}}
            yield {
                "Sid": f"PassRolesTo{name}",
                "Effect": "Allow",
                "Action": ["iam:PassRole"],
                "Resource": roles,
                "Condition": condition,
            }


def _refuse_unknown_types(stack: Stack) -> None:
    unknown = sorted({resource.type for resource in stack.resources} - ACTIONS.keys())
    if unknown:
        raise UsageError(
            f"The actions of each type of resource are a table; it has no row for {', '.join(unknown)}.",
            cure="Add one to klaviyo_access/cli/deployer/actions.py, from what terraform-provider-aws calls for it.",
        )
