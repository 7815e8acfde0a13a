"""The page of components: inputs and outputs of each, read as syntax, without loading Pulumi."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from tools.reference.docstrings import Docstring, DocumentationError
from tools.reference.markdown import WRITTEN_BY, anchor, code, page, plain, table

_WHOLE: Final = "KlaviyoAccess"
_INTRODUCTION: Final = f"""\
`{_WHOLE}` is the whole of one environment, and what `__main__.py` builds; it makes all others, each of which can be
built by itself. Every component takes a name, its args and Pulumi's options: `{_WHOLE}("klaviyo", {_WHOLE}Args(…))`.
Args are frozen dataclasses whose arguments are given by name."""


def components_page(folder: Path) -> str:
    """The page's text, from the modules in ``folder``.

    Raises:
        DocumentationError: a component has no args class beside it, or an input or output is not explained.
    """
    classes = {node.name: node for path in sorted(folder.rglob("*.py")) for node in _classes(path)}
    found = sorted((name for name in classes if _is_component(classes[name])), key=lambda name: (name != _WHOLE, name))
    args = {name: _args_of(name, classes) for name in found}
    values = [name for name in _values(args.values(), classes) if name.removesuffix("Args") not in found]
    return page(
        "# Components",
        WRITTEN_BY,
        _INTRODUCTION,
        *(_component(classes[name], args[name], values) for name in found),
        "## Values",
        "What args are made of.",
        *(_value(classes[name], values) for name in values),
    )


def _classes(path: Path) -> Iterator[ast.ClassDef]:
    tree = ast.parse(path.read_text("utf-8"))
    return (node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_"))


def _is_component(node: ast.ClassDef) -> bool:
    return any(ast.unparse(base).endswith("ComponentResource") for base in node.bases)


def _explains(node: ast.ClassDef) -> bool:
    is_dataclass = any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list)
    return is_dataclass and "Attributes" in Docstring.parse(ast.get_docstring(node)).sections


def _args_of(component: str, classes: Mapping[str, ast.ClassDef]) -> ast.ClassDef:
    if f"{component}Args" not in classes:
        raise DocumentationError(f"{component}: what it is made of must be a dataclass {component}Args beside it.")
    return classes[f"{component}Args"]


def _fields(node: ast.ClassDef) -> dict[str, ast.AnnAssign]:
    return {
        each.target.id: each
        for each in node.body
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
    }


def _values(roots: Iterable[ast.ClassDef], classes: Mapping[str, ast.ClassDef]) -> list[str]:
    """The dataclasses that the args hold, and those which these hold, sorted; of those that explain their fields."""
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        for field in _fields(waiting.pop()).values():
            named = {each.id for each in ast.walk(field.annotation) if isinstance(each, ast.Name)}
            new = {name for name in named - found if name in classes and _explains(classes[name])}
            found |= new
            waiting += [classes[name] for name in sorted(new)]
    return sorted(found)


def _component(node: ast.ClassDef, args: ast.ClassDef, values: Iterable[str]) -> str:
    about = Docstring.parse(ast.get_docstring(node))
    outputs = _fields(node)
    meanings = about.meanings("Outputs", outputs, of=node.name)
    rows = [[code(name), code(ast.unparse(outputs[name].annotation)), plain(meanings[name])] for name in outputs]
    blocks = [f"## {node.name}", *map(plain, about.paragraphs), _inputs(args, values)]
    return "\n\n".join([*blocks, *([table(["output", "type", "what"], rows)] if rows else [])])


def _value(node: ast.ClassDef, values: Iterable[str]) -> str:
    paragraphs = Docstring.parse(ast.get_docstring(node)).paragraphs
    return "\n\n".join([f"### {node.name}", *map(plain, paragraphs), _inputs(node, values)])


def _inputs(node: ast.ClassDef, values: Iterable[str]) -> str:
    fields = _fields(node)
    meanings = Docstring.parse(ast.get_docstring(node)).meanings("Attributes", fields, of=node.name)
    rows = []
    for name, field in fields.items():
        kind = ast.unparse(field.annotation)
        shown = f"[{code(kind)}]({anchor(kind)})" if kind in values else code(kind)
        rows.append([code(name), shown, "" if field.value is None else code(ast.unparse(field.value)), meanings[name]])
    return table(["input", "type", "default", "what"], [[*row[:3], plain(row[3])] for row in rows])
