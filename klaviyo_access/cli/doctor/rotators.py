"""Whether each rotator is the Lambda that the program declares: there, alone, with this code and these settings."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from klaviyo_access.cli.deployer.stack import FUNCTION
from klaviyo_access.cli.doctor.findings import Check, Trouble
from klaviyo_access.cli.doctor.sight import Sight, differing, each, unless_absent
from klaviyo_access.cli.identity import PATIENCE

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

_BEFORE_VERSION: Final = "; code "
_OF_FUNCTIONS: Final = {
    "handler": "Handler",
    "memorySize": "MemorySize",
    "role": "Role",
    "runtime": "Runtime",
    "timeout": "Timeout",
}


def _declared(sight: Sight) -> Mapping[str, Mapping[str, Any]]:
    return {str(function.inputs.get("name")): function.inputs for function in sight.of(FUNCTION)}


def deployed(sight: Sight) -> Iterator[Trouble]:
    """Rotators that are missing, or that AWS cannot run."""
    for name, found in sight.rotators.items():
        if found is None:
            yield Trouble(
                on=name,
                cause="is not deployed, or somebody deleted it: its secret cannot rotate",
                cure=sight.deploy,
            )
        elif found.get("State") == "Failed":
            yield Trouble(
                on=name,
                cause=f"cannot run: {found.get('StateReason', 'AWS gives no reason')}",
                cure=sight.deploy,
            )


def code(sight: Sight) -> Iterator[Trouble]:
    """Rotators that run other code than that of this checkout."""
    declared = _declared(sight)
    found = {name: one for name, one in sight.rotators.items() if one}
    versions = {name: _version(str(declared[name].get("description", ""))) for name in found}
    hashes: dict[str, Counter[str]] = {}
    for name, wanted in versions.items():
        hashes.setdefault(wanted, Counter())[found[name].get("CodeSha256", "")] += 1
    for name, one in found.items():
        wanted, runs = versions[name], _version(one.get("Description", ""))
        if runs != wanted:
            yield Trouble(
                on=name,
                cause=f"runs the code {runs or 'of an unknown version'}, this checkout has {wanted}: it was changed "
                "since the last deployment, or you are in an older one",
                cure=f"Bring the checkout up to date, then: {sight.deploy}",
            )
        elif one.get("CodeSha256", "") != hashes[wanted].most_common(1)[0][0]:
            yield Trouble(
                on=name,
                cause="runs other code than the other rotators, though it is declared the same: somebody replaced it "
                "past the program, and it reads keys",
                cure="Look who did (CloudTrail: UpdateFunctionCode20150331v2), take its keys for leaked, and: "
                f"{sight.deploy}",
            )


def _version(description: str) -> str:
    return description.rpartition(_BEFORE_VERSION)[2] if _BEFORE_VERSION in description else ""


def settings(sight: Sight) -> Iterator[Trouble]:
    """Rotators that work by other settings, as other scopes, than access.yaml and the stack's settings give."""
    declared = _declared(sight)
    for name, found in sight.rotators.items():
        if not found:
            continue
        wanted: Mapping[str, Any] = declared[name].get("environment", {}).get("variables", {})
        has: Mapping[str, str] = found.get("Environment", {}).get("Variables", {})
        differ = differing(sight, wanted, has, {variable: variable for variable in sorted(wanted)})
        if differ:
            yield Trouble(
                on=name,
                cause=f"has another {' and '.join(differ)} than access.yaml and the stack's settings give: they "
                "changed since the last deployment, or somebody changed the function past the program",
                cure=sight.deploy,
            )


def surroundings(sight: Sight) -> Iterator[Trouble]:
    """Rotators that AWS starts otherwise than declared: other code may then run in them, and they read keys."""
    declared = _declared(sight)
    for name, found in sight.rotators.items():
        if not found:
            continue
        wanted: Mapping[str, Any] = declared[name].get("environment", {}).get("variables", {})
        added = sorted(set(found.get("Environment", {}).get("Variables", {})) - set(wanted))
        layers = [layer.get("Arn", "") for layer in found.get("Layers", [])]
        differ = [
            *(f"another {field}" for field in differing(sight, declared[name], found, _OF_FUNCTIONS)),
            *(f"the variable {variable}" for variable in added),
            *(f"the layer {arn}" for arn in sorted(set(layers) - set(declared[name].get("layers") or ()))),
        ]
        if differ:
            yield Trouble(
                on=name,
                cause=f"has {' and '.join(differ)}, which the program does not declare: other code may run in it, and "
                "it reads keys",
                cure="Look who changed it (CloudTrail: UpdateFunctionConfiguration20150331v2); if it ran so, take its "
                f"keys for leaked. {sight.deploy}",
            )


def concurrency(sight: Sight) -> Iterator[Trouble]:
    """Rotators of which more may run at a time than the program declares, or none."""
    client: LambdaClient = sight.session.client("lambda", config=PATIENCE)
    declared = {name: inputs.get("reservedConcurrentExecutions") for name, inputs in _declared(sight).items()}
    names = [name for name, found in sight.rotators.items() if found and declared[name]]
    asked = each(names, lambda name: unless_absent(lambda: client.get_function_concurrency(FunctionName=name)))
    for name, answer in asked.items():
        allowed = answer.get("ReservedConcurrentExecutions") if answer else None
        if allowed != declared[name]:
            what = "no reserved concurrency" if allowed is None else f"a reserved concurrency of {allowed}"
            yield Trouble(
                on=name,
                cause=f"has {what}, and must have {declared[name]}: "
                + ("it never runs" if allowed == 0 else "two runs at a time can promote one key twice, or lose one"),
                cure=sight.deploy,
            )


CHECKS: Final = (
    Check(name="rotators", fine="each rotator is deployed", look=deployed),
    Check(name="code", fine="each rotator runs the code of this checkout", look=code),
    Check(name="rotators' settings", fine="each rotator works by access.yaml and the stack's settings", look=settings),
    Check(name="surroundings", fine="each rotator is started as the program says", look=surroundings),
    Check(name="concurrency", fine="each rotator runs one at a time", look=concurrency),
)
