"""A run of a role's keys in which much goes wrong, and which keeps all that it gets to read."""

import json
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from klaviyo_access.access_model import AccessModel
from klaviyo_access.keys.secret import KEY_PATTERN, fingerprint
from tests.end_to_end.deployed import PROJECT, Deployed
from tests.end_to_end.key_hunt import Hunt
from tests.end_to_end.leftovers import Leftovers

ROLE = "service"
SCOPES = ",".join(AccessModel.load(PROJECT / "access.yaml").in_environment("local").roles[ROLE].scopes)
ARN = "arn:aws:iam::000000000000:role/klaviyo/local/klaviyo-local-"
ROTATOR, AUDITOR = f"klaviyo-local-{ROLE}-rotator", "klaviyo-local-key-auditor"

SERVICE = f"""
import logging, sys, traceback
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
import httpx
from klaviyo_access.keys import KeyStore
from klaviyo_access.klaviyo import KlaviyoAuth, session_for_role
klaviyo, store = session_for_role("{ROLE}"), KeyStore("{ROLE}")
client = httpx.Client(auth=KlaviyoAuth(store), base_url=store.snapshot.endpoint, headers={{"revision": "2026-04-15"}})
for line in sys.stdin:
    try:
        print(store, vars(store), store.snapshot, store.key, client.get("/api/profiles").status_code)
        klaviyo.Profiles.get_profiles(page_size=1)
        klaviyo.Profiles.get_profile("nobody")
    except Exception as error:
        logging.exception("the application failed with %s", store.key)
        print(*traceback.TracebackException.from_exception(error, capture_locals=True).format(), file=sys.stderr)
    print("served", flush=True)
klaviyo.Profiles.get_profile("nobody")
"""


def malformed(key: str) -> dict[str, str]:
    """What an operator's slips and an attacker's tricks may put into a reserve, by what is wrong with it."""
    return {
        "a newline after it": json.dumps({"apiKey": f"{key}\n"}),
        "a newline in it": json.dumps({"apiKey": f"{key[:20]}\n{key[20:]}"}),
        "lines around it": json.dumps({"apiKey": f'first\r\n{{"level": "INFO"}}\n{key}\nlast'}),
        "text after it": json.dumps({"apiKey": f"{key} # of marketing"}),
        "colours around it": json.dumps({"apiKey": f"\x1b[31m{key}\x1b[0m"}),
        "no JSON around it": key,
        "JSON that ends too early": f'{{"apiKey": "{key}',
        "JSON in the JSON": json.dumps({"apiKey": json.dumps({"apiKey": key})}),
        "a JSON of its own": json.dumps({"apiKey": {"value": key, key: [key]}}),
    }


@dataclass
class Run:
    """A run of a role's keys, which writes down all that it gets to read.

    Attributes:
        deployed: the environment.
        leftovers: what was read, and what can be.
        keys: every key of the run, by a name that may be shown.
    """

    deployed: Deployed
    leftovers: Leftovers
    keys: dict[str, str] = field(default_factory=dict)

    def operate(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        done = self.deployed.operate(*arguments, stdin=stdin)
        self.leftovers.outputs += [done.stdout, done.stderr]
        return done

    def succeed(self, *arguments: str, stdin: str = "") -> None:
        done = self.operate("keys", *arguments, stdin=stdin)
        assert done.returncode == 0, f"{arguments}: {done.stderr if not self.hunt().find(done.stderr) else '(a key)'}"

    def new_key(self, name: str, scopes: str = SCOPES) -> str:
        self.keys[name] = self.deployed.new_key(scopes)
        return self.keys[name]

    def hunt(self) -> Hunt:
        return Hunt(self.keys)

    def as_role(self, service: str, role: str) -> Any:
        told = self.deployed.run("-m", "sandbox", "credentials", "--json", "--role", f"{ARN}{role}")
        return self.deployed.client(service, json.loads(told.stdout))

    def as_operator(self, service: str) -> Any:
        environ = self.deployed.signed_in("operator")
        assumed = self.deployed.client("sts", environ).assume_role(
            RoleArn=f"{ARN}key-operator", RoleSessionName="somebody"
        )["Credentials"]
        names = {
            "ACCESS_KEY_ID": "AccessKeyId",
            "SECRET_ACCESS_KEY": "SecretAccessKey",
            "SESSION_TOKEN": "SessionToken",
        }
        return self.deployed.client(
            service, {**environ, **{f"AWS_{name}": assumed[field] for name, field in names.items()}}
        )

    def invoke(self, client: Any, function: str, event: object) -> None:
        answer = client.invoke(FunctionName=function, Payload=json.dumps(event).encode(), LogType="Tail")
        self.leftovers.answers += [answer["Payload"].read().decode(), answer.get("LogResult", "")]

    def put_malformed(self) -> None:
        """Past the command's checks, as whoever may stage can, so that the rotator meets them."""
        operator = self.as_operator("secretsmanager")
        for number, (wrong, value) in enumerate(malformed(self.new_key("malformed")).items()):
            label = f"SPARE:{datetime.fromtimestamp(1_700_000_000 + number, UTC):%Y%m%dT%H%M%SZ}:{number:012x}"
            operator.put_secret_value(
                SecretId=f"klaviyo/local/{ROLE}/reserve", SecretString=value, VersionStages=[label]
            )
            assert wrong

    def misuse_commands(self) -> None:
        """Keys in the wrong places and of the wrong form: each is refused."""
        key = self.new_key("misplaced")
        for arguments, stdin in {
            ("stage", ROLE, key): "",
            ("leaked", f"{key}\n", "--yes"): "",
            ("rollback", f"x{key}", "--yes"): "",
            ("stage", ROLE): f"{key} # of marketing\n",
            ("stage", ROLE, "--probe"): f"{key}{key}\n{key.upper()}\n",
            ("stage", "--all"): f"{key} {ROLE}\n{ROLE} {key[:-1]}\n",
            ("leaked", "--yes"): f"{key}\t\n",
        }.items():
            assert self.operate("keys", *arguments, stdin=stdin).returncode

    def send_forged_events(self) -> None:
        """What may invoke a rotator or the auditor puts keys wherever an event has room."""
        client, key = self.as_operator("lambda"), self.new_key("forged")
        for event in (
            {"action": "rollback", "version": key},
            {"action": key},
            {"action": "leaked", "fingerprint": key, key: key},
            {"Step": key, "SecretId": key, "ClientRequestToken": f"{key}\n"},
            key,
        ):
            self.invoke(client, ROTATOR, event)
        self.invoke(client, AUDITOR, {"action": "audit", "roles": [key]})

    def audit(self) -> None:
        """Have the role's keys looked after; other roles' are left to their own tests."""
        self.invoke(self.as_operator("lambda"), AUDITOR, {"action": "audit", "roles": [ROLE]})

    def know_stored_keys(self) -> None:
        """Know the keys too that were there before: those of the role's secrets, as the rotator reads them."""
        client = self.as_role("secretsmanager", f"{ROLE}-rotator")
        for kind in ("key", "reserve"):
            named = {"SecretId": f"klaviyo/local/{ROLE}/{kind}"}
            for version in client.describe_secret(**named).get("VersionIdsToStages", {}):
                value = client.get_secret_value(**named, VersionId=version)["SecretString"]
                for key in KEY_PATTERN.findall(value):
                    self.keys.setdefault(f"{kind} {fingerprint(key)}", key)

    def current(self) -> str:
        found = self.deployed.status(ROLE)["current"]["fingerprint"]
        return str(found)
