"""What verification imports: the standard library, until somebody asks for Secrets Manager or a framework."""

import subprocess
import sys

from tests.components.recording import PROJECT_DIR

SCRIPT = """
import sys
from klaviyo_access.webhooks import SigningSecret, Verifier, WebhookReceiver
loaded = {name.partition(".")[0] for name in sys.modules}
print(sorted(loaded & {"botocore", "boto3", "pydantic", "httpx", "flask", "starlette", "klaviyo_api"}))
"""


def test_a_receiver_with_secrets_of_its_own_imports_the_standard_library_alone() -> None:
    run = subprocess.run([sys.executable, "-c", SCRIPT], cwd=PROJECT_DIR, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
