"""The simulator, what alarms are worth, and the commands for folders of recorded series."""

import json
import resource
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks.forecast_alarms import Alarm
from benchmarks.forecast_rivals import WINDOWS, rival_alarms
from benchmarks.forecast_worth import worth
from benchmarks.recorded import recorded
from benchmarks.simulator.families import FAMILIES
from benchmarks.simulator.trace import START_S, Trace
from benchmarks.simulator.traces import seen, unseen
from benchmarks.simulator.unseen import UNSEEN
from selfheal.forecast.buckets import in_buckets

HOUR_S = 3600.0


def test_a_seed_tells_everything() -> None:
    """The same seed draws the same traces, another one others."""
    one, same, other = (seen(1, seed=seed)[0] for seed in (5, 5, 6))
    np.testing.assert_array_equal(one.values, same.values)
    assert not np.array_equal(one.values, other.values)


def test_held_out_families_are_others() -> None:
    """No name and no shape of the one kind is of the other."""
    assert not FAMILIES.keys() & UNSEEN.keys()
    assert not {id(shape) for shape in FAMILIES.values()} & {id(shape) for shape in UNSEEN.values()}


def test_the_height_of_a_trace_does_not_tell_how_it_ends() -> None:
    """Failing traces, until three hours before they break the limit, and healthy ones share the range of their maxima.

    A rule that knows the height alone, with the best threshold there is, is wrong in more than a quarter of all cases.
    """
    failing, healthy = [], []
    for trace in [*seen(12, seed=3), *unseen(12, seed=3)]:
        if trace.breach_s is None:
            healthy.append(np.nanmax(trace.values) / trace.limit)
        elif (before := trace.values[trace.measured_s < trace.breach_s - 3 * HOUR_S]).size:
            failing.append(np.nanmax(before) / trace.limit)
    assert np.quantile(failing, 0.9) >= np.quantile(healthy, 0.25)
    assert np.quantile(failing, 0.1) <= np.quantile(healthy, 0.25)
    marks = np.unique([*failing, *healthy])
    right = [np.mean([*(np.array(failing) >= mark), *(np.array(healthy) < mark)]) for mark in marks]
    assert max(right) < 0.75


def a_trace(*, breach_h: float | None, hours: int = 48) -> Trace:
    """Flat, and over its limit from an hour on."""
    times = START_S + 300.0 * np.arange(hours * 12)
    values = np.full(times.size, 50.0)
    if breach_h is not None:
        values[times >= START_S + breach_h * HOUR_S] = 100.0
    return Trace(name="flat-000", measured_s=times, told_s=times, values=values, limit=100.0)


def an_alarm(at_h: float) -> Alarm:
    at_s = START_S + at_h * HOUR_S
    return Alarm(place=round(at_h * 12), at_s=at_s, reach_s=HOUR_S, low_s=0.5 * HOUR_S, high_s=2 * HOUR_S)


@pytest.mark.parametrize(
    ("breach_h", "at_h", "hits", "false"),
    [
        (40, 38, 1, 0),  # two hours before
        (40, 34, 1, 0),  # six hours before
        (40, 33.9, 0, 1),  # too early to be about this breach
        (40, 39.9, 0, 0),  # too late to be of use, and not false
        (40, 41, 0, 0),  # after it
        (None, 20, 0, 1),
        (None, 44, 0, 0),  # the trace ends before anybody can tell
    ],
)
def test_what_counts_as_a_hit_and_as_a_false_alarm(breach_h: float | None, at_h: float, hits: int, false: int) -> None:
    """As docs/forecast.md says."""
    found = worth([a_trace(breach_h=breach_h)], [[an_alarm(at_h)]])
    assert (len(found.leads_s), found.false) == (hits, false)


def test_lead_and_interval_are_of_the_first_hit() -> None:
    """An alarm that comes again does not count twice."""
    found = worth([a_trace(breach_h=40)], [[an_alarm(38.5), an_alarm(39)]])
    assert (found.leads_s, found.inside, found.recall) == ((1.5 * HOUR_S,), (True,), 1.0)


def test_the_other_sides_foretell_a_straight_line() -> None:
    """`predict_linear` over any window finds the limit where a straight rise meets it."""
    trace = a_trace(breach_h=None, hours=200)
    rising = replace(trace, values=np.linspace(0, 120, trace.values.size))
    series = in_buckets(rising.told_s, rising.values)
    for name, window in WINDOWS.items():
        (alarm,) = rival_alarms(series, rising.limit, window)
        breach = rising.breach_s
        assert breach is not None, name
        assert abs(alarm.at_s + alarm.reach_s - breach) <= 600


def write(folder: Path, name: str, values: np.ndarray, *, step: timedelta = timedelta(minutes=5)) -> None:
    begins = datetime(2026, 1, 5, tzinfo=UTC)
    lines = [f"{(begins + number * step).isoformat()},{value}" for number, value in enumerate(values)]
    (folder / name).write_text("timestamp,value\n" + "\n".join(lines) + "\n", encoding="utf-8")


def test_a_folder_of_traces_becomes_lines_of_alarms(tmp_path: Path) -> None:
    """Minutes, quarters of an hour, nothing at all: a line each, alarms with times in UTC; the leak is foretold."""
    rng = np.random.default_rng(1)
    leak = 40 + np.maximum(0, np.arange(2400) - 1440) * 60 / 960 + rng.normal(0, 0.4, 2400)
    write(tmp_path, "leak.csv", leak, step=timedelta(minutes=1))
    write(tmp_path, "flat.csv", 90 + rng.normal(0, 0.4, 200), step=timedelta(minutes=15))
    write(tmp_path, "empty.csv", np.empty(0))
    write(tmp_path, "words.csv", np.array(["a", "", "NaN", "inf"]))
    (tmp_path / "nothing.csv").touch()
    limits = dict.fromkeys(("leak.csv", "flat.csv", "empty.csv", "words.csv", "nothing.csv"), 100.0)
    (tmp_path / "limits.json").write_text(json.dumps(limits), encoding="utf-8")
    out = tmp_path / "alarms.jsonl"
    assert command.main(["forecast", "--traces", str(tmp_path), "--out", str(out)]) == 0
    found = {told["file"]: told["alarms"] for told in map(json.loads, out.read_text(encoding="utf-8").splitlines())}
    assert found.keys() == limits.keys()
    assert [found[name] for name in ("flat.csv", "empty.csv", "words.csv", "nothing.csv")] == [[]] * 4
    (alarm,) = found["leak.csv"]
    assert alarm.keys() == {"at", "breach_at", "low", "high"}
    at, breach, low, high = (datetime.fromisoformat(alarm[name]) for name in ("at", "breach_at", "low", "high"))
    assert at.utcoffset() == timedelta(0)
    assert at < low < breach < high
    assert timedelta(hours=1) < datetime(2026, 1, 6, 16, tzinfo=UTC) - at < timedelta(hours=3)


def test_scores_stand_beside_values_as_they_were(tmp_path: Path) -> None:
    """Same names, same lines, the text of the value untouched; a file in a folder stays in it."""
    (tmp_path / "in" / "sub").mkdir(parents=True)
    write(tmp_path / "in" / "sub", "a.csv", np.array(["1.50", "0x", "2e3"]))
    out = tmp_path / "out"
    assert command.main(["anomalies", str(tmp_path / "in"), "--out", str(out)]) == 0
    lines = (out / "sub" / "a.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "timestamp,value,score"
    assert [line.split(",")[1] for line in lines[1:]] == ["1.50", "0x", "2e3"]
    assert all(0 <= float(line.split(",")[2]) <= 1 for line in lines[1:])


def scored(folder: Path, out: Path) -> int:
    return command.main(["anomalies", str(folder), "--out", str(out)])


@pytest.mark.parametrize(
    "stamps",
    [
        ("2026-01-05 00:00:00", "2026-01-05 00:05:00"),
        ("2026-01-05T00:00:00Z", "2026-01-05T01:05:00+01:00"),
        ("2026-01-05T00:00:00.000000", "20260105T000500Z"),
        ("1767571200", "1767571500.0"),
        ("1767571200000", "1767571500000"),
        ('"2026-01-05"', "2026-01-05 00:05"),
        ("2026-01-05 00:00:00 UTC", "2026-01-05 00:05:00 +0000"),
        ("1767571200000000", "1767571500000000000"),
    ],
)
def test_a_time_is_read_in_any_of_its_forms(tmp_path: Path, stamps: tuple[str, str]) -> None:
    """With a zone, without, with fractions, as seconds or milliseconds of the epoch, in quotes."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbfValue, Timestamp\r\n" + "".join(f"1,{stamp}\r\n" for stamp in stamps).encode())
    begins = datetime(2026, 1, 5, tzinfo=UTC).timestamp()
    np.testing.assert_array_equal(recorded(path, file="a.csv").times_s, [begins, begins + 300])


def test_every_line_has_its_score(tmp_path: Path) -> None:
    """Also one without a value, with a stamp that is no time, with a number that no computer holds."""
    (tmp_path / "in").mkdir()
    lines = ["2026-01-05 00:00:00", "2026-01-05 00:05:00,", "05.01.2026,3", "2026-01-05 00:10:00,1e999", "x,y,z"]
    (tmp_path / "in" / "A.CSV").write_text("\n".join(["timestamp,value", *lines, ""]), encoding="utf-8")
    assert scored(tmp_path / "in", tmp_path / "out") == 0
    written = (tmp_path / "out" / "A.CSV").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[:2] for line in written[1:]] == [[*line.split(","), ""][:2] for line in lines]


def test_scores_of_a_part_of_a_file_are_those_of_the_whole(tmp_path: Path) -> None:
    """To the letter: nothing of a file is known but the lines before."""
    values = np.random.default_rng(7).gamma(2, 5, 600)
    for folder, size in (("whole", 600), ("part", 350)):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder, "a.csv", values[:size])
        assert scored(tmp_path / folder, tmp_path / f"{folder}-scored") == 0
    part, whole = ((tmp_path / f"{name}-scored" / "a.csv").read_text(encoding="utf-8") for name in ("part", "whole"))
    assert whole.startswith(part)


def test_a_file_that_cannot_be_scored_keeps_no_other_from_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named, the exit code says so, and nothing is written under its name."""
    folder, out = tmp_path / "in", tmp_path / "out"
    (folder / "folder.csv").mkdir(parents=True)
    for name, content in (
        ("a.csv", b"when,value\n"),
        ("b.csv", b"one,two\n"),
        ("c.csv", b"timestamp,value\n\xff,1\n"),
        ("d.txt", b"d"),
    ):
        (folder / name).write_bytes(content)
    write(folder, "e.csv", np.arange(3.0))
    write(folder, "f.csv", np.arange(3.0))
    (out / "f.csv").mkdir(parents=True)
    assert scored(folder, out) == 1
    said = capsys.readouterr().err
    assert all(f"{name}.csv" in said for name in "abcf")
    assert "4 of 5" in said
    assert sorted(path.name for path in out.iterdir()) == ["e.csv", "f.csv"]


def test_what_was_written_is_not_read_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second run into a folder of the folder does what the first did; into the folder itself it is refused."""
    write(tmp_path, "a.csv", np.arange(3.0))
    for _ in range(2):
        assert scored(tmp_path, tmp_path / "out") == 0
    assert [path.name for path in (tmp_path / "out").rglob("*")] == ["a.csv"]
    before = (tmp_path / "a.csv").read_bytes()
    assert scored(tmp_path, tmp_path) == 1
    assert "another folder" in capsys.readouterr().err
    assert (tmp_path / "a.csv").read_bytes() == before


def test_a_full_disk_leaves_no_half_file(tmp_path: Path) -> None:
    """What was there before stays, and nothing lies beside it."""
    (tmp_path / "in").mkdir()
    write(tmp_path / "in", "a.csv", np.arange(3.0))
    assert scored(tmp_path / "in", tmp_path / "out") == 0
    before = (tmp_path / "out" / "a.csv").read_bytes()
    write(tmp_path / "in", "a.csv", np.arange(5000.0))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        assert scored(tmp_path / "in", tmp_path / "out") == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.csv"]
    assert (tmp_path / "out" / "a.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["anomalies", "."], 2, "--out"),
        (["forecast", "--traces", "."], 2, "--out"),
        (["anomalies", "/nowhere", "--out", "x"], 1, "no folder"),
        (["forecast", "--traces", "/nowhere", "--out", "x"], 1, "no folder"),
    ],
)
def test_a_wrong_call_says_what_to_do(
    words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An exit code of its own, and one line."""
    assert command.main(words) == code
    assert said in capsys.readouterr().err


def test_a_file_that_cannot_be_used_keeps_no_other_from_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong with it is said, and why there is no alarm in another; a limit's file may begin with a mark."""
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub", "Young.CSV", np.arange(20.0))
    write(tmp_path, "still.csv", np.full(300, 5.0))
    write(tmp_path, "unlimited.csv", np.arange(3.0))
    (tmp_path / "bad.csv").write_bytes(b"one;two\n1;2\n")
    limits = dict.fromkeys(("sub/Young.CSV", "still.csv", "bad.csv", "gone.csv"), 100.0)
    (tmp_path / "limits.json").write_text(json.dumps(limits), encoding="utf-8-sig")
    out = tmp_path / "out.jsonl"
    assert command.main(["forecast", "--traces", str(tmp_path), "--out", str(out)]) == 1
    told = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert told == [{"file": "still.csv", "alarms": []}, {"file": "sub/Young.CSV", "alarms": []}]
    said = capsys.readouterr().err
    assert "bad.csv has no heading" in said
    assert "has no gone.csv" in said
    assert "2 of 4 files have no line" in said
    assert "unlimited.csv has no limit" in said
    assert "sub/Young.CSV: no alarm, and too short to tell: 1.7 h of 3" in said
    assert "still.csv: no alarm, and it does not change" in said


@pytest.mark.parametrize("limits", [None, "[]", "{", '{"gone.csv": 1}', '{"a.csv": "x"}'])
def test_limits_that_cannot_be_used_are_named(
    tmp_path: Path, limits: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is written then."""
    write(tmp_path, "a.csv", np.arange(3.0))
    if limits is not None:
        (tmp_path / "limits.json").write_text(limits, encoding="utf-8")
    out = tmp_path / "out.jsonl"
    assert command.main(["forecast", "--traces", str(tmp_path), "--out", str(out)]) == 1
    assert "limits.json" in capsys.readouterr().err
    assert not out.exists()
