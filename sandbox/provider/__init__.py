"""The local ``aws`` provider: what the Pulumi engine calls, over boto3, on a loopback endpoint alone.

It stands in for the plugin of pulumi-aws 7.51.1 on the sandbox. An AWS type or property that it does not know is
refused by name, never swallowed.
"""

from sandbox.provider.plugin import install

__all__ = ["install"]
