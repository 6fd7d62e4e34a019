"""Settings that are replaced while somebody works by them."""

import logging
from pathlib import Path

import pytest

from selfheal.settings.in_force import InForce
from selfheal.watch.succession import PATIENCE_S, Succession

RIGHT, OTHER, WRONG = "[watching]\nstrikes = 3\n", "[watching]\nstrikes = 4\n", "[watching]\nstrkes = 4\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "selfheal.toml"
    path.write_text(RIGHT)
    return path


def test_other_settings_overtake_until_they_are_taken_back(file: Path) -> None:
    """It is what stands there that counts, not that somebody wrote it again."""
    mine = InForce(path=file, text=RIGHT)
    for text, overtaken in ((RIGHT, False), (OTHER, True), (RIGHT, False)):
        file.write_text(text)
        assert mine.overtaken() is overtaken


def test_what_is_wrong_or_gone_overtakes_nothing(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file that somebody edits in place: healing goes on by what is known to be right; the mistake is said once."""
    mine = InForce(path=file, text=RIGHT)
    file.write_text(WRONG)
    with caplog.at_level(logging.WARNING):
        assert [mine.overtaken() for _ in range(3)] == [False] * 3
    assert [record.message.count("strkes: unknown setting") for record in caplog.records] == [1]
    file.unlink()
    assert [mine.overtaken() for _ in range(3)] == [False] * 3
    assert ["cannot read" in record.message for record in caplog.records] == [False, True]
    file.write_text(OTHER)
    assert mine.overtaken()


def test_a_successor_has_some_time_and_only_after_a_reload() -> None:
    """It is late once it has not come for so long; what is taken back is no reload."""
    now, overtaken = [100.0], [False]
    one = Succession(lambda: overtaken[0], lambda: now[0])
    assert not one.is_late()
    overtaken[0] = True
    assert not one.is_late()
    now[0] += PATIENCE_S - 1
    assert not one.is_late()
    now[0] += 1
    assert one.is_late()
    overtaken[0] = False
    assert not one.is_late()
    overtaken[0] = True
    assert not one.is_late()
