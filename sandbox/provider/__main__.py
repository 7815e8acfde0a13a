"""``python -m sandbox.provider``: the plugin's process, as the Pulumi CLI starts it."""

from sandbox.provider.plugin import serve

serve()
