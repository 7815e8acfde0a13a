"""CloudTrail: a record of every call, allowed or denied, and LookupEvents over them.

Source of the shapes: CloudTrail user guide, "CloudTrail record contents" and "userIdentity element".
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from botocore.model import OperationModel

from sandbox.aws.calls import AwsError, Call, Caller, Json
from sandbox.aws.identity.credentials import Sessions
from sandbox.aws.models import event_name, event_source, is_read_only, without_secrets

_EVENT_VERSION = "1.11"
_GLOBAL_SERVICES = {"iam"}
_RESOURCE_TYPES = {"kms": "AWS::KMS::Key", "lambda": "AWS::Lambda::Function", "iam": "AWS::IAM::Role"}
_DATA_EVENTS = {
    "lambda": {"Invoke", "InvokeAsync"},
    "sns": {"Publish", "PublishBatch"},
    "sqs": {"SendMessage", "SendMessageBatch", "ReceiveMessage", "DeleteMessage", "DeleteMessageBatch"},
    "logs": {"PutLogEvents", "GetLogEvents", "FilterLogEvents"},
    "events": {"PutEvents"},
    "cloudwatch": {"PutMetricData", "GetMetricData", "GetMetricStatistics"},
}
"""What CloudTrail counts as data events, or does not record: kept here, shown by no LookupEvents, put on no bus."""


class Trail:
    """Keeps the records of one account, oldest first.

    Args:
        account: whose trail it is.
        sessions: gives a role session's date of issue.
        clock: seconds since the epoch.
        publish: receives each management event.
    """

    def __init__(
        self, *, account: str, sessions: Sessions, clock: Callable[[], float], publish: Callable[[Json], None]
    ) -> None:
        self._account = account
        self._sessions = sessions
        self._clock = clock
        self._publish = publish
        self.records: list[Json] = []

    def record_call(
        self,
        call: Call,
        operation: OperationModel,
        *,
        answer: Json | None = None,
        error: AwsError | None = None,
        resources: Sequence[str] = (),
    ) -> None:
        """Record a call with its answer or its error; neither shows a secret. ``resources`` are ARNs."""
        read_only = is_read_only(operation)
        parameters = without_secrets(call.parameters, operation.input_shape) or {}
        if "bucket" in parameters:
            parameters["bucketName"] = parameters.pop("bucket")
        shown = None if answer is None or (read_only and operation.name != "AssumeRole") else answer
        record = {
            **self._common(event_source(call.service), event_name(call.service, call.operation), _region(call)),
            "userIdentity": self._identity(call.caller),
            "sourceIPAddress": call.source_ip,
            "userAgent": call.user_agent,
            "requestParameters": parameters or None,
            "responseElements": without_secrets(shown, operation.output_shape) or None,
            "requestID": call.request_id,
            "readOnly": read_only,
            "eventType": "AwsApiCall",
        }
        record |= _failure(error) | _resources(resources)
        self._keep(record, data_event=_is_data_event(call))

    def record_use_of_key(
        self, call: Call, action: str, key_arn: str, context: Mapping[str, str], error: AwsError | None
    ) -> None:
        """Record what a service asks of KMS for its caller; ``context`` is the encryption context."""
        service = event_source(call.service)
        record = {
            **self._common("kms.amazonaws.com", action.removeprefix("kms:"), call.region),
            "userIdentity": {**self._identity(call.caller), "invokedBy": service},
            "sourceIPAddress": service,
            "userAgent": service,
            "requestParameters": {"encryptionContext": dict(context), "encryptionAlgorithm": "SYMMETRIC_DEFAULT"},
            "responseElements": None,
            "requestID": str(uuid.uuid4()),
            "readOnly": True,
            "eventType": "AwsApiCall",
        }
        record |= _failure(error) | _resources([key_arn])
        self._keep(record, data_event=False)

    def record_service_event(self, event_name: str, details: Json, *, region: str) -> None:
        """Record what Secrets Manager does by itself; implements ``sandbox.aws.calls.RecordEvent``."""
        record = {
            **self._common("secretsmanager.amazonaws.com", event_name, region),
            "userIdentity": {"accountId": self._account, "invokedBy": "secretsmanager.amazonaws.com"},
            "sourceIPAddress": "secretsmanager.amazonaws.com",
            "userAgent": "secretsmanager.amazonaws.com",
            "requestParameters": None,
            "responseElements": None,
            "additionalEventData": details,
            "readOnly": False,
            "eventType": "AwsServiceEvent",
        }
        self._keep(record, data_event=False)

    def _keep(self, record: Json, *, data_event: bool) -> None:
        record["managementEvent"] = not data_event
        record["eventCategory"] = "Data" if data_event else "Management"
        self.records.append(record)
        if not data_event:
            self._publish(record)

    def _common(self, source: str, name: str, region: str) -> Json:
        return {
            "eventVersion": _EVENT_VERSION,
            "eventTime": _stamp(self._clock()),
            "eventSource": source,
            "eventName": name,
            "awsRegion": region,
            "eventID": str(uuid.uuid4()),
            "recipientAccountId": self._account,
        }

    def _identity(self, caller: Caller) -> Json:
        if caller.kind == "AWSService":
            return {"type": "AWSService", "invokedBy": caller.principal_arn}
        name = caller.principal_arn.rpartition("/")[2]
        identity: Json = {
            "type": caller.kind,
            "principalId": caller.principal_id,
            "arn": caller.arn,
            "accountId": caller.account,
            "accessKeyId": caller.access_key_id,
        }
        if caller.kind == "IAMUser":
            return {**identity, "userName": name}
        issuer = {
            "type": "Role",
            "principalId": caller.principal_id.partition(":")[0],
            "arn": caller.principal_arn,
            "accountId": caller.account,
            "userName": name,
        }
        session = self._sessions.find(caller.access_key_id)
        attributes = {"creationDate": _stamp(session.issued if session else self._clock()), "mfaAuthenticated": "false"}
        return {**identity, "sessionContext": {"sessionIssuer": issuer, "attributes": attributes}}


def _failure(error: AwsError | None) -> Json:
    if error is None:
        return {}
    code = "AccessDenied" if error.code == "AccessDeniedException" else error.code
    return {"errorCode": code, "errorMessage": error.message}


def _resources(arns: Sequence[str]) -> Json:
    named = [
        {"accountId": arn.split(":")[4], "type": _RESOURCE_TYPES[arn.split(":")[2]], "ARN": arn}
        for arn in arns
        if arn.startswith("arn:") and arn.split(":")[2] in _RESOURCE_TYPES
    ]
    return {"resources": named} if named else {}


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _region(call: Call) -> str:
    return "us-east-1" if call.service in _GLOBAL_SERVICES else call.region


def _is_data_event(call: Call) -> bool:
    if call.service == "s3":
        return "Key" in call.parameters
    return call.operation in _DATA_EVENTS.get(call.service, ())
