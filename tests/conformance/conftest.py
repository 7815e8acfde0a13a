"""The account of a test: a sandbox that is started for it, or, with ``-m aws``, the one of the ambient credentials.

Tests marked ``every_reading`` run on the sandbox once for each choice of readings of the open points; what a run on AWS
has settled of them is in pytest's summary.
"""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from sandbox.aws.secrets_manager.readings import POINTS, choices
from tests.conformance.account import Account, AwsAccount
from tests.conformance.citations import unfounded
from tests.conformance.rotations import Rotator, deploy
from tests.conformance.sandbox_account import SandboxAccount, running_sandbox
from tests.conformance.secret import Secret, create

CHOICES: Final = choices()
SETTLED: Final = "settled"
"""The property of a test's report that says what it saw of an open point: reports reach pytest from any process."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test runs on the sandbox, under as many readings as it is marked for; or with ``-m aws`` on AWS."""
    if "account" not in metafunc.fixturenames:
        return
    if metafunc.config.getoption("markexpr") == "aws":
        metafunc.parametrize("account", [pytest.param("aws", marks=pytest.mark.aws)], indirect=True, scope="package")
        return
    settled = [mark.args[0] for mark in metafunc.definition.iter_markers("settles")]
    every = len(CHOICES) if [*metafunc.definition.iter_markers("every_reading")] else 1
    number = max([every, *(len(POINTS[point].readings) for point in settled)])
    ids = [f"reading {place}" for place in range(1, number + 1)] if number > 1 else ["sandbox"]
    metafunc.parametrize("account", range(number), ids=ids, indirect=True, scope="package")


@pytest.fixture(scope="package")
def _sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxAccount]:
    with running_sandbox(tmp_path_factory.mktemp("conformance") / "home") as sandbox:
        yield sandbox


@pytest.fixture(scope="package")
def account(request: pytest.FixtureRequest) -> Iterator[Account]:
    """Where the test makes its secrets, keys and topics; see ``tests.conformance.account``."""
    account: Account
    if request.param == "aws":
        account = AwsAccount()
    else:
        sandbox: SandboxAccount = request.getfixturevalue("_sandbox")
        sandbox.follow(CHOICES[request.param])
        account = sandbox
    yield account
    if problems := account.clean_up():
        pytest.fail(f"Left behind in the account, below {account.prefix}: {'; '.join(problems)}")


@pytest.fixture
def client(account: Account) -> Any:
    """A boto3 client of Secrets Manager."""
    return account.client("secretsmanager")


@pytest.fixture
def empty(account: Account) -> Secret:
    """A secret without a value."""
    return create(account)


@pytest.fixture
def secret(account: Account) -> Secret:
    """A secret with the value "first"."""
    return create(account, SecretString="first")


@pytest.fixture(scope="package")
def rotator(account: Account) -> Rotator:
    """What rotates secrets."""
    return Rotator(account=account, arn=deploy(account))


@pytest.fixture(autouse=True)
def _tidy(request: pytest.FixtureRequest) -> Iterator[None]:
    """Remove a test's own secrets at its end: a clock that moves would rotate them."""
    if not [*request.node.iter_markers("every_reading")] or "account" not in request.fixturenames:
        yield
        return
    account: Account = request.getfixturevalue("account")
    if "rotator" in request.fixturenames:
        request.getfixturevalue("rotator")
    before = account.made
    yield
    if problems := account.clean_up(down_to=before):
        pytest.fail(f"Left behind in the account: {'; '.join(problems)}")


@pytest.fixture(autouse=True)
def _founded(request: pytest.FixtureRequest) -> None:
    """A behaviour that nothing says is no behaviour to hold."""
    if "account" not in request.fixturenames:
        return
    service = getattr(request.module, "SERVICE", "secretsmanager")
    if problems := unfounded(request.node, service=service):
        pytest.fail("; ".join(problems))


@pytest.fixture(autouse=True)
def _settling(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a test on AWS saw of an open point goes into its report."""
    yield
    account = request.node.funcargs.get("account")
    if isinstance(account, AwsAccount):
        request.node.user_properties += [(SETTLED, settled) for settled in account.settled.items()]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what a run on AWS has settled."""
    if config.getoption("markexpr") != "aws":
        return
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    told = [value for report in reports for name, value in getattr(report, "user_properties", ()) if name == SETTLED]
    terminalreporter.section("open points on AWS")
    for name, point in POINTS.items():
        seen = [
            f"{point.readings[reading]} ({reading})" for reading in sorted({two for one, two in told if one == name})
        ]
        terminalreporter.write_line(f"{name}: {point.question} {'; '.join(seen) or 'not settled by this run'}")
