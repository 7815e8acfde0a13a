"""The generated reference: what must be explained where it is defined, and that nothing is left out."""

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from components.settings import unknown_settings
from klaviyo_access.access_model.environment import PROJECT
from klaviyo_access.cli.app import app
from klaviyo_access.cli.errors import ExitCode
from klaviyo_access.cli.main import PROGRAM
from tools.reference.commands import commands, commands_page
from tools.reference.components import components_page
from tools.reference.docstrings import Docstring, DocumentationError
from tools.reference.settings import settings_page

DOCUMENTED = """
    A lamp,
    on a desk.

    It shines.

    Attributes:
        watts: how much it takes,
            in watts.
        colour: ``warm`` or ``cold``.
    """

LAMP = '''
@dataclass(frozen=True, kw_only=True)
class LampArgs:
    """What a `Lamp` is made of.

    Attributes:
        watts: how much it takes, or None.
    """

    watts: int | None = None


class Lamp(pulumi.ComponentResource):
    """Shines.

    Outputs:
        arn: ARN of the lamp.
    """

    arn: pulumi.Output[str]
'''

UNEXPLAINED = {
    "an input without a word": ("    watts: int", "    volts: int\n    watts: int", "must explain volts"),
    "an input that is gone": ("        watts: how", "        volts: how\n        watts: how", "explains volts"),
    "an output without a word": ("    arn: pulumi", "    id: str\n    arn: pulumi", "must explain id"),
    "a component without args": ("class LampArgs", "class LampInputs", "a dataclass LampArgs beside it"),
}


def test_a_docstring_is_paragraphs_and_what_each_name_means() -> None:
    docstring = Docstring.parse(DOCUMENTED)
    assert docstring.paragraphs == ("A lamp, on a desk.", "It shines.")
    assert docstring.sections == {
        "Attributes": {"watts": "how much it takes, in watts.", "colour": "``warm`` or ``cold``."}
    }
    assert Docstring.parse(None) == Docstring(paragraphs=(), sections={})


def test_a_component_is_shown_with_its_inputs_and_outputs(tmp_path: Path) -> None:
    (tmp_path / "lamp.py").write_text(LAMP)
    page = components_page(tmp_path)
    assert "## Lamp\n\nShines.\n" in page
    assert "| `watts` | `int \\| None` | `None` | how much it takes, or None. |" in page
    assert "| `arn` | `pulumi.Output[str]` | ARN of the lamp. |" in page


@pytest.mark.parametrize(("old", "new", "message"), UNEXPLAINED.values(), ids=UNEXPLAINED)
def test_a_component_that_is_not_explained_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    (tmp_path / "lamp.py").write_text(LAMP.replace(old, new))
    with pytest.raises(DocumentationError, match=message):
        components_page(tmp_path)


def test_every_setting_is_on_the_page_and_no_other() -> None:
    tables = settings_page().partition("## oauthApp")[0]
    shown = set(re.findall(r"^\| `([\w:]+)`", tables, re.MULTILINE)) - {"aws:region"}
    unknown_settings("dev", {f"{PROJECT}:{setting}": "" for setting in shown})
    with pytest.raises(Exception, match="known: ") as refused:
        unknown_settings("dev", {f"{PROJECT}:zzzzzzzzzzzz": ""})
    assert shown == set(str(refused.value).rpartition("known: ")[2].split(", "))


def test_every_command_and_exit_code_is_on_the_page() -> None:
    page = commands_page()
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    names = [name for name, _ in commands(root, PROGRAM)]
    assert re.findall(r"^## (klaviyo-access .+)$", page, re.MULTILINE) == names
    assert {f"{PROGRAM} {word}" for word in ("scopes", "doctor", "keys rotate", "audit verify")} <= set(names)
    assert re.findall(r"^\| `(\d+)` \|", page, re.MULTILINE) == [str(int(code)) for code in ExitCode]


def test_every_example_of_a_command_is_one_that_it_takes() -> None:
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    for name, command in commands(root, PROGRAM):
        for example in re.findall(r"^Example: (.+)$", command.help or "", re.MULTILINE):
            words = shlex.split(example.partition(" > ")[0])
            assert words[: len(name.split())] == name.split()
            command.make_context(name, words[len(name.split()) :])
