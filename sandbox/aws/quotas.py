"""Service Quotas, as far as the program asks: how many Lambda functions may run at once in this account."""

from sandbox.aws.calls import AwsError, Call, Json

_APPLIED = {("lambda", "L-B99A9384"): ("Concurrent executions", 1000.0)}
"""What AWS gives an account that has asked for it; a new account starts lower."""


def get_service_quota(call: Call) -> Json:
    """Answer GetServiceQuota.

    Raises:
        AwsError: a quota that the sandbox does not know.
    """
    service, code = call.parameters["ServiceCode"], call.parameters["QuotaCode"]
    if (service, code) not in _APPLIED:
        raise AwsError("NoSuchResourceException", f"The sandbox knows no quota {code} of {service}.")
    name, value = _APPLIED[service, code]
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
