"""A whole run of a role's keys, much that can go wrong among it: no key is left where somebody could read it.

What is looked at, and what not: ``leftovers``. How keys are looked for: ``key_hunt``. ``decoys`` show that it sees each
place and each encoding.
"""

import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from klaviyo_access.keys.secret import fingerprint
from tests.end_to_end.decoys import ENCODINGS, Decoys
from tests.end_to_end.deployed import PROJECT, Deployed
from tests.end_to_end.key_hunt import Hunt
from tests.end_to_end.key_run import ROLE, SERVICE, Run
from tests.end_to_end.leftovers import Leftovers

pytestmark = pytest.mark.end_to_end


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_hunt_finds_a_key_in_each_encoding(encoding: str) -> None:
    digits = secrets.token_hex(17)
    assert Hunt({"it": f"pk_{digits}"}).find(f"before {ENCODINGS[encoding](digits)} after") == {"it"}
    assert Hunt({"it": f"pk_{digits}"}).find(f"before {ENCODINGS[encoding](secrets.token_hex(17))} after") == set()


@pytest.fixture
def cleaning() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def run(deployed: Deployed, cleaning: ExitStack) -> Run:
    leftovers = Leftovers(deployed)
    leftovers.listen(cleaning)
    made = Run(deployed, leftovers)
    made.know_stored_keys()
    return made


class Service:
    """A service of the role, which logs all that it can, and calls Klaviyo whenever it is asked to."""

    def __init__(self, run: Run, cleaning: ExitStack) -> None:
        self._run = run
        self._process = cleaning.enter_context(
            subprocess.Popen(
                [sys.executable, "-c", SERVICE],
                cwd=PROJECT,
                env={**run.deployed.environ, **run.deployed.as_service("app-api")},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )

    def serve(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            self._run.leftovers.outputs.append(line)
            if line == "served\n":
                return
        raise AssertionError("the service ended")

    def crash(self) -> None:
        """Let an error end it that nothing catches."""
        said, _ = self._process.communicate(timeout=30)
        assert "Traceback (most recent call last)" in said
        assert self._process.returncode == 1
        self._run.leftovers.outputs.append(said)


def go_through_it_all(run: Run, cleaning: ExitStack) -> None:
    """A key's whole life, with what goes wrong in one."""
    run.deployed.use_up_spares(ROLE)
    run.put_malformed()
    assert run.operate("keys", "rotate", ROLE, "--yes").returncode == 1
    run.audit()
    run.misuse_commands()
    service = Service(run, cleaning)
    service.serve()
    poor, first, second = run.new_key("poor", "accounts:read"), run.new_key("first"), run.new_key("second")
    before = run.current()
    run.succeed("stage", ROLE, stdin=f"{poor}\n{first}\n{second}\n")
    run.succeed("rotate", ROLE, "--yes")
    assert run.current() == fingerprint(first)
    run.succeed("retire", ROLE, before, "--yes")
    service.serve()
    run.succeed("rotate", ROLE, "--yes")
    run.succeed("rollback", ROLE, "--yes")
    assert run.current() == fingerprint(first)
    service.serve()
    run.succeed("stage", ROLE, "--probe", stdin=run.new_key("third"))
    run.succeed("leaked", "--yes", stdin=first)
    service.serve()
    run.send_forged_events()
    run.succeed("stage", ROLE, stdin=run.new_key("for those who come next"))
    for reading in (("keys", "status"), ("permissions",), ("scopes", "--role", ROLE)):
        run.operate(*reading, "--json")
    run.leftovers.outputs.append(run.deployed.run("-m", "sandbox", "render", "--stack", "local", "--json").stdout)
    service.crash()


def test_no_key_is_left_where_somebody_could_read_it(run: Run, cleaning: ExitStack) -> None:
    go_through_it_all(run, cleaning)
    run.know_stored_keys()
    decoys = Decoys(run.leftovers, cleaning)
    decoys.plant()
    hunt = Hunt(run.keys | {place: f"pk_{digits}" for place, digits in decoys.of.items()})
    found = {place: hunt.find(text) for place, text in run.leftovers.collect().items()}
    assert {place: names & run.keys.keys() for place, names in found.items()} == {place: set() for place in found}
    assert {place for place, names in found.items() if place not in names} == set()
    assert "answers' logs" in found["answers"]
    assert len(run.keys) > 10
