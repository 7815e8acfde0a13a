"""A wrong access.yaml is refused with every mistake named: line, rule, value, reason and fix."""

from pathlib import Path

import pytest

from klaviyo_access.access_model import AccessModel, AccessModelError, Problem
from klaviyo_access.access_model.rules import NO_KEY
from tests.access_model.refused_cases import CASES, RIGHT, Case


def problems(directory: Path, text: str) -> tuple[Problem, ...]:
    path = directory / "access.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(AccessModelError) as caught:
        AccessModel.load(path)
    return caught.value.problems


def line_of(text: str, mark: str = "# here") -> int:
    return next(number for number, line in enumerate(text.splitlines(), start=1) if mark in line)


def changed(case: Case) -> str:
    text = RIGHT
    for old, new in case.changes.items():
        assert text.count(old) >= 1, f"the table changes {old!r}, which the right file does not have"
        text = text.replace(old, new, 1)
    return text


def test_the_file_that_the_cases_change_is_right(tmp_path: Path) -> None:
    (tmp_path / "access.yaml").write_text(RIGHT, "utf-8")

    assert AccessModel.load(tmp_path / "access.yaml").in_environment("prod").roles["sender"].scopes == (
        "accounts:read",
        "campaigns:write",
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_one_mistake_is_one_problem_with_its_line_and_its_fix(tmp_path: Path, case: Case) -> None:
    text = changed(case)

    (problem,) = problems(tmp_path, text)

    assert (problem.line, problem.rule, problem.why) == (line_of(text), case.rule.text, case.rule.why)
    assert case.value in problem.value
    assert case.fix in problem.fix


def test_all_mistakes_are_named_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    together = [
        case for case in CASES if case.name in ("a family is mistyped", "an owner is true", "a choice is unknown")
    ]
    text = RIGHT
    for case in together:
        for old, new in case.changes.items():
            text = text.replace(old, new, 1)

    found = problems(tmp_path, text)

    assert [problem.value for problem in found] == ["campaings:write", "true", "sync"]
    assert [problem.line for problem in found] == [
        number for number, line in enumerate(text.splitlines(), start=1) if "# here" in line
    ]


def test_an_entry_that_is_wrong_by_itself_is_not_held_against_others(tmp_path: Path) -> None:
    text = RIGHT.replace("scopes: [profiles:read]", "scopes: [profile:read] # here", 1)

    assert [problem.value for problem in problems(tmp_path, text)] == ["profile:read"]


def test_the_message_gives_file_line_rule_value_reason_and_fix(tmp_path: Path) -> None:
    path = tmp_path / "access.yaml"
    path.write_text(RIGHT.replace("[campaigns:write]", "[campaings:write]"), "utf-8")

    with pytest.raises(AccessModelError) as caught:
        AccessModel.load(path)

    assert str(caught.value) == (
        f"{path} is refused: 1 problem.\n"
        "\n"
        f"{path}:7: Every scope is one of Klaviyo's\n"
        "  given: campaings:write\n"
        "  why:   Klaviyo's dashboard offers no other, so no key has it\n"
        "  fix:   write campaigns:write"
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("description: Look people up", "description: {key} # here"),
        ("  desk:", "  {key}: # here"),
        ("  support:", "  {key}: # here"),
        ("[campaigns:write]", "[{key}] # here"),
        ("role: support", "role: {key} # here"),
        ("    scopes: [credentials:*]", "    scopes: [credentials:*] # here {key}"),
        ("    reads: synced", "    {key}: synced # here"),
    ],
)
def test_a_key_in_the_file_is_refused_and_never_shown(tmp_path: Path, old: str, new: str) -> None:
    key = "pk_" + "ab" * 17
    text = RIGHT.replace(old, new.format(key=key), 1)

    found = problems(tmp_path, text)

    assert [problem.line for problem in found if problem.rule == NO_KEY.text] == [line_of(text)]
    assert key not in str(AccessModelError(found, source="access.yaml"))


def test_where_a_key_stands_comes_first_what_to_do_about_it(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, f"{RIGHT}# {'pk_' + 'ab' * 17}\n")

    assert problem.value == "something that looks like a Klaviyo key (not shown)"
    assert problem.fix.startswith("disable that key in Klaviyo's dashboard now")


def test_a_section_that_is_missing_is_named_and_one_that_may_be_is_not(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, RIGHT[: RIGHT.index("environments:")])

    assert (problem.line, problem.value) == (1, "no environments")


def test_a_name_may_be_as_long_as_the_rule_says(tmp_path: Path) -> None:
    path = tmp_path / "access.yaml"
    path.write_text(RIGHT.replace("  desk:", f"  {'d' * 40}:").replace("  dev:", f"  {'e' * 20}:"), "utf-8")

    assert {"d" * 40} < set(AccessModel.load(path).in_environment("e" * 20).services)


def test_an_unknown_environment_names_the_nearest_one(tmp_path: Path) -> None:
    (tmp_path / "access.yaml").write_text(RIGHT, "utf-8")
    model = AccessModel.load(tmp_path / "access.yaml")

    with pytest.raises(AccessModelError) as near:
        model.in_environment("prd")
    with pytest.raises(AccessModelError) as far:
        model.in_environment("zzz")

    assert near.value.problems[0].line == 0
    assert near.value.problems[0].fix == "write prod, or add it under environments"
    assert far.value.problems[0].fix == "write one of: dev, prod, or add it under environments"
