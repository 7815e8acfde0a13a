"""Whether each role has a key, and spares to come, as the labels of its secrets show."""

from collections.abc import Iterator, Mapping
from typing import Final

from klaviyo_access.cli.doctor.findings import Check, Trouble
from klaviyo_access.cli.doctor.sight import Sight
from klaviyo_access.cli.keys.reasons import meaning
from klaviyo_access.keys.labels import Leaked, Rejected, SecretLabels


def in_use(sight: Sight) -> Iterator[Trouble]:
    """Roles whose services find no key, or one that is not to be used."""
    reserves, keys = sight.labels_of_roles("reserve"), sight.labels_of_roles("key")
    without = [role for role, labels in keys.items() if labels.current is None]
    nobody = len(without) == len(keys) and not any(labels.spares for labels in reserves.values())
    for role in without:
        rotate = f"klaviyo-access keys rotate {role} --stack {sight.stack}"
        staged = role in reserves and reserves[role].spares
        stage = "" if staged else f"klaviyo-access keys stage {role} --stack {sight.stack} && "
        yield Trouble(
            on=role,
            cause=f"has no key yet, {'though a spare waits' if staged else 'and no spare'}: its services cannot call "
            "Klaviyo",
            cure=_first_keys(sight.stack) if nobody else stage + rotate,
        )
    yield from _condemned(sight, keys, reserves)


def _condemned(
    sight: Sight, keys: Mapping[str, SecretLabels], reserves: Mapping[str, SecretLabels]
) -> Iterator[Trouble]:
    for role, labels in keys.items():
        if labels.current and (verdict := labels.current.verdict):
            why = "it leaked" if isinstance(verdict, Leaked) else meaning(verdict.reason)
            staged = role in reserves and reserves[role].spares
            stage = "" if staged else f"klaviyo-access keys stage {role} --stack {sight.stack} && "
            yield Trouble(
                on=role,
                cause=f"uses a key that is not to be used, {verdict.fingerprint}: {why}",
                cure=f"{stage}klaviyo-access keys rotate {role} --stack {sight.stack}",
            )


def _first_keys(stack: str) -> str:
    return (
        f"Three times, for a key to use and two spares: klaviyo-access keys stage --all --stack {stack}. Then: "
        f"klaviyo-access keys rotate --all --stack {stack}"
    )


def spares(sight: Sight) -> Iterator[Trouble]:
    """Roles whose next rotation will find no spare; one without a key was named for that already."""
    with_key = {role for role, labels in sight.labels_of_roles("key").items() if labels.current is not None}
    for role, labels in sight.labels_of_roles("reserve").items():
        if not labels.spares and (role in with_key or _last_verdict(labels)):
            yield Trouble(
                on=role,
                cause=f"has no spare, so its next rotation fails{_last_verdict(labels)}",
                cure=f"klaviyo-access keys stage {role} --stack {sight.stack}",
            )


def _last_verdict(labels: SecretLabels) -> str:
    """What the rotator said of the spare that it rejected last."""
    verdicts = [label for version in labels for label in version.labels if isinstance(label, Rejected)]
    if not verdicts:
        return ""
    last = max(verdicts, key=lambda verdict: verdict.time)
    if last.reason == "other-account":
        return (
            f"; the last one, {last.fingerprint}, was rejected: it belongs to another Klaviyo account than the "
            "setting klaviyo-access:klaviyoAccountId names, so make the next one there"
        )
    return f"; the last one, {last.fingerprint}, was rejected: {meaning(last.reason)}"


def tombstones(sight: Sight) -> Iterator[Trouble]:
    """Reserves where AWSCURRENT sits on a spare, and so keeps it for good."""
    region = sight.workspace.environment.region
    for role, labels in sight.labels_of_roles("reserve").items():
        if labels.current is not None and labels.current.ours:
            name = sight.secret_name(role, "reserve")
            yield Trouble(
                on=name,
                cause="has AWSCURRENT on a spare and not on a tombstone: somebody put it without the command 'keys "
                "stage', and AWS keeps its value also after it was promoted or rejected",
                cure=f"In the operators' role: aws secretsmanager put-secret-value --region {region} "
                f"--secret-id {name} "
                """--secret-string '{"tombstone": true}' --version-stages AWSCURRENT""",
            )


def fingerprints(sight: Sight) -> Iterator[Trouble]:
    """Keys that two roles have, so that either's rotation would disable the other's."""
    holders: dict[str, set[str]] = {}
    for kind in ("key", "reserve"):
        for role, labels in sight.labels_of_roles(kind).items():
            for fingerprint in labels.known_fingerprints:
                holders.setdefault(fingerprint, set()).add(role)
    for fingerprint, roles in sorted(holders.items()):
        if len(roles) > 1:
            named = sorted(roles)
            yield Trouble(
                on=fingerprint,
                cause=f"is the key of more than one role: {', '.join(named)}; each role owns exactly one key, and "
                "whoever retires it for one takes it from the others",
                cure="Make a key for each in Klaviyo's dashboard, then: "
                + " && ".join(f"klaviyo-access keys stage {role} --stack {sight.stack}" for role in named)
                + f" && klaviyo-access keys rotate {' '.join(named)} --stack {sight.stack}",
            )


CHECKS: Final = (
    Check(name="keys", fine="each role has a key in use", look=in_use),
    Check(name="spares", fine="each role has a spare for its next rotation", look=spares),
    Check(name="tombstones", fine="no reserve keeps a spare for good", look=tombstones),
    Check(name="fingerprints", fine="no key is that of two roles", look=fingerprints),
)
