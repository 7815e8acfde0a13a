"""What a shell needs to use the sandbox: environment variables, printed as exports or as JSON."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from sandbox.home import Home, Ports

REGION = "us-east-1"


def credentials(issued: Mapping[str, Any]) -> dict[str, str]:
    """The variables in which every AWS SDK looks for credentials."""
    return {
        "AWS_ACCESS_KEY_ID": issued["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": issued["SecretAccessKey"],
        "AWS_SESSION_TOKEN": issued["SessionToken"],
    }


def endpoints(ports: Ports) -> dict[str, str]:
    """Where AWS and Klaviyo are."""
    return {
        "AWS_ENDPOINT_URL": ports.endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "KLAVIYO_URL": ports.klaviyo_url,
    }


def pulumi(home: Home) -> dict[str, str]:
    """A Pulumi home and a backend that are the sandbox's own.

    The passphrase is the one that the salt in `Pulumi.local.yaml` fits: the CLI asks for one although no secret ever
    enters the stack, and would write a salt of its own into that file.
    """
    return {
        "SANDBOX_HOME": str(home.directory),
        "PULUMI_HOME": str(home.pulumi),
        "PULUMI_BACKEND_URL": f"file://{home.state}",
        "PULUMI_CONFIG_PASSPHRASE": "sandbox",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }


def show(variables: Mapping[str, str], *, as_json: bool) -> str:
    """The variables as lines for a shell, or as one JSON object; a profile would win over the credentials."""
    if as_json:
        return json.dumps(variables, indent=2) + "\n"
    return "unset AWS_PROFILE AWS_DEFAULT_PROFILE\n" + "".join(
        f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()
    )
