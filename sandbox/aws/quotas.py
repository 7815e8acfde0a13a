"""Service Quotas, as far as the program asks: Lambda functions that run at once, and rules on an event bus."""

from sandbox.aws.calls import AwsError, Call, Json

_QUOTAS = {
    ("lambda", "L-B99A9384"): ("Concurrent executions", 1000.0),
    ("events", "L-244521F2"): ("Number of rules", 1000.0),
}
"""What an account has that asked for more room than AWS gives at first."""


def get_service_quota(call: Call) -> Json:
    """Answer GetServiceQuota and GetAWSDefaultServiceQuota, which says the same here.

    Raises:
        AwsError: a quota that the sandbox does not know.
    """
    service, code = call.parameters["ServiceCode"], call.parameters["QuotaCode"]
    if (service, code) not in _QUOTAS:
        raise AwsError("NoSuchResourceException", f"The sandbox knows no quota {code} of {service}.")
    name, value = _QUOTAS[service, code]
    arn = f"arn:aws:servicequotas:{call.region}:{call.caller.account}:{service}/{code}"
    return {
        "Quota": {
            "ServiceCode": service,
            "ServiceName": service,
            "QuotaArn": arn,
            "QuotaCode": code,
            "QuotaName": name,
            "Value": value,
            "Adjustable": True,
            "GlobalQuota": False,
        }
    }
