"""Small wrong changes of a module: what a slip of the hand, or a bad idea, could make of its rules.

Of every module: conditions, comparisons, sets, loops and bounds are turned around or left out, and one argument is
taken for another. Of a module with IAM documents also: effects, operators, keys, actions, principals, resources,
statements.
"""

import ast
import copy
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

_OTHER_OPERATORS: Final[Mapping[type[ast.AST], type[ast.AST]]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Sub: ast.BitOr,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_OTHER_WORDS: Final[Mapping[str, str]] = {
    "Allow": "Deny",
    "Deny": "Allow",
    "StringEquals": "StringNotEquals",
    "StringNotEquals": "StringEquals",
    "StringLike": "StringNotLike",
    "ArnEquals": "ArnNotEquals",
    "ArnLike": "ArnNotLike",
    "Bool": "Null",
    "BoolIfExists": "Bool",
    "Null": "Bool",
    "true": "false",
    "false": "true",
    "*": "none",
}
_OTHER_NAMES: Final[Mapping[str, str]] = {"any": "all", "all": "any", "sorted": "list"}
_ACTION: Final = re.compile(r"[a-z0-9]+:[A-Z]\w*\*?")
_SID: Final = re.compile(r"[A-Z]\w+")
_EFFECTS_AND_OPERATORS: Final = frozenset({*_OTHER_WORDS, "AWS", "Service", "Federated"})


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """One change.

    Attributes:
        name: function and change in words, whatever line it stands on; unique in its module.
        line: where it is.
        apply: makes it in the tree in which it was found.
    """

    name: str
    line: int
    apply: Callable[[], None]


def mutations(tree: ast.Module, *, documents: bool) -> list[Mutation]:
    """Every change of a module.

    Args:
        tree: the module.
        documents: it holds IAM documents, so that their words are changed too.
    """
    found = []
    seen: Counter[str] = Counter()
    fields = _siblings(tree)
    for place, slot in _slots(tree, "", {}):
        changes = [
            *_logic(slot.node),
            *_values(slot.node),
            *_mistaken(slot.node, place.arguments, fields),
            *_left_out(slot),
        ]
        if documents:
            changes += _of_documents(slot)
        for said, new in changes:
            name = f"{place.function}: {said}"
            seen[name] += 1
            name = f"{name} ({seen[name]})" if seen[name] > 1 else name
            found.append(Mutation(name=name, line=slot.line, apply=slot.applying(new)))
    return found


Change: TypeAlias = tuple[str, ast.AST | None]
"""The change in words, and what comes in the old node's place; nothing where it is left out."""


@dataclass(frozen=True)
class _Place:
    """The function that a node is in, and for each of its arguments another of the same kind."""

    function: str
    arguments: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class _Slot:
    """A node, and what holds it."""

    node: ast.AST
    holder: ast.AST
    field: str
    index: int | None
    line: int

    def applying(self, new: ast.AST | None) -> Callable[[], None]:
        def apply() -> None:
            held = getattr(self.holder, self.field)
            if self.index is None:
                setattr(self.holder, self.field, new)
            elif new is not None:
                held[self.index] = new
            else:
                del held[self.index]
                if isinstance(self.holder, ast.Dict):
                    del self.holder.keys[self.index]

        return apply


def _slots(node: ast.AST, function: str, arguments: Mapping[str, str]) -> Iterator[tuple[_Place, _Slot]]:
    """Every node of a tree that decides something: no docstring, no annotation, no import."""
    for field, value in ast.iter_fields(node):
        if _is_of_the_form(node, field):
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or isinstance(child, (ast.Import, ast.ImportFrom)) or _is_text(child):
                continue
            place = _Place(function or "module", arguments)
            line = getattr(child, "lineno", getattr(node, "lineno", 0))
            yield place, _Slot(node=child, holder=node, field=field, index=index, line=line)
            inner, others = function, arguments
            if isinstance(child, (Function, ast.ClassDef)):
                inner = f"{function}.{child.name}".lstrip(".")
                others = _exchanged(child) if isinstance(child, Function) else {}
            yield from _slots(child, inner, others)


def _is_of_the_form(node: ast.AST, field: str) -> bool:
    """Types, decorators, and reasons by the names of statements."""
    if isinstance(node, ast.AnnAssign):
        return field == "annotation" or ast.unparse(node.annotation) == "Final[Mapping[str, str]]"
    if isinstance(node, ast.Subscript):
        return field == "slice" and isinstance(node.slice, ast.Tuple)
    return field in {"annotation", "returns", "decorator_list"}


def _is_text(node: ast.AST) -> bool:
    """A docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _logic(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.Compare(ops=[operator]) if type(operator) in _OTHER_OPERATORS:
            yield _other(node, ops=[_OTHER_OPERATORS[type(operator)]()])
        case ast.BoolOp(op=operator):
            yield _other(node, op=_OTHER_OPERATORS[type(operator)]())
            yield from ((f"{_said(node)} without {_said(each)}", _without(node, each)) for each in node.values)
        case ast.BinOp(op=operator) if type(operator) in _OTHER_OPERATORS:
            yield _other(node, op=_OTHER_OPERATORS[type(operator)]())
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield f"{_said(node)} → {_said(operand)}", operand
        case ast.If(test=test):
            yield f"if {_said(test)} → if not", _other(node, test=ast.UnaryOp(ast.Not(), test))[1]
        case ast.IfExp(body=body, orelse=orelse):
            yield f"{_said(node)} → {_said(body)}", body
            yield f"{_said(node)} → {_said(orelse)}", orelse
        case ast.comprehension(ifs=[condition]):
            yield f"for {_said(node.target)} if {_said(condition)} → for all", _other(node, ifs=[])[1]


def _values(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.Name(id=name) if name in _OTHER_NAMES:
            yield _other(node, id=_OTHER_NAMES[name])
        case ast.Constant(value=bool() as value):
            yield _other(node, value=not value)
        case ast.Constant(value=int() as value):
            yield _other(node, value=value + 1)


def _left_out(slot: _Slot) -> Iterator[Change]:
    """Steps of a check, parts of a list or mapping, statements of a document, and conditions."""
    node, holder = slot.node, slot.holder
    match holder:
        case ast.FunctionDef() | ast.If() | ast.For() if slot.field == "body" and isinstance(node, ast.Expr):
            yield f"without {_said(node)}", ast.Pass()
        case ast.List() | ast.Tuple() | ast.Set() if slot.field == "elts" and not isinstance(node, ast.Constant):
            if not isinstance(getattr(holder, "ctx", None), ast.Store):
                yield f"{_said(holder)} without {_said(node)}", None
        case ast.Dict() if slot.field == "values":
            key = holder.keys[slot.index or 0]
            yield f"{_said(holder)} without {_said(key) if key else _said(node)}", None
        case ast.Call(func=ast.Name(id="document")) if slot.field == "args":
            yield f"document without {_said(node)}", None
        case ast.Call() if slot.field == "args" and _is_condition(holder, node):
            yield f"{_said(holder.func)} without {_said(node)}", None


def _is_condition(call: ast.Call, node: ast.AST) -> bool:
    return node is call.args[-1] and (
        isinstance(node, ast.Dict) or (isinstance(node, ast.Name) and node.id in _CONDITIONS)
    )


_CONDITIONS: Final = frozenset({"condition", "of_the_trail", "by_owner", "theirs"})


def _of_documents(slot: _Slot) -> Iterator[Change]:
    node, holder = slot.node, slot.holder
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and not _decides_nothing(slot):
        text = node.value
        if _ACTION.fullmatch(text) and not isinstance(holder, ast.Dict):
            yield _other(node, value=f"{text.partition(':')[0]}:*")
            yield _other(node, value=text[:-1] if text.endswith("*") else f"{text}X")
        elif isinstance(holder, ast.JoinedStr):
            yield _other(node, value=f"{text}x")
        else:
            yield _other(node, value=_OTHER_WORDS.get(text, f"{text}x"))
    if isinstance(node, ast.FormattedValue):
        yield f"{_said(holder)} with * for {_said(node.value)}", ast.Constant("*")
    if isinstance(holder, ast.Call) and slot.field == "args" and slot.index == 2 and _is_resources(holder, node):
        yield f"{_said(node)} → ['*']", ast.List([ast.Constant("*")], ast.Load())
    if _is_resource(holder, slot) and ast.unparse(node) != "'*'":
        yield f"{_said(node)} → '*'", ast.Constant("*")


def _is_resources(call: ast.Call, node: ast.AST) -> bool:
    """Whether it is the Resource of a statement that allows."""
    return isinstance(call.func, ast.Name) and call.func.id == "allow" and ast.unparse(node) != "['*']"


def _decides_nothing(slot: _Slot) -> bool:
    """A statement's name, prose, and the reasons of statements by their name."""
    node, holder = slot.node, slot.holder
    text = str(node.value) if isinstance(node, ast.Constant) else ""
    if " " in text or not text:
        return True
    return bool(_SID.fullmatch(text)) and text not in _EFFECTS_AND_OPERATORS and not _is_element(holder, slot)


def _is_element(holder: ast.AST, slot: _Slot) -> bool:
    """The name of an element, such as Action: a key of a statement; without it there is no document."""
    return isinstance(holder, ast.Dict) and slot.field == "keys" and _key(holder, slot.index) in _OTHER_WORDS


def _is_resource(holder: ast.AST, slot: _Slot) -> bool:
    return isinstance(holder, ast.Dict) and slot.field == "values" and _key(holder, slot.index) == "Resource"


def _key(mapping: ast.Dict, index: int | None) -> object:
    key = mapping.keys[index or 0]
    return key.value if isinstance(key, ast.Constant) else None


def _mistaken(node: ast.AST, arguments: Mapping[str, str], fields: Mapping[str, str]) -> Iterator[Change]:
    """One argument or attribute for another of the same kind."""
    match node:
        case ast.Name(id=name, ctx=ast.Load()) if name in arguments:
            yield _other(node, id=arguments[name])
        case ast.Attribute(attr=name, ctx=ast.Load()) if name in fields:
            yield _other(node, attr=fields[name])


def _exchanged(function: Function) -> dict[str, str]:
    """For each argument the next one with the same annotation."""
    arguments = function.args
    kinds: dict[str, list[str]] = {}
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        if argument.annotation is not None:
            kinds.setdefault(ast.unparse(argument.annotation), []).append(argument.arg)
    return _next_ones(kinds)


def _siblings(tree: ast.Module) -> dict[str, str]:
    """For each field of the module's classes the next one with the same annotation."""
    kinds: dict[str, list[str]] = {}
    for each in ast.walk(tree):
        if isinstance(each, ast.ClassDef):
            for field in each.body:
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                    kinds.setdefault(f"{each.name}: {ast.unparse(field.annotation)}", []).append(field.target.id)
    return _next_ones(kinds)


def _next_ones(kinds: Mapping[str, list[str]]) -> dict[str, str]:
    return {
        name: names[(position + 1) % len(names)]
        for names in kinds.values()
        if len(names) > 1
        for position, name in enumerate(names)
    }


def _other(node: ast.AST, **changed: object) -> tuple[str, ast.AST]:
    """A copy of a node with other fields, and the change in words."""
    new = copy.copy(node)
    for name, value in changed.items():
        setattr(new, name, value)
    return f"{_said(node)} → {_said(new)}", new


def _without(node: ast.BoolOp, operand: ast.expr) -> ast.AST:
    rest = [each for each in node.values if each is not operand]
    return rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)


def _said(node: ast.AST) -> str:
    """A node as it is written, in one line and not too long."""
    text = " ".join(ast.unparse(node).split()) if not isinstance(node, ast.comprehension) else ""
    return text if len(text) <= 70 else f"{text[:45]}…{text[-20:]}"
