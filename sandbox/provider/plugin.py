"""Where the Pulumi CLI finds the local provider."""

import shlex
import sys
from pathlib import Path
from typing import Final

VERSION: Final = "7.51.1"
"""The version of pulumi-aws that this stands in for: the CLI looks for exactly this plugin."""


def install(pulumi_home: Path) -> Path:
    """Write the plugin that a Pulumi CLI with ``PULUMI_HOME=pulumi_home`` starts; return its path."""
    folder = pulumi_home / "plugins" / f"resource-aws-v{VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "pulumi-resource-aws"
    checkout = Path(__file__).resolve().parents[2]
    python_path = f"{shlex.quote(str(checkout))}${{PYTHONPATH:+:$PYTHONPATH}}"
    command = f"PYTHONPATH={python_path} exec {shlex.quote(sys.executable)} -m sandbox.provider"
    script.write_text(f'#!/bin/sh\n{command} "$@"\n')
    script.chmod(0o755)
    return script
