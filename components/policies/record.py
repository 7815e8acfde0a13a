"""Who may write the record of every read, and who may raise its alerts."""

from components.policies.statements import Document, allow, document


def write_trail_log(log_group_arn: str) -> Document:
    """Identity policy of the role with which CloudTrail writes into its log group."""
    return document(allow("WriteLog", ["logs:CreateLogStream", "logs:PutLogEvents"], [f"{log_group_arn}:log-stream:*"]))


def audit_bucket_policy(*, bucket_arn: str, trail_arn: str, account_id: str) -> Document:
    """Bucket policy for the trail's files: written by this trail alone, over TLS alone."""
    of_the_trail = {"StringEquals": {"aws:SourceArn": trail_arn}}
    by_owner = {"StringEquals": {"aws:SourceArn": trail_arn, "s3:x-amz-acl": "bucket-owner-full-control"}}
    trail = {"Principal": {"Service": "cloudtrail.amazonaws.com"}}
    return document(
        allow("CheckAcl", ["s3:GetBucketAcl"], [bucket_arn], of_the_trail) | trail,
        allow("WriteTrail", ["s3:PutObject"], [f"{bucket_arn}/AWSLogs/{account_id}/*"], by_owner) | trail,
        {
            "Sid": "OverTlsAlone",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [bucket_arn, f"{bucket_arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    )


def alert_topic_policy(*, topic_arn: str, alarm_arn: str) -> Document:
    """Topic policy: EventBridge publishes alerts, and CloudWatch those of our alarms. EventBridge sends no source.

    ``alarm_arn`` may be a pattern: AWS compares by ArnEquals as by ArnLike.
    """
    rules = allow("PublishAlerts", ["sns:Publish"], [topic_arn])
    alarm = allow("PublishAlarm", ["sns:Publish"], [topic_arn], {"ArnEquals": {"aws:SourceArn": alarm_arn}})
    return document(
        rules | {"Principal": {"Service": "events.amazonaws.com"}},
        alarm | {"Principal": {"Service": "cloudwatch.amazonaws.com"}},
    )
