"""Requests of real boto3 through the gateway: who is let in, and that AWS's protocols pass whole."""

import http.client
import json
import urllib.error
import urllib.request
import uuid
from dataclasses import replace

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from sandbox.aws.identity.credentials import Session
from tests.sandbox.running_sandbox import ACCOUNT, Sandbox


def refusal(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def name() -> str:
    return f"n-{uuid.uuid4().hex[:12]}"


def test_the_deployer_is_a_session_of_a_real_role(sandbox: Sandbox) -> None:
    identity = sandbox.client("sts").get_caller_identity()
    assert identity["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/deployer/deployer"
    role = sandbox.client("iam").get_role(RoleName="deployer")["Role"]
    assert role["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/sandbox/deployer"
    assert identity["UserId"] == f"{role['RoleId']}:deployer"


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("sts", "get_caller_identity", "InvalidClientTokenId"),
        ("kms", "list_keys", "UnrecognizedClientException"),
        ("s3", "list_buckets", "InvalidAccessKeyId"),
        ("cloudwatch", "list_metrics", "UnrecognizedClientException"),
    ],
)
def test_a_key_that_the_sandbox_did_not_issue_is_refused(
    sandbox: Sandbox, service: str, operation: str, code: str
) -> None:
    session = sandbox.session()
    stranger = replace(session, caller=replace(session.caller, access_key_id="ASIA" + "A" * 16))
    with pytest.raises(ClientError) as error:
        getattr(sandbox.client_of(stranger, service), operation)()
    assert refusal(error) == code


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("sts", "get_caller_identity", "SignatureDoesNotMatch"),
        ("kms", "list_keys", "InvalidSignatureException"),
        ("s3", "list_buckets", "SignatureDoesNotMatch"),
    ],
)
def test_a_wrong_secret_is_refused(sandbox: Sandbox, service: str, operation: str, code: str) -> None:
    forged = replace(sandbox.session(), secret_access_key="guessed")
    with pytest.raises(ClientError) as error:
        getattr(sandbox.client_of(forged, service), operation)()
    assert refusal(error) == code


def test_a_session_without_its_own_token_is_refused(sandbox: Sandbox) -> None:
    mixed: Session = replace(sandbox.session(), session_token=sandbox.session().session_token)
    with pytest.raises(ClientError) as error:
        sandbox.client_of(mixed, "sts").get_caller_identity()
    assert refusal(error) == "InvalidClientTokenId"


def test_an_expired_session_is_refused(sandbox: Sandbox) -> None:
    sessions = sandbox.server.cloud.sessions
    role = sandbox.run(sandbox.server.cloud.identities.role(f"arn:aws:iam::{ACCOUNT}:role/sandbox/deployer"))
    assert role is not None
    expired = sessions.issue(role.role, session_name="late", seconds=-1)
    for service, operation, code in [
        ("sts", "get_caller_identity", "ExpiredToken"),
        ("kms", "list_keys", "ExpiredTokenException"),
    ]:
        with pytest.raises(ClientError) as error:
            getattr(sandbox.client_of(expired, service), operation)()
        assert refusal(error) == code


def test_an_unsigned_request_is_refused(sandbox: Sandbox) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.server.ports.aws)
    for path in ("/", "/bucket/key", "/_ministack/health"):
        connection.request("GET", path)
        response = connection.getresponse()
        assert (response.status, b"<Code>MissingAuthenticationToken</Code>" in response.read()) == (403, True)
    connection.request("POST", "/", headers={"content-type": "application/x-amz-json-1.1"})
    assert json.loads(connection.getresponse().read())["__type"] == "MissingAuthenticationToken"
    connection.close()


def test_a_body_that_was_changed_on_the_way_is_refused(sandbox: Sandbox) -> None:
    kms = sandbox.client("kms")

    def change(request: object, **_: object) -> None:
        request.data = request.body = b'{"Limit": 1}'  # type: ignore[attr-defined]  # botocore's prepared request

    kms.meta.events.register("before-send.kms.ListKeys", change)
    with pytest.raises(ClientError) as error:
        kms.list_keys()
    assert refusal(error) == "InvalidSignatureException"


def test_access_keys_of_users_work_until_they_are_inactive_or_gone(sandbox: Sandbox) -> None:
    iam, user = sandbox.client("iam"), name()
    iam.create_user(UserName=user)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    client = sandbox.client_of_user(key, "sts")
    assert client.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/{user}"
    iam.update_access_key(UserName=user, AccessKeyId=key["AccessKeyId"], Status="Inactive")
    with pytest.raises(ClientError) as error:
        client.get_caller_identity()
    assert refusal(error) == "InvalidClientTokenId"


def test_s3_takes_the_forms_of_requests_that_boto3_makes(sandbox: Sandbox) -> None:
    s3, bucket = sandbox.client("s3"), name()
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="a folder/ü+%.txt", Body=b"text", Metadata={"of": "it"})
    assert s3.get_object(Bucket=bucket, Key="a folder/ü+%.txt")["Body"].read() == b"text"
    assert s3.head_object(Bucket=bucket, Key="a folder/ü+%.txt")["ContentLength"] == 4
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="a ")["Contents"]
    assert [entry["Key"] for entry in listed] == ["a folder/ü+%.txt"]


def test_presigned_urls_work_as_they_were_signed(sandbox: Sandbox) -> None:
    s3, bucket = sandbox.client("s3"), name()
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="ü.txt", Body=b"text")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "ü.txt"})
    with urllib.request.urlopen(url) as response:  # noqa: S310 - a loopback URL
        assert response.read() == b"text"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url.replace("Expires=3600", "Expires=3601"))  # noqa: S310 - a loopback URL
    assert refused.value.code == 403
    refused.value.close()


def test_policies_of_buckets_and_other_subresources_find_their_operations(sandbox: Sandbox) -> None:
    s3, bucket = sandbox.client("s3"), name()
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    names = [record["eventName"] for record in sandbox.server.cloud.trail.records if bucket in str(record)]
    assert names == ["CreateBucket", "PutBucketVersioning", "GetBucketVersioning"]


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_state_is_kept_by_region(sandbox: Sandbox, region: str) -> None:
    group = name()
    sandbox.client("logs", region=region).create_log_group(logGroupName=group)
    other = "eu-central-1" if region == "us-east-1" else "us-east-1"
    here, there = (
        sandbox.client("logs", region=at).describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        for at in (region, other)
    )
    assert (len(here), len(there)) == (1, 0)


def test_a_service_of_several_protocols_answers_in_the_one_it_was_asked_in(sandbox: Sandbox) -> None:
    space = name()
    sandbox.client("cloudwatch").put_metric_data(Namespace=space, MetricData=[{"MetricName": "m", "Value": 1.0}])
    assert [m["MetricName"] for m in sandbox.client("cloudwatch").list_metrics(Namespace=space)["Metrics"]] == ["m"]


def test_a_service_that_nobody_knows_is_refused_by_name(sandbox: Sandbox) -> None:
    request = AWSRequest(method="GET", url=f"{sandbox.endpoint}/")
    session = sandbox.session()
    keys = Credentials(session.access_key_id, session.secret_access_key, session.session_token)
    SigV4Auth(keys, "nosuch", "us-east-1").add_auth(request)
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.server.ports.aws)
    connection.request("GET", "/", headers=dict(request.headers))
    assert b"'nosuch'" in connection.getresponse().read()
    connection.close()


def test_an_idle_connection_is_kept_since_a_call_that_meets_its_end_is_lost(sandbox: Sandbox) -> None:
    an_hour = 3600
    assert [server.config.timeout_keep_alive for server in sandbox.server._servers] == [an_hour, an_hour]
