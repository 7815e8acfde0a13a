"""What a preview refuses because it would lock out, expose or fail half way: rule, value, reason and fix are said."""

import re
from collections.abc import Mapping, Set
from dataclasses import replace
from typing import Any

import pulumi
import pytest

from components.plans.plan import Plan
from components.preview.refusals import planned_secrets, refuse_unsafe
from components.principals import Principals
from components.purpose import LEAST_RETENTION_DAYS
from components.record.existing_trail import refuse_deaf_trail
from components.settings import parse_settings
from klaviyo_access.access_model.declarations import Reads
from klaviyo_access.access_model.environment import PROJECT, EnvironmentSettingsError, read_config
from tests.components.recording import PROJECT_DIR, load_stack

ACCOUNT = "333333333333"
ROLE = f"arn:aws:iam::{ACCOUNT}:role"
FOREIGN = "arn:aws:iam::999999999999:role/apps/app"


def changed(stack: str, change: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that the stack ships with, and a change of them."""
    config = {key.removeprefix(f"{PROJECT}:"): value for key, value in read_config(PROJECT_DIR, stack).items()}
    ours = {key: value for key, value in config.items() if ":" not in key and not key.endswith("ccountId")}
    return {key: value for key, value in (ours | dict(change)).items() if key != "encryptionsalt"}


def refusal(stack: str, change: Mapping[str, Any], **environment: str) -> str:
    """What is said of the change; nothing where it is fine."""
    facts = load_stack(stack)
    here = facts.environment.model_copy(update=environment)
    try:
        refuse_unsafe(here, parse_settings(stack, changed(stack, change)), facts.access.in_environment(stack))
    except EnvironmentSettingsError as error:
        return str(error)
    return ""


def runs(service: str = "app-api", **platform: str) -> dict[str, Any]:
    return {"services": {service: platform}}


OAUTH = {"oauthApp": {"accounts": ["AbC123"]}}
WEBHOOK = {"webhooks": {"orders": {"webhookId": "01K", "role": "developer", "receivers": ["app-api"]}}}

# change of prod's settings: what is said, by setting, value, reason and fix
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a deployer without a path": (
        {"deployers": [f"{ROLE}/deployer"]},
        f"deployers: {ROLE}/deployer has no path, .* locked out.*get-role --role-name deployer.*withoutPath",
    ),
    "break-glass without a path": ({"breakGlass": [f"{ROLE}/emergency"]}, "breakGlass: .*emergency has no path"),
    "an operator without a path": ({"operators": [f"{ROLE}/ada"]}, "operators: .*ada has no path"),
    "a reader without a path": (runs(platform="existing", roleArn=f"{ROLE}/app"), "app-api.roleArn: .*has no path"),
    "an unknown service": (runs("app-apo", platform="lambda"), "app-apo: access.yaml has no.* did you mean app-api"),
    "a foreign role as one of ours": (
        runs(platform="existing", roleArn=FOREIGN),
        f"is not of account {ACCOUNT}.*platform: foreign",
    ),
    "a role of ours as a foreign one": (
        runs(platform="foreign", roleArn=f"{ROLE}/apps/app"),
        "is of this account.*platform: existing",
    ),
    "a foreign role of another partition": (
        runs(platform="foreign", roleArn=FOREIGN.replace("arn:aws:", "arn:aws-us-gov:")),
        "another partition than aws",
    ),
    "a deployer of another account": (
        {"deployers": [FOREIGN]},
        f"deployers: {FOREIGN} is not of account {ACCOUNT}, but a deployment runs.*Make a role in account {ACCOUNT}",
    ),
    "break-glass of another account": (
        {"breakGlass": [FOREIGN]},
        f"breakGlass: {FOREIGN} is not of account {ACCOUNT}, but no policy.*could do nothing.*Make a role",
    ),
    "an operator of another account": (
        {"operators": [FOREIGN]},
        f"operators: {FOREIGN} is not of account {ACCOUNT}, but that account's administrators.*Make a role",
    ),
    "an operator of another partition": (
        {"operators": [f"{ROLE}/people/ada".replace("arn:aws:", "arn:aws-cn:")]},
        "operators: arn:aws-cn:.*is not of account",
    ),
    "a destruction for good where things are protected": (
        {"forceDestroy": True},
        "forceDestroy: prod keeps what cannot be brought back; given: true, .*Take it out; `recoveryWindowDays`",
    ),
    "a purpose below the name's": (
        {"purpose": "staging"},
        "purpose: prod is for production by its name, .*relies on it; given: staging. Take it out, or give",
    ),
    "a service with the role of a rotator, on another path": (
        runs(platform="existing", roleArn=f"{ROLE}/apps/klaviyo-prod-viewer-rotator"),
        "the IAM role of the rotator of viewer.*policies say of one they would say of both.*role of its own",
    ),
    "a service with the role of the operators, in capitals": (
        runs(platform="existing", roleArn=f"{ROLE}/apps/Klaviyo-Prod-Key-Operator"),
        "the IAM role of the operators",
    ),
    "a service with a deployer's role": (
        runs(platform="existing", roleArn=f"{ROLE}/ci/klaviyo-deployer"),
        "somebody who deploys or operates",
    ),
    "two services with one role": (
        {
            "services": {
                "app-api": {"platform": "existing", "roleArn": f"{ROLE}/apps/app"},
                "reporting": {"platform": "existing", "roleArn": f"{ROLE}/apps/app"},
            }
        },
        "services.reporting: .*the IAM role of the service app-api",
    ),
    "an OAuth app of another account": (
        OAUTH | runs(platform="foreign", roleArn=FOREIGN),
        "oauthApp: the service 'app-api' is of another account",
    ),
    "an OAuth app without its service": (OAUTH | runs("reporting", platform="lambda"), "oauthApp: .*does not run here"),
    "a receiver of another account": (
        WEBHOOK | runs(platform="foreign", roleArn=FOREIGN),
        "webhooks.orders.receivers: the service 'app-api' is of another account",
    ),
    "a webhook named as the folder of the OAuth app": (
        {"webhooks": {"oauth": WEBHOOK["webhooks"]["orders"]}},
        "webhooks.oauth: its secret would be klaviyo/prod/oauth/webhook, .*alert on strangers. Name the webhook after",
    ),
    "a short trail": (
        {"auditRetentionDays": 180},
        "auditRetentionDays: prod keeps its records 365 days at least.*given: 180. Set 365 or more",
    ),
    "short audit entries": ({"applicationAuditRetentionDays": 90}, "applicationAuditRetentionDays: .*given: 90"),
    "a replica at home": ({"replicaRegions": ["eu-west-1"]}, "replicaRegions: eu-west-1 has the keys already.*Take it"),
    "a replica twice": ({"replicaRegions": ["us-east-1", "us-east-1"]}, "replicaRegions: us-east-1"),
}


@pytest.mark.parametrize(("change", "message"), REFUSED.values(), ids=REFUSED)
def test_what_would_lock_out_or_expose_is_refused_with_its_reason(change: dict[str, Any], message: str) -> None:
    said = refusal("prod", change)
    assert said.startswith("Pulumi.prod.yaml:\n  klaviyo-access:")
    assert re.search(message, said), said
    assert len(said.splitlines()) == 2


POD = {"namespace": "n", "serviceAccount": "s"}
OIDC = f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/A"
ALL: frozenset[Reads] = frozenset({"library", "injected", "synced"})
# settings of a platform: what `reads` may be there
READ_BY: tuple[tuple[dict[str, str], Set[Reads]], ...] = (
    ({"platform": "ecs-task"}, {"library"}),
    ({"platform": "ecs-injected"}, {"injected"}),
    ({"platform": "lambda"}, {"library"}),
    ({"platform": "ec2"}, {"library"}),
    ({"platform": "eks-irsa", "oidcProviderArn": OIDC, **POD}, ALL),
    ({"platform": "eks-pod-identity", "cluster": "c", **POD}, ALL),
    ({"platform": "existing", "roleArn": f"{ROLE}/apps/app"}, ALL),
    ({"platform": "foreign", "roleArn": FOREIGN}, ALL),
)


@pytest.mark.parametrize(("platform", "may"), READ_BY, ids=[platform["platform"] for platform, _ in READ_BY])
def test_a_service_reads_as_its_platform_can_so_that_no_key_is_disabled_in_use(
    platform: dict[str, str], may: Set[Reads]
) -> None:
    facts = load_stack("prod")
    settings = parse_settings("prod", changed("prod", runs(**platform)))
    said = {}
    for reads in sorted(ALL):
        access = facts.access.in_environment("prod")
        service = replace(access.services["app-api"], reads=reads)
        try:
            refuse_unsafe(
                facts.environment, settings, replace(access, services={**access.services, "app-api": service})
            )
        except EnvironmentSettingsError as error:
            said[reads] = str(error)
    assert set(said) == ALL - may
    (fits,) = may if said else {""}
    for reads, text in said.items():
        assert re.search(f"app-api.platform: .*but access.yaml says `reads: {reads}`.*Set `reads: {fits}` there", text)


def test_all_that_is_refused_is_named_at_once() -> None:
    said = refusal("prod", {"auditRetentionDays": 90, "replicaRegions": ["eu-west-1"], "operators": [f"{ROLE}/ada"]})
    assert len(said.splitlines()) == 4


ALLOWED: dict[str, tuple[str, dict[str, Any]]] = {
    "what ships": ("prod", {}),
    "a principal that truly has no path": ("prod", {"operators": [f"{ROLE}/ada"], "withoutPath": [f"{ROLE}/ada"]}),
    "a foreign role": ("prod", runs(platform="foreign", roleArn=FOREIGN)),
    "a foreign role with the name of one of ours": (
        "prod",
        runs(platform="foreign", roleArn="arn:aws:iam::999999999999:role/apps/klaviyo-prod-viewer-rotator"),
    ),
    "the least retention": ("prod", {"auditRetentionDays": LEAST_RETENTION_DAYS["production"]}),
    "a short retention where nothing asks for more": ("dev", {"auditRetentionDays": 90}),
    "a destruction for good where nothing is protected": ("dev", {"forceDestroy": True}),
    "development that says to be production": ("dev", {"purpose": "production", "auditRetentionDays": 365}),
    "replicas elsewhere": ("prod", {"replicaRegions": ["us-east-1", "eu-central-1"]}),
}


@pytest.mark.parametrize(("stack", "change"), ALLOWED.values(), ids=ALLOWED)
def test_what_harms_nobody_is_not_refused(stack: str, change: dict[str, Any]) -> None:
    assert refusal(stack, change) == ""


MILD = {"auditRetentionDays": 90, "applicationAuditRetentionDays": 180, "forceDestroy": True}


@pytest.mark.parametrize("name", ["production", "prd", "live", "shop", "prod2", "development"])
def test_a_name_that_says_nothing_is_taken_for_production_and_the_refusal_says_so(name: str) -> None:
    lines = refusal("dev", MILD, name=name).splitlines()[1:]
    assert [line.partition(":")[2].partition(":")[0] for line in lines] == [
        "auditRetentionDays",
        "applicationAuditRetentionDays",
        "forceDestroy",
    ]
    said = f"{name} is taken for production, as every name is but dev, local, prod, staging: where it is for something"
    assert all(f"{said} else, set klaviyo-access:purpose" in line for line in lines)
    assert [days in line for days, line in zip(("365", "365", "given: true"), lines, strict=True)] == [True] * 3


@pytest.mark.parametrize(
    ("name", "purpose", "refused"),
    [
        ("shop", "development", 0),
        ("shop", "staging", 1),
        ("shop", "production", 3),
        ("dev", "staging", 1),
        ("dev", "production", 3),
        ("dev", None, 0),
        ("local", None, 0),
        ("staging", None, 1),
        ("prod", None, 3),
        ("staging", "development", 1),
        ("prod", "development", 1),
    ],
)
def test_the_purpose_says_how_strict_the_rules_are_and_never_less_than_the_name(
    name: str, purpose: str | None, refused: int
) -> None:
    change = MILD | ({"purpose": purpose} if purpose else {})
    said = refusal("dev", change, name=name)
    assert len(said.splitlines()[1:]) == refused
    assert "taken for production" not in said


def test_what_cannot_be_brought_back_is_protected_where_the_purpose_is_production() -> None:
    facts = load_stack("dev")
    access = facts.access.in_environment("dev")
    for purpose, kept in (("development", False), ("production", True)):
        lasting = {"purpose": purpose, "auditRetentionDays": 365, "applicationAuditRetentionDays": 365}
        settings = parse_settings("dev", changed("dev", lasting))
        plan = Plan(
            environment=facts.environment,
            access=access,
            settings=settings,
            project=PROJECT_DIR,
            principals=Principals.of(facts.environment, settings, access),
        )
        assert plan.protect is kept


TRAIL = {"trail": "existing", "trailArn": "arn:aws:cloudtrail:us-east-1:999999999999:trail/organization"}


def test_a_bucket_name_over_its_limit_is_refused_with_how_much_to_cut() -> None:
    said = refusal("prod", {}, prefix="p" * 20, name="e" * 10, region="ap-southeast-2")
    bucket = f"{'p' * 20}-{'e' * 10}-audit-{ACCOUNT}-ap-southeast-2"
    assert f"would be {bucket}, 65 characters where S3 takes 63" in said
    assert "2 characters shorter" in said


def test_a_bucket_name_at_its_limit_and_one_that_is_not_used_are_fine() -> None:
    assert not refusal("prod", {}, prefix="p" * 20, name="e" * 8, region="ap-southeast-2")
    assert not refusal("prod", {"audit": TRAIL}, prefix="p" * 20, name="e" * 20, region="ap-southeast-2")


@pytest.mark.parametrize(
    "audit", [{"trail": "existing"}, {"trailArn": TRAIL["trailArn"]}], ids=["a trail without a name", "a name too many"]
)
def test_an_existing_trail_is_named_and_only_such_a_one(audit: dict[str, str]) -> None:
    with pytest.raises(EnvironmentSettingsError, match="trailArn goes with trail: existing"):
        parse_settings("prod", changed("prod", {"audit": audit}))


MANAGEMENT = {"field": "eventCategory", "equals": ["Management"]}
DEAF: dict[str, tuple[dict[str, Any], str | None]] = {
    "in order": ({}, None),
    "all management events": (
        {"event_selectors": [{"include_management_events": True, "read_write_type": "All"}]},
        None,
    ),
    "advanced, all": ({"advanced_event_selectors": [{"field_selectors": [MANAGEMENT]}]}, None),
    "advanced, all but KMS": (
        {
            "advanced_event_selectors": [
                {"field_selectors": [MANAGEMENT, {"field": "eventSource", "not_equals": ["kms.amazonaws.com"]}]}
            ]
        },
        None,
    ),
    "one region": ({"is_multi_region_trail": False}, "covers one region alone"),
    "standing still": ({"enable_logging": False}, "stands still"),
    "data events alone": (
        {"event_selectors": [{"include_management_events": False, "read_write_type": "All"}]},
        "does not log every management event",
    ),
    "writes alone": (
        {"event_selectors": [{"include_management_events": True, "read_write_type": "WriteOnly"}]},
        "does not log every management event",
    ),
    "advanced, data alone": (
        {"advanced_event_selectors": [{"field_selectors": [{"field": "eventCategory", "equals": ["Data"]}]}]},
        "does not log every management event",
    ),
    "advanced, writes alone": (
        {"advanced_event_selectors": [{"field_selectors": [MANAGEMENT, {"field": "readOnly", "equals": ["false"]}]}]},
        "does not log every management event",
    ),
    "advanced, without Secrets Manager": (
        {
            "advanced_event_selectors": [
                {
                    "field_selectors": [
                        MANAGEMENT,
                        {"field": "eventSource", "not_equals": ["secretsmanager.amazonaws.com"]},
                    ]
                }
            ]
        },
        "does not log every management event",
    ),
    "advanced, of another service alone": (
        {
            "advanced_event_selectors": [
                {"field_selectors": [MANAGEMENT, {"field": "eventSource", "equals": ["kms.amazonaws.com"]}]}
            ]
        },
        "does not log every management event",
    ),
}


@pytest.mark.parametrize(("change", "lacking"), DEAF.values(), ids=DEAF)
def test_a_trail_by_which_a_read_could_go_unseen_is_refused(change: dict[str, Any], lacking: str | None) -> None:
    found = {"is_multi_region_trail": True, "enable_logging": True, "event_selectors": []} | change
    if lacking is None:
        refuse_deaf_trail("arn:of:trail", found)
    else:
        with pytest.raises(pulumi.RunError, match=f"arn:of:trail {lacking}.*Have its owner change that"):
            refuse_deaf_trail("arn:of:trail", found)


def test_every_kind_of_secret_is_planned() -> None:
    facts = load_stack("dev")
    settings = parse_settings("dev", changed("dev", OAUTH | WEBHOOK))
    planned = planned_secrets(facts.environment, settings, facts.access.in_environment("dev"))
    assert {name.rpartition("/")[2] for name in planned} == {"key", "reserve", "webhook", "client", "tokens"}
