"""The reference in docs/: access.yaml, settings, components and commands, each page read off its code."""

from pathlib import Path
from typing import Final

from tools.reference.access_model import access_model_page
from tools.reference.commands import commands_page
from tools.reference.components import components_page
from tools.reference.settings import settings_page

FOLDER: Final = Path("docs/reference")


def reference_files(root: Path) -> dict[Path, str]:
    """The text of each page by its path below the project's root.

    Raises:
        DocumentationError: something that a page must show is not documented where it is defined.
    """
    return {
        FOLDER / "access-model.md": access_model_page(),
        FOLDER / "settings.md": settings_page(),
        FOLDER / "components.md": components_page(root / "components"),
        FOLDER / "commands.md": commands_page(),
    }
