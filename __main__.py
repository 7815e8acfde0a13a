"""The Pulumi program: one environment, from `access.yaml` and the stack's settings."""

import os
from pathlib import Path

import pulumi

from components.klaviyo_access import KlaviyoAccess, KlaviyoAccessArgs
from components.preview.target import check_target
from components.settings import load_settings
from klaviyo_access.access_model import AccessModel, AccessModelError
from klaviyo_access.access_model.environment import EnvironmentSettingsError

project = Path(__file__).parent
try:
    access = AccessModel.load(project / "access.yaml").in_environment(pulumi.get_stack())
    environment, settings = load_settings(pulumi.get_stack(), project)
    check_target(environment, settings, access, environ=os.environ)
    args = KlaviyoAccessArgs(environment=environment, access=access, settings=settings, project=project)
    whole = KlaviyoAccess("klaviyo", args)
except (AccessModelError, EnvironmentSettingsError) as error:
    raise pulumi.RunError(str(error)) from None

pulumi.export("keyArns", whole.key_arns)
pulumi.export("serviceRoleArns", whole.service_role_arns)
pulumi.export("foreignPolicies", whole.foreign_policies)
pulumi.export("webhookSecretArns", whole.webhook_secret_arns)
pulumi.export("operatorRoleArn", whole.operator_role_arn)
pulumi.export("snippets", whole.snippets)
pulumi.export("oauthApp", whole.oauth_app)
