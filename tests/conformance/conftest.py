"""The account of a test: a sandbox that is started for it, or, with ``-m aws``, the one of the ambient credentials."""

from collections.abc import Iterator

import pytest

from tests.conformance.account import Account, AwsAccount
from tests.conformance.citations import MARKERS, unfounded
from tests.conformance.sandbox_account import running_sandbox


def pytest_configure(config: pytest.Config) -> None:
    for line in MARKERS.values():
        config.addinivalue_line("markers", line)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test runs on the sandbox, or with ``-m aws`` on AWS."""
    if "account" in metafunc.fixturenames:
        on_aws = metafunc.config.getoption("markexpr") == "aws"
        place = pytest.param("aws", marks=pytest.mark.aws) if on_aws else "sandbox"
        metafunc.parametrize("account", [place], indirect=True, scope="package")


@pytest.fixture(scope="package")
def account(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """Where the test makes its secrets, keys and topics; see ``tests.conformance.account``."""
    if request.param == "aws":
        yield from _with_clean_up(AwsAccount())
        return
    with running_sandbox(tmp_path_factory.mktemp("conformance") / "home") as sandbox:
        yield from _with_clean_up(sandbox)


@pytest.fixture(autouse=True)
def _founded(request: pytest.FixtureRequest) -> None:
    """A behaviour that nothing says is no behaviour to hold."""
    service = getattr(request.module, "SERVICE", "secretsmanager")
    if problems := unfounded(request.node, service=service):
        pytest.fail("; ".join(problems))


def _with_clean_up(account: Account) -> Iterator[Account]:
    yield account
    if problems := account.clean_up():
        pytest.fail(f"Left behind in the account {account.prefix}: {'; '.join(problems)}")
