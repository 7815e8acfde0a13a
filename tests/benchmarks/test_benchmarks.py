"""The harness runs each benchmark, and writes down what it found; no figure is judged here."""

import json
import math
from pathlib import Path

import pytest

from benchmarks import results
from benchmarks.__main__ import benchmarks, run
from benchmarks.benchmark import TINY, Benchmark, KnownMiss, Measured
from benchmarks.timing import Times, in_turn

KNOWN = benchmarks()


@pytest.mark.parametrize("benchmark", KNOWN.values(), ids=KNOWN)
def test_a_benchmark_measures_something(benchmark: Benchmark) -> None:
    row = json.loads(json.dumps(results.row_of(benchmark, benchmark.measure(TINY))))
    assert row["id"] == benchmark.id
    assert math.isfinite(row["value"])
    assert row["beside"]
    assert {"python", "klaviyo-access", *benchmark.packages} == row["versions"].keys()


def figure(name: str, value: float, *, limit: float = 1.0, known_miss: KnownMiss | None = None) -> Benchmark:
    measured = Measured(value=value, beside={"other (ms)": 2.0})
    return Benchmark(
        id=name, what="a figure", unit="ratio", limit=limit, measure=lambda _: measured, known_miss=known_miss
    )


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a run writes, in a folder of the test's own."""
    path = tmp_path / "results.json"
    monkeypatch.setattr(results, "FILE", path)
    return path


def test_a_run_replaces_the_rows_it_measured_and_leaves_the_others(file: Path) -> None:
    run([figure("b", 0.5), figure("a", 0.25)])
    run([figure("b", 0.75)])
    assert [(row["id"], row["value"]) for row in json.loads(file.read_text())] == [("a", 0.25), ("b", 0.75)]


def test_a_missed_limit_is_an_exit_code_after_all_were_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([figure("a", 1.5), figure("b", 1.0)]) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert "MISSED" in first
    assert "reached" in second
    assert run([figure("b", 1.0)]) == 0


def test_a_known_miss_is_still_printed_as_one_with_its_reason_and_must_not_grow(
    capsys: pytest.CaptureFixture[str],
) -> None:
    known = KnownMiss(value=1.5, why="of something that cannot be changed here")
    assert run([figure("a", 1.5, known_miss=known)]) == 0
    printed = capsys.readouterr().out
    assert "MISSED" in printed
    assert "missed, since of something that cannot be changed here" in printed
    assert run([figure("a", 1.6, known_miss=known)]) == 1
    capsys.readouterr()
    assert run([figure("a", 1.0, known_miss=known)]) == 0
    assert "missed" not in capsys.readouterr().out.lower()


def test_sides_take_turns_and_a_ratio_compares_within_a_round() -> None:
    order: list[str] = []

    def side(name: str) -> float:
        order.append(name)
        return float(len(order))

    times = in_turn({"a": lambda: side("a"), "b": lambda: side("b")}, rounds=2)
    assert order == ["a", "b", "a", "b"]
    assert times == Times({"a": (1.0, 3.0), "b": (2.0, 4.0)})
    assert times.ratio("a", "b") == pytest.approx((1 / 2 + 3 / 4) / 2)
