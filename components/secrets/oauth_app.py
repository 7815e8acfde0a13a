"""An OAuth app's secrets: its client secret, and the tokens of each Klaviyo account that it serves."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from components.policies.oauth_apps import keep_oauth_tokens, stage_oauth_client
from components.policies.secrets import SecretPrincipals
from components.policies.statements import Document, Encryption, to_json
from components.secrets.secret import Safekeeping, SecretArgs, make_secret


@dataclass(frozen=True, kw_only=True)
class OAuthAppArgs:
    """What an `OAuthApp` is made of.

    Attributes:
        service: the app's service, as in access.yaml.
        client_name: name of the secret with client id and client secret.
        token_names: name of the secret with an account's tokens, by the account's id at Klaviyo.
        client_pattern: pattern of the ARN of the client secret.
        tokens_pattern: pattern of the ARNs of the tokens' secrets.
        client_principals: whom the client secret's policy names.
        tokens_principals: whom the policies of the tokens name.
        service_role_name: IAM role of the service.
        operator_role_name: IAM role of the operators.
        region: region of all.
        tags: their tags.
        keeping: how they are kept.
    """

    service: str
    client_name: str
    token_names: Mapping[str, str]
    client_pattern: str
    tokens_pattern: str
    client_principals: SecretPrincipals
    tokens_principals: SecretPrincipals
    service_role_name: pulumi.Input[str]
    operator_role_name: pulumi.Input[str]
    region: str
    tags: Mapping[str, str]
    keeping: Safekeeping


class OAuthApp(pulumi.ComponentResource):
    """The secrets of an OAuth app, without a value, and the grants to its service and to the operators.

    Outputs:
        client_secret_arn: ARN of the secret with client id and client secret.
        token_arns: ARN of the secret with an account's tokens, by the account's id.
    """

    client_secret_arn: pulumi.Output[str]
    token_arns: pulumi.Output[Mapping[str, str]]

    def __init__(self, name: str, args: OAuthAppArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("klaviyo-access:index:OAuthApp", name, None, opts)
        client = SecretArgs(
            name=args.client_name,
            known_as=f"{name}-client",
            description=f"Client id and secret of the OAuth app of {args.service}",
            principals=args.client_principals,
            tags=args.tags,
        )
        client_secret, _ = make_secret(client, args.keeping, self)
        tokens = {account: self._tokens(name, account, args) for account in args.token_names}
        encryption = pulumi.Output.from_input(args.keeping.encryption_key_arn).apply(
            lambda arn: Encryption(key_arn=arn, region=args.region)
        )
        keep = encryption.apply(
            lambda key: keep_oauth_tokens(client=args.client_pattern, tokens=args.tokens_pattern, encryption=key)
        )
        stage = encryption.apply(lambda key: stage_oauth_client(client=args.client_pattern, encryption=key))
        self._grant(f"{name}-service", "keep-oauth-tokens", args.service_role_name, keep)
        self._grant(f"{name}-operators", "stage-oauth-client", args.operator_role_name, stage)
        self.client_secret_arn = client_secret.arn
        self.token_arns = pulumi.Output.all(**{account: secret.arn for account, secret in tokens.items()})
        self.register_outputs({"client_secret_arn": self.client_secret_arn, "token_arns": self.token_arns})

    def _tokens(self, name: str, account: str, args: OAuthAppArgs) -> aws.secretsmanager.Secret:
        tokens = SecretArgs(
            name=args.token_names[account],
            known_as=f"{name}-{account}",
            description=f"OAuth tokens of the Klaviyo account {account}",
            principals=args.tokens_principals,
            tags=args.tags,
        )
        return make_secret(tokens, args.keeping, self)[0]

    def _grant(
        self, name: str, policy_name: str, role_name: pulumi.Input[str], document: pulumi.Output[Document]
    ) -> None:
        aws.iam.RolePolicy(
            f"{name}-policy",
            name=policy_name,
            role=role_name,
            policy=document.apply(to_json),
            opts=ResourceOptions(parent=self),
        )
