"""Who may do what with the services' audit entries, as pure functions of plain values.

A resource policy cannot hold any of it: CloudWatch Logs enforces those for AWS services alone, and for CreateLogStream
and PutLogEvents alone (API reference, PutResourcePolicy). So what a service must not do is denied in its own identity
policy, which also binds a role that has wider grants from elsewhere.
"""

from components.policies.statements import Document

ERASE: tuple[str, ...] = (
    "logs:DeleteLogGroup",
    "logs:DeleteLogStream",
    "logs:DeleteRetentionPolicy",
    "logs:PutRetentionPolicy",
    "logs:PutDataProtectionPolicy",
    "logs:DeleteDataProtectionPolicy",
    "logs:PutLogGroupDeletionProtection",
    "logs:AssociateKmsKey",
    "logs:DisassociateKmsKey",
)
"""What could make entries vanish, or hide what stands in them."""


def append_audit(*, log_group_arn: str, service: str) -> Document:
    """Identity policy of a service: append to its own streams of entries and anchors, and never erase.

    CreateLogStream is asked for the stream that is to be made, as in CloudTrail's own role policy.
    """
    streams = [f"{log_group_arn}:log-stream:{kind}/{service}/*" for kind in ("entries", "anchors")]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "AppendAudit",
                "Effect": "Allow",
                "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                "Resource": streams,
            },
            {
                "Sid": "NeverEraseAudit",
                "Effect": "Deny",
                "Action": list(ERASE),
                "Resource": [log_group_arn, f"{log_group_arn}:*"],
            },
        ],
    }


def verify_audit(*, log_group_arn: str) -> Document:
    """Identity policy of whoever verifies the entries: read them all."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "ReadAudit",
                "Effect": "Allow",
                "Action": ["logs:FilterLogEvents"],
                "Resource": [log_group_arn, f"{log_group_arn}:*"],
            }
        ],
    }
