"""What the program renders for a stack of this checkout, once for all tests; and files in the other forms."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@cache
def rendering(stack: str) -> str:
    """The JSON that ``python -m sandbox render`` prints."""
    command = [sys.executable, "-m", "sandbox", "render", "--stack", stack, "--json"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def as_preview(text: str) -> str:
    """The same as ``pulumi preview --json`` has it: steps, and what AWS draws not known yet."""
    unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
    steps = []
    for state in json.loads(text)["deployment"]["resources"]:
        known: dict[str, Any] = dict(state.get("inputs", {}))
        for name in state.get("propertyDependencies", {}):
            if name not in {"bucket", "rule", "function"} and isinstance(known.get(name), str):
                known[name] = unknown
        kept = {name: state[name] for name in ("urn", "type", "propertyDependencies") if name in state}
        steps.append({"op": "create", "urn": state["urn"], "newState": {**kept, "inputs": known}})
    steps.append({"op": "delete", "urn": "urn:pulumi:old::p::aws:x/y:Z::gone", "oldState": {}})
    return json.dumps({"config": {}, "steps": steps})


def without(text: str, *types: str) -> str:
    """A rendering that lacks resources of these types."""
    document: dict[str, Any] = json.loads(text)
    resources = document["deployment"]["resources"]
    document["deployment"]["resources"] = [one for one in resources if one["type"] not in types]
    return json.dumps(document)
