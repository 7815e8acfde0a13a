"""AWS and Klaviyo on this machine: test equipment, never imported by what runs in production.

What its commands import has to be there: without it they end with a message that says how to install it.
"""

import sys
from importlib.util import find_spec
from typing import Final

_NEEDED: Final = ("boto3", "ministack", "pulumi", "pulumi_aws", "rich", "uvicorn")

if missing := [name for name in _NEEDED if find_spec(name) is None]:
    sys.stderr.write(
        f"The sandbox needs packages that are not installed here: {', '.join(missing)}. 'make up' installs them, or: "
        "pip install --require-hashes --requirement requirements-dev.txt\n"
    )
    raise SystemExit(2)
