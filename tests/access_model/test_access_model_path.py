"""The access model is loaded from a path, written as a text too."""

from pathlib import Path

from klaviyo_access.access_model import AccessModel

FILE = Path(__file__).parents[2] / "access.yaml"


def test_a_path_may_be_a_text() -> None:
    assert AccessModel.load(str(FILE)) == AccessModel.load(FILE)
