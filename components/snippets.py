"""The lines that a service's owner pastes: how each platform is told where the key is. None holds a key."""

from collections.abc import Mapping, Sequence

from klaviyo_access.access_model.environment import Environment


def ecs_task_definition(*, key_arn: str) -> str:
    """An entry of `secrets` in an ECS container definition; ECS takes one field of the JSON out of the secret."""
    return f'{{"name": "KLAVIYO_API_KEY", "valueFrom": "{key_arn}:apiKey::"}}'


def external_secret(environment: Environment, role: str) -> str:
    """An ExternalSecret of the External Secrets Operator."""
    return f"""\
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  name: klaviyo-{role}
spec:
  refreshInterval: 1h
  secretStoreRef: {{kind: SecretStore, name: aws-secrets-manager}}
  target: {{name: klaviyo-{role}}}
  data:
    - secretKey: apiKey
      remoteRef: {{key: {environment.secret_name(role, "key")}, property: apiKey}}
"""


def dotenv(environment: Environment, role: str) -> str:
    """The environment variables by which the library finds the role's key."""
    return f"""\
AWS_REGION={environment.region}
KLAVIYO_ACCESS_PREFIX={environment.prefix}
KLAVIYO_ACCESS_ENVIRONMENT={environment.name}
KLAVIYO_ACCESS_ROLE={role}
"""


def oauth_dotenv(environment: Environment, scopes: Sequence[str]) -> str:
    """The environment variables by which the library finds the OAuth app; the redirect URI is the service's own."""
    return f"""\
AWS_REGION={environment.region}
KLAVIYO_ACCESS_PREFIX={environment.prefix}
KLAVIYO_ACCESS_ENVIRONMENT={environment.name}
KLAVIYO_OAUTH_SCOPES="{" ".join(scopes)}"
"""


def snippets(environment: Environment, key_arns: Mapping[str, str]) -> Mapping[str, Mapping[str, str]]:
    """What each role's services paste, by role and platform."""
    return {
        role: {
            "ecs": ecs_task_definition(key_arn=arn),
            "external-secrets": external_secret(environment, role),
            "dotenv": dotenv(environment, role),
        }
        for role, arn in key_arns.items()
    }
