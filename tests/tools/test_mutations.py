"""The mutator finds the changes that matter, each makes a module that differs, and every document is its subject."""

import ast
import re
from pathlib import Path

import pytest

from tools.mutate import SUBJECTS, Verdict, complaints
from tools.mutations import Mutation, mutations

PROJECT = Path(__file__).parents[2]

DOCUMENT = '''
def policy(reader, *, ours: str, theirs: str):
    """Prose."""
    deny = {"Sid": "NoOther", "Effect": "Deny", "Condition": {"StringNotEquals": {"aws:PrincipalArn": reader}}}
    return document(deny, allow("ReadIt", ["kms:Decrypt"], [f"{ours}/*"], {"Bool": {"aws:x": "true"}}))
'''
CHANGED = [
    "'Deny' → 'Allow'",
    "'StringNotEquals' → 'StringEquals'",
    "'aws:PrincipalArn' → 'aws:PrincipalArnx'",
    "'true' → 'false'",
    "'kms:Decrypt' → 'kms:*'",
    "'kms:Decrypt' → 'kms:DecryptX'",
    "[f'{ours}/*'] → ['*']",
    "f'{ours}/*' with * for ours",
    "ours → theirs",
    "document without deny",
    "allow without {'Bool': {'aws:x': 'true'}}",
    "{'StringNotEquals': {'aws:PrincipalArn': reader}} without 'StringNotEquals'",
]

RULES = """
def check(names, known, *, most: int = 3):
    if not names or len(names) > most:
        yield "wrong"
    return any(name in known for name in names if name)
"""
TURNED = [
    "if not names or len(names) > most → if not",
    "not names or len(names) > most → not names and len(names) > most",
    "not names or len(names) > most without not names",
    "not names → names",
    "len(names) > most → len(names) >= most",
    "without yield 'wrong'",
    "any → all",
    "name in known → name not in known",
    "for name if name → for all",
]


@pytest.mark.parametrize(("text", "expected"), [(DOCUMENT, CHANGED), (RULES, TURNED)], ids=["documents", "rules"])
def test_a_module_is_changed_in_every_way_that_matters(text: str, expected: list[str]) -> None:
    found = [mutation.name.partition(": ")[2] for mutation in mutations(ast.parse(text), documents=text == DOCUMENT)]
    assert sorted(set(expected) - set(found)) == []


@pytest.mark.parametrize("text", [DOCUMENT, RULES], ids=["documents", "rules"])
def test_each_change_makes_another_module_that_compiles(text: str) -> None:
    for number, mutation in enumerate(mutations(ast.parse(text), documents=True)):
        tree = ast.parse(text)
        mutations(tree, documents=True)[number].apply()
        assert ast.unparse(ast.fix_missing_locations(tree)) != ast.unparse(ast.parse(text)), mutation.name
        compile(tree, "changed", "exec")


def test_names_of_statements_and_prose_are_left_alone() -> None:
    names = [mutation.name for mutation in mutations(ast.parse(DOCUMENT), documents=True)]
    assert not [name for name in names if "'NoOther' →" in name or "'ReadIt' →" in name or "Prose" in name]


def test_every_name_is_of_one_change() -> None:
    for subject in SUBJECTS:
        names = [mutation.name for mutation in subject.changes()]
        assert len(set(names)) == len(names), subject.path


HELD_ELSEWHERE = {
    "components/functions/redeployment.py": "built beside its Lambda; test_redeployment.py names each statement",
    "components/alerts/far_watch.py": "built beside its rule; test_far_readers.py names its one statement",
}


def test_every_module_with_iam_documents_is_changed() -> None:
    texts = {path: path.read_text("utf-8") for path in (PROJECT / "components").rglob("*.py")}
    holding = {
        path.relative_to(PROJECT).as_posix()
        for path, text in texts.items()
        if '"Effect"' in text or re.search(r"\ballow\(", text)
    }
    assert holding - HELD_ELSEWHERE.keys() == {subject.path for subject in SUBJECTS if subject.documents}


@pytest.mark.parametrize(
    ("survived", "listed", "said"),
    [
        (True, False, ["no test sees it"]),
        (True, True, []),
        (False, True, ["a test sees it now"]),
        (False, False, []),
    ],
)
def test_what_is_listed_and_what_survives_are_the_same(survived: bool, listed: bool, said: list[str]) -> None:
    mutation = Mutation(name="f: a → b", line=3, apply=lambda: None)
    verdict = Verdict(path="m.py", mutation=mutation, survived=survived)
    lines = list(complaints([verdict], {"m.py": {"f: a → b": "reason"}} if listed else {}))
    assert [part for line, part in zip(lines, said, strict=True) if part in line] == said
