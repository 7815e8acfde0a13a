"""Clients of AWS's services, by botocore alone: boto3's transfers and resources would lengthen every cold start."""

from functools import cache
from typing import Any

import botocore.session
from botocore.config import Config


def make_client(service: str, *, read_timeout: float = 10, attempts: int = 4) -> Any:
    """A client with the function's own credentials and region.

    Args:
        service: as boto3 names it.
        read_timeout: seconds that an answer may take.
        attempts: how often a call is sent, where AWS gives no answer or says that it is busy.
    """
    config = Config(
        connect_timeout=3,
        read_timeout=read_timeout,
        retries={"total_max_attempts": attempts, "mode": "standard"},
    )
    return _session().create_client(service, config=config)


@cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()
