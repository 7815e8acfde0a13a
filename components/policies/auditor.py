"""What the auditor may do, and who starts it, as pure functions of plain values."""

from components.policies.statements import Document, Encryption, allow, document


def audit_keys(
    *,
    keys: str,
    reserves: str,
    rotators: str,
    log_group_arn: str,
    custodian_key_arn: str | None,
    encryption: Encryption,
) -> Document:
    """Identity policy of the auditor: see labels, ask rotators, start rotations, and read the custodian's key alone.

    Patterns for the secrets and the rotators, since IAM takes 10,240 characters a role. What it asks of a rotator, the
    rotator checks; RotateSecret only without naming a Lambda or a schedule.

    Args:
        keys: pattern of the ARNs of all roles' keys.
        reserves: pattern of the ARNs of all roles' reserves.
        rotators: pattern of the ARNs of all rotators.
        log_group_arn: the auditor's own.
        custodian_key_arn: the secret with the key that may list and disable keys, where the environment has one.
        encryption: KMS key of the secrets.
    """
    read = []
    if custodian_key_arn:
        read = [
            allow("ReadCustodiansKey", ["secretsmanager:GetSecretValue"], [custodian_key_arn]),
            encryption.allow("DecryptCustodiansKey", ["kms:Decrypt"], [custodian_key_arn]),
        ]
    return document(
        allow(
            "SeeLabels",
            ["secretsmanager:DescribeSecret", "secretsmanager:ListSecretVersionIds"],
            [keys, reserves],
        ),
        *read,
        allow("AskRotators", ["lambda:InvokeFunction"], [rotators]),
        allow(
            "StartRotations",
            ["secretsmanager:RotateSecret"],
            [keys],
            {
                "Null": {"secretsmanager:RotationLambdaARN": "true"},
                "BoolIfExists": {"secretsmanager:ModifyRotationRules": "false"},
            },
        ),
        allow("LookUpEvents", ["cloudtrail:LookupEvents"], ["*"]),
        allow("WriteLog", ["logs:CreateLogStream", "logs:PutLogEvents"], [f"{log_group_arn}:*"]),
    )


def start_function(function_arn: str) -> Document:
    """Identity policy of a schedule: start this one function."""
    return document(allow("Start", ["lambda:InvokeFunction"], [function_arn]))
