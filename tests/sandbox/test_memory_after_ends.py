"""What a caller was told outlives every end of the sandbox's process."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.ended_sandbox import Process
from tests.sandbox.remembered_stories import STORIES, Story


@pytest.fixture(scope="module", params=[signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def ended(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Process, Any]]:
    """A sandbox in which every story has happened, ended and started again; with what was seen before."""
    process = Process(tmp_path_factory.mktemp("ended") / "home")
    process.start()
    seen = {}
    for story in STORIES:
        story.happens(process)
        seen[story.name] = story.look(process)
    process.end(request.param)
    process.start()
    yield process, seen
    process.run("stop")


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_it_is_there_again(ended: tuple[Process, Any], story: Story) -> None:
    process, seen = ended
    assert story.look(process) == seen[story.name]
