"""What conformance tests rest on: the text of botocore's service models, checked to be there, or a rule with its place.

``@cites("PutSecretValue", "…")`` quotes the model of the operation, its parameters, its answer or its errors.
``@documented("…", "…")`` names a document of AWS and gives its rule.
"""

import html
import re
from collections.abc import Iterator
from functools import cache

import botocore.session
import pytest
from botocore.model import ListShape, MapShape, Shape, StructureShape

cites = pytest.mark.cites
documented = pytest.mark.documented


@cache
def model_text(service: str, operation: str) -> str:
    """All that botocore's model says about an operation, as plain text."""
    model = botocore.session.get_session().get_service_model(service).operation_model(operation)
    shapes = [model.input_shape, model.output_shape, *model.error_shapes]
    texts = [model.documentation, *(text for shape in shapes if shape for text in _texts(shape, ()))]
    return " ".join(_plain(text) for text in texts)


def unfounded(item: pytest.Item, *, service: str) -> list[str]:
    """What a test cites that the installed model does not say, or that it cites nothing."""
    marks = [*item.iter_markers("cites")]
    missing = [
        f"botocore's model of {mark.args[0]} does not say: {mark.args[1]}"
        for mark in marks
        if _plain(mark.args[1]) not in model_text(mark.kwargs.get("service", service), mark.args[0])
    ]
    if not marks and not [*item.iter_markers("documented")] and not (getattr(item, "obj", None) or item).__doc__:
        missing.append("the test cites neither botocore's model nor a document")
    return missing


def _texts(shape: Shape, above: tuple[str, ...]) -> Iterator[str]:
    if shape.name in above:
        return
    yield shape.documentation
    if isinstance(shape, StructureShape):
        for member in shape.members.values():
            yield from _texts(member, (*above, shape.name))
    elif isinstance(shape, ListShape):
        yield from _texts(shape.member, (*above, shape.name))
    elif isinstance(shape, MapShape):
        yield from _texts(shape.value, (*above, shape.name))


def _plain(text: str) -> str:
    """The text without markup; spaces before punctuation are the markup's."""
    spaced = re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", "", text)))
    return spaced.strip()
