"""Whatever stands in access.yaml: one clear error, no object built, time and memory bounded."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from klaviyo_access.access_model import AccessModel, AccessModelError, Problem
from klaviyo_access.access_model import rules as r
from klaviyo_access.access_model.document import DEEPEST, LARGEST_BYTES, MOST_ENTRIES
from tests.access_model.refused_cases import RIGHT


def only_problem(path: Path) -> Problem:
    with pytest.raises(AccessModelError) as caught:
        AccessModel.load(path)
    (problem,) = caught.value.problems
    return problem


# fmt: off - a table is read by its rows
FILES = [
    ("empty", b"", 0, r.WELL_FORMED, "nothing"),
    ("only comments", b"# nothing yet\n", 0, r.WELL_FORMED, "nothing"),
    ("two documents", b"a: 1\n---\nb: 2\n", 2, r.WELL_FORMED, "a second document"),
    ("open quote", b"a: 'b\nc: d\n", 3, r.WELL_FORMED, "found unexpected end of stream"),
    ("tab as indentation", b"a:\n\tb: 1\n", 2, r.WELL_FORMED, "found character '\\t' that cannot start any token"),
    ("two colons", b"a: b: c\n", 1, r.WELL_FORMED, "mapping values are not allowed here"),
    ("list as a key", b"? [a]\n: b\n", 1, r.WELL_FORMED, "a list or mapping as a key"),
    (
        "another YAML",
        b"%YAML 9.9\n---\na: 1\n",
        1,
        r.WELL_FORMED,
        "found incompatible YAML document (version 1.* is required)",
    ),
    (
        "tag that builds an object",
        b"a: !!python/object/apply:os.system [id]\n",
        1,
        r.PLAIN_YAML,
        "the tag tag:yaml.org,2002:python/object/apply:os.system",
    ),
    ("tag of one's own", b"a:\n  - !key b\n", 2, r.PLAIN_YAML, "the tag !key"),
    ("tag on a key", b"!!str a: b\n", 1, r.PLAIN_YAML, "the tag tag:yaml.org,2002:str"),
    ("anchor", b"a: &b 1\n", 1, r.PLAIN_YAML, "the anchor &b"),
    ("alias", b"a: *b\n", 1, r.PLAIN_YAML, "the alias *b"),
    ("pattern without quotes", b"a:\n  - *:read\n", 2, r.PLAIN_YAML, "the alias *:read"),
    ("everything without quotes", b"a: *\n", 1, r.PLAIN_YAML, "a bare *"),
    ("merge key", b"a: 1\n<<: {b: 2}\n", 2, r.PLAIN_YAML, "the merge key <<"),
    ("Latin-1", "a: 1\nb: café\n".encode("latin-1"), 2, r.PLAIN_TEXT, "byte 0xe9"),
    ("UTF-16", "a: 1\n".encode("utf-16"), 1, r.PLAIN_TEXT, "byte 0xff"),
    ("NUL", b"a: 1\nb: \x00\n", 2, r.PLAIN_TEXT, "a character that YAML does not allow"),
    ("escape of a terminal", b'a: "\\e[31m"\n', 1, r.PLAIN_TEXT, "\\x1b[31m"),
    ("half a character", b'a: "\\ud800"\n', 1, r.PLAIN_TEXT, "\\ud800"),
    ("no character", b'a: "\\UFFFFFFFF"\n', 0, r.PLAIN_TEXT, "a character that YAML does not allow"),
    ("text that reads backwards", "a: \u202etxet\n".encode(), 1, r.PLAIN_TEXT, "\\u202etxet"),
    ("deep nesting", b"a: " + b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), 1, r.SMALL, "a value nested deeper"),
    (
        "many entries",
        b"".join(b"k%d: 1\n" % n for n in range(MOST_ENTRIES + 1)),
        MOST_ENTRIES + 1,
        r.SMALL,
        "more than 300 entries",
    ),
    ("a long list", b"a: [" + b"b," * (MOST_ENTRIES + 1) + b"]", 1, r.SMALL, "more than 300 entries"),
    ("a large file", b"#" * (LARGEST_BYTES + 1), 0, r.SMALL, "more than 131072 bytes"),
]
# fmt: on


@pytest.mark.parametrize(
    ("content", "line", "rule", "value"), [row[1:] for row in FILES], ids=[row[0] for row in FILES]
)
def test_what_is_not_plain_yaml_is_one_problem(
    tmp_path: Path, content: bytes, line: int, rule: r.Rule, value: str
) -> None:
    (tmp_path / "access.yaml").write_bytes(content)

    problem = only_problem(tmp_path / "access.yaml")

    assert (problem.line, problem.rule, problem.value) == (line, rule.text, value)


def test_a_star_without_quotes_is_told_to_be_quoted(tmp_path: Path) -> None:
    (tmp_path / "access.yaml").write_text(RIGHT.replace('["*:read"]', "[*:read]"), "utf-8")

    assert 'in quotes, as in "*:read"' in only_problem(tmp_path / "access.yaml").fix


@pytest.mark.parametrize(
    ("name", "value"),
    [("none.yaml", "no such file or directory"), (".", "no regular file"), ("nul\0.yaml", "no valid path")],
)
def test_what_is_no_file_is_one_problem(tmp_path: Path, name: str, value: str) -> None:
    problem = only_problem(tmp_path / name)

    assert (problem.line, problem.rule, problem.value) == (0, r.READABLE.text, value)


def test_a_device_that_never_ends_is_not_read() -> None:
    assert only_problem(Path("/dev/zero")).value == "no regular file"


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "access.yaml").write_text(RIGHT, "utf-8-sig")

    assert list(AccessModel.load(tmp_path / "access.yaml").environments) == ["dev", "prod"]


LAUGHS = "a: &a [x, x]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}, *{a}]\n" for a, b in zip("abcdefghijk", "bcdefghijkl", strict=True)
)
BOMBS = [
    LAUGHS,
    "a: &a [*a]\n",
    "[" * 100_000,
    "{a: " * 30_000,
    "- " * 60_000,
    "? " * 60_000,
    "a:\n" + "".join(f"{' ' * depth}a:\n" for depth in range(1, 480)),
    "a: '" + "x\n" * 60_000,
    'a: "' + "\\" * 100_000,
    "!" * 100_000,
    "&" * 100_000,
    "a: 1\n" * 20_000,
    "permissions:\n"
    + "".join(f" p{n}: {{}}\n" for n in range(250))
    + "roles:\n"
    + "".join(f" r{n}: {{permissions: [{','.join(['px'] * 299)}]}}\n" for n in range(120)),
    "roles:\n"
    + "".join(f" r{n}: {{description: x, owner: y, scopes: [{','.join(['xlists:rea'] * 290)}]}}\n" for n in range(38)),
]
LIMITED = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_CPU, (30, 30))
resource.setrlimit(resource.RLIMIT_AS, (512 * 2**20, 512 * 2**20))
from klaviyo_access.access_model import AccessModel, AccessModelError
for path in map(Path, sys.argv[1:]):
    try:
        AccessModel.load(path)
    except AccessModelError as error:
        print(path.name, len(str(error)) > 0)
"""


def test_bombs_end_in_bounded_time_and_memory(tmp_path: Path) -> None:
    """The kernel ends a process that takes more than 30 s of a processor or 512 MiB."""
    for number, bomb in enumerate(BOMBS):
        assert len(bomb) <= LARGEST_BYTES, "a bomb that is refused for its size alone shows nothing"
        (tmp_path / f"{number}.yaml").write_text(bomb, "utf-8")

    done = subprocess.run(
        [sys.executable, "-c", LIMITED, *(str(tmp_path / f"{number}.yaml") for number in range(len(BOMBS)))],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    assert done.stdout.splitlines() == [f"{number}.yaml True" for number in range(len(BOMBS))]


def problems_of(path: Path) -> tuple[Problem, ...]:
    try:
        AccessModel.load(path)
    except AccessModelError as error:
        return error.problems
    return ()


any_speed = settings(
    max_examples=150,
    deadline=None,  # a busy machine is no failure
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],  # each example writes its file
)

FRAGMENTS = [
    "*",
    "&a",
    "!!x",
    "- ",
    ": ",
    "\n",
    "  ",
    "[",
    "]",
    "{",
    "}",
    "'",
    '"',
    "#",
    "|",
    ">",
    "%",
    "\t",
    "null",
    "?",
]


@any_speed
@given(
    places=st.lists(
        st.tuples(st.integers(0, len(RIGHT)), st.integers(0, 12), st.sampled_from(FRAGMENTS)), min_size=1, max_size=4
    )
)
def test_a_damaged_file_is_loaded_or_refused_and_nothing_else(
    tmp_path: Path, places: list[tuple[int, int, str]]
) -> None:
    text = RIGHT
    for start, length, fragment in places:
        text = text[:start] + fragment + text[start + length :]
    path = tmp_path / "access.yaml"
    path.write_text(text, "utf-8")

    found = problems_of(path)

    assert all(0 <= problem.line <= text.count("\n") + 1 for problem in found)


@any_speed
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_refused_with_a_message(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "access.yaml"
    path.write_bytes(content)

    with pytest.raises(AccessModelError) as caught:
        AccessModel.load(path)

    assert str(caught.value).isprintable() or "\n" in str(caught.value)
