"""``python -m sandbox``: AWS and Klaviyo on this machine, for the stack local."""

import argparse
import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from sandbox import asking, process, shell, stacks
from sandbox.aws.secrets_manager.readings import POINTS
from sandbox.clock import ClockError, read_span
from sandbox.home import Home, Ports
from sandbox.memory import UnusableMemoryError
from sandbox.server import PortInUseError

DONE, FAILED, NOT_REACHED, INTERRUPTED = 0, 1, 3, 130
_SIGN_INS = {"deployer": "deployer", "operator": "engineer", "intruder": "intruder"}
_REFUSALS = (
    PortInUseError,
    process.StartError,
    stacks.StackError,
    asking.RefusedError,
    ClockError,
    UnusableMemoryError,
)

Command = Callable[[Home, argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code: 0 done, 1 refused, 2 wrong usage, 3 no sandbox to reach, 130 Ctrl-C."""
    given = [*(sys.argv[1:] if arguments is None else arguments)]
    options = _parser().parse_args(["clock", "--", *given[1:]] if given[:1] == ["clock"] and _is_span(given) else given)
    run: Command = options.run
    try:
        return run(Home.of(os.environ), options)
    except asking.NotRunningError as error:
        return _complain(str(error), NOT_REACHED)
    except _REFUSALS as error:
        return _complain(str(error), FAILED)
    except OSError as error:
        return _complain(f"The sandbox's folder cannot be used: {error}. Name another with SANDBOX_HOME.", FAILED)
    except KeyboardInterrupt:
        return _complain("Interrupted.", INTERRUPTED)


def start(home: Home, options: argparse.Namespace) -> int:
    """Start the sandbox in the background."""
    began = time.monotonic()
    found = home.running()
    if found is None:
        home.prepare()
        importlib.import_module("sandbox.provider").install(home.pulumi)
        goes_on, last = home.memory.exists(), home.last_ports
        ports = Ports(aws=_or(options.port, last.aws), klaviyo=_or(options.klaviyo_port, last.klaviyo))
        found = process.start(home, ports)
        _say(f"The sandbox is up after {time.monotonic() - began:.1f} s, as process {found.pid}; its log: {home.log}")
        if goes_on:
            _say(f"It goes on with what it remembers ({home.memory}); to start anew: stop, then forget.")
    elif found.ports != Ports(
        aws=_or(options.port, found.ports.aws), klaviyo=_or(options.klaviyo_port, found.ports.klaviyo)
    ):
        return _complain(
            f"A sandbox already runs on the ports {found.ports.aws} and {found.ports.klaviyo}: "
            "stop it first with 'python -m sandbox stop', or leave --port and --klaviyo-port out.",
            FAILED,
        )
    else:
        _say(f"The sandbox is already running, as process {found.pid}.")
    _say(f"AWS is at {found.ports.endpoint}, Klaviyo at {found.ports.klaviyo_url}.")
    _say('Use it in this shell: eval "$(.venv/bin/python -m sandbox env)"')
    return DONE


def stop(home: Home, _: argparse.Namespace) -> int:
    """Stop the sandbox; what is in it is there again at the next start."""
    found = home.running()
    if found is None:
        _say(f"No sandbox runs from {home.directory}.")
        return DONE
    process.stop(home, found)
    _say(f"The sandbox (process {found.pid}) has stopped.")
    return DONE


def forget(home: Home, _: argparse.Namespace) -> int:
    """Remove all that the sandbox remembers, and the stacks deployed into it; it must not run."""
    found = home.running()
    if found:
        return _complain(f"The sandbox runs, as process {found.pid}: 'python -m sandbox stop' first.", FAILED)
    if not home.memory.exists():
        _say(f"Nothing is remembered in {home.directory}.")
        return DONE
    home.forget()
    _say("The next start begins anew.")
    return DONE


def clock(home: Home, options: argparse.Namespace) -> int:
    """Show the sandbox's clock, or move it ahead: what is due by then happens, and older credentials expire."""
    found = asking.running(home)
    if options.span:
        asked = {"seconds": read_span(options.span)}
        shown = asking.ask(home, found.ports.aws, "POST", "/_sandbox/clock", asked)
    else:
        shown = asking.ask(home, found.ports.aws, "GET", "/_sandbox/clock")
    if options.json:
        _say(json.dumps(shown))
        return DONE
    ahead = timedelta(seconds=round(shown["secondsAhead"]))
    _say(f"It is {datetime.fromtimestamp(shown['now'], UTC):%Y-%m-%dT%H:%M:%SZ} in the sandbox, {ahead} ahead.")
    if options.span:
        _say('Credentials may have expired: eval "$(.venv/bin/python -m sandbox env)"')
    return DONE


def status(home: Home, options: argparse.Namespace) -> int:
    """Say whether the sandbox runs, where, and which functions have processes; exit code 3 if it does not."""
    found = asking.running(home)
    state = {"pid": found.pid, **asking.ask(home, found.ports.aws, "GET", "/_sandbox/status")}
    if options.json:
        _say(json.dumps(state, indent=2))
        return DONE
    _say(f"The sandbox runs as process {found.pid}: AWS at {state['endpoint']}, Klaviyo at {state['klaviyoUrl']}.")
    _say(f"It has recorded {state['calls']} calls.")
    for function in state["functions"]:
        _say(f"The function {function['name']} is warm in process {function['pid']}.")
    return DONE


def env(home: Home, options: argparse.Namespace) -> int:
    """Print the variables with which the AWS CLI, boto3 and Pulumi use the sandbox."""
    found = asking.running(home)
    issued = asking.ask(home, found.ports.aws, "POST", "/_sandbox/credentials", {"bootstrap": _SIGN_INS[options.as_]})
    variables = {**shell.endpoints(found.ports), **shell.credentials(issued), **shell.pulumi(home)}
    sys.stdout.write(shell.show(variables, as_json=options.json))
    return DONE


def credentials(home: Home, options: argparse.Namespace) -> int:
    """Print what the platform hands to a service, or to whoever a role trusts: where AWS is, and credentials."""
    found = asking.running(home)
    role = options.role or stacks.service_role(home, options.stack, options.service)
    issued = asking.ask(home, found.ports.aws, "POST", "/_sandbox/credentials", {"role": role})
    variables = {**shell.endpoints(found.ports), **shell.credentials(issued)}
    if options.service:
        variables["KLAVIYO_ACCESS_ENVIRONMENT"] = options.stack
    sys.stdout.write(shell.show(variables, as_json=options.json))
    return DONE


def render(_: Home, options: argparse.Namespace) -> int:
    """Print the resources of a stack with their inputs, without deploying."""
    code: int = importlib.import_module("sandbox.render").main(options.stack, as_json=options.json)
    return code


def klaviyo_key(home: Home, options: argparse.Namespace) -> int:
    """Make private keys as Klaviyo's dashboard does, and print them, one a line; or disable one there."""
    found = asking.running(home)
    if options.disable:
        return _disable_key(home, found.ports.klaviyo, options.disable)
    for number in range(1, options.count + 1):
        name = options.name if options.count == 1 else f"{options.name} {number}"
        asked = {"name": name, "scopes": [scope.strip() for scope in options.scopes.split(",")]}
        _say(asking.ask(home, found.ports.klaviyo, "POST", "/sandbox/keys", asked)["key"])
    return DONE


def reading(home: Home, options: argparse.Namespace) -> int:
    """Show where AWS's documents allow two readings, and which one this sandbox follows; or choose one."""
    found = asking.running(home)
    if options.choice:
        asked = {options.point: options.choice}
        followed = asking.ask(home, found.ports.aws, "PATCH", "/_sandbox/readings", asked)
    else:
        followed = asking.ask(home, found.ports.aws, "GET", "/_sandbox/readings")
    if options.json:
        _say(json.dumps(followed, indent=2))
        return DONE
    for name, point in POINTS.items():
        if options.point in {None, name}:
            _say(f"{name}: {point.question}")
            for choice, meaning in point.readings.items():
                _say(f"  {'*' if followed[name] == choice else ' '} {choice}: {meaning}")
    return DONE


def _disable_key(home: Home, port: int, fingerprint: str) -> int:
    keys = asking.ask(home, port, "GET", "/sandbox/keys")
    ids = [key["id"] for key in keys if key["fingerprint"] == fingerprint]
    if not ids:
        return _complain(f"No key has the fingerprint {fingerprint}: 'klaviyo-access keys status' shows them.", FAILED)
    asking.ask(home, port, "PATCH", f"/sandbox/keys/{ids[0]}", {"status": "disabled"})
    _say(f"Disabled {fingerprint}: Klaviyo answers 401 to it from now on.")
    return DONE


def serve(home: Home, options: argparse.Namespace) -> int:
    """Be the process that ``start`` starts."""
    process.serve(home, options.descriptors)
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Command) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=run.__doc__, description=run.__doc__)
        command.set_defaults(run=run)
        return command

    starting = add("start", start)
    starting.add_argument("--port", type=int, help=f"AWS's port (default: {Ports.aws}; 0: a free one)")
    starting.add_argument("--klaviyo-port", type=int, help=f"Klaviyo's port (default: {Ports.klaviyo}; 0: a free one)")
    add("stop", stop)
    add("forget", forget)
    telling = add("clock", clock)
    telling.add_argument("span", nargs="?", help="how far ahead to move it, as in +31d (s, m, h, d or w)")
    telling.add_argument("--json", action="store_true", help="print one JSON document")
    printing = [add("status", status), add("env", env), add("credentials", credentials), add("render", render)]
    for command in printing:
        command.add_argument("--json", action="store_true", help="print one JSON document")
    printing[1].add_argument(
        "--as", dest="as_", choices=_SIGN_INS, default="deployer", help="who you are (default: %(default)s)"
    )
    whose = printing[2].add_mutually_exclusive_group(required=True)
    whose.add_argument("--service", help="a service of access.yaml")
    whose.add_argument("--role", metavar="ARN", help="the ARN of a role, with its path")
    printing[2].add_argument("--stack", default="local", help="the stack that has the service (default: %(default)s)")
    printing[3].add_argument("--stack", required=True, help="the stack's name, as in Pulumi.<stack>.yaml")
    making = add("klaviyo-key", klaviyo_key)
    what = making.add_mutually_exclusive_group(required=True)
    what.add_argument("--scopes", help="of new keys, comma separated, as in profiles:read,lists:write")
    what.add_argument("--disable", metavar="FINGERPRINT", help="of a key to disable")
    making.add_argument(
        "--name", default="made in the sandbox", help="as the dashboard shows it (default: %(default)s)"
    )
    making.add_argument("--count", type=int, default=1, help="how many (default: %(default)s)")
    choosing = add("reading", reading)
    choosing.add_argument("point", nargs="?", choices=POINTS, help="an open point (default: all are shown)")
    choosing.add_argument("choice", nargs="?", help="the reading to follow from now on")
    choosing.add_argument("--json", action="store_true", help="print one JSON document")
    serving = commands.add_parser("serve")
    serving.add_argument("descriptors", type=int, nargs=3)
    serving.set_defaults(run=serve)
    return parser


def _is_span(given: Sequence[str]) -> bool:
    """Whether what follows the command is a span backwards, and no option: it is refused with the reason."""
    return len(given) > 1 and given[1][:1] == "-" and given[1][1:2].isdigit()


def _or(given: int | None, otherwise: int) -> int:
    return otherwise if given is None else given


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _complain(message: str, code: int) -> int:
    sys.stderr.write(f"{message}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
