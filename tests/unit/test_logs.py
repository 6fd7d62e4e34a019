"""Our log lines: one JSON object a line, what it is about, and never a secret."""

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deployments import logging_config
from selfheal import logs
from selfheal.settings.logs import Logging


@pytest.fixture
def written() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    """A logger whose lines are JSON, and what it has written."""
    to, logger = io.StringIO(), logging.getLogger("selfheal.test_logs")
    handler = logging.StreamHandler(to)
    handler.setFormatter(logs.JsonFormatter())
    handler.addFilter(logs.Masked())
    logger.addHandler(handler)
    logger.propagate = False
    logger.setLevel(logging.INFO)
    yield logger, to
    logger.removeHandler(handler)
    logger.propagate = True


def lines(to: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in to.getvalue().splitlines()]


def test_a_line_is_one_object_with_its_time_in_utc(written: tuple[logging.Logger, io.StringIO]) -> None:
    """Time, level, logger, message; a message of several lines stays on one."""
    logger, to = written
    before = datetime.now(UTC)
    logger.warning("first\nsecond %s", "third")
    (line,) = lines(to)
    assert (line["level"], line["logger"], line["message"]) == ("WARNING", "selfheal.test_logs", "first\nsecond third")
    at = datetime.fromisoformat(line["time"])
    assert at.utcoffset() == UTC.utcoffset(None)
    assert abs((at - before).total_seconds()) < 60


def test_what_a_line_is_about_is_told_while_it_lasts(written: tuple[logging.Logger, io.StringIO]) -> None:
    """Component, attempt and trigger are fields of every line inside, of no line outside."""
    logger, to = written
    with logs.about(component="backend", trigger=7), logs.about(attempt=8):
        logger.info("inside")
    logger.info("outside")
    inside, outside = lines(to)
    assert (inside["component"], inside["trigger"], inside["attempt"]) == ("backend", "7", "8")
    assert not {"component", "trigger", "attempt"} & outside.keys()


def test_an_exception_is_a_field(written: tuple[logging.Logger, io.StringIO]) -> None:
    """The traceback stands in `exception`, on the same line, without the secret that was in it."""
    logger, to = written
    try:
        raise ValueError("postgresql://ada:geheim@db/x")  # noqa: TRY301 - it is to be caught here
    except ValueError:
        logger.exception("it broke")
    (line,) = lines(to)
    assert "Traceback" in line["exception"]
    assert "geheim" not in to.getvalue()


def test_an_exception_that_another_handler_wrote_out_is_masked_too() -> None:
    """What it has kept in the record, and the stack, do not pass either."""
    record = logging.LogRecord("selfheal", logging.ERROR, "", 1, "it broke", None, None)
    record.exc_text = record.stack_info = "postgresql://ada:geheim@db/x"
    assert logs.Masked().filter(record)
    assert "geheim" not in logs.JsonFormatter().format(record)


@pytest.mark.parametrize(
    "words",
    [
        "cannot reach http://ada:geheim-4711@host/x",
        "password=geheim-4711 is wrong",
        "{'password': 'geheim-4711'}",
        "healer_password: geheim-4711",
        'TOKEN = "geheim-4711"',
        "it said geheim-4711",
    ],
)
def test_a_secret_is_masked(written: tuple[logging.Logger, io.StringIO], words: str) -> None:
    """In an address, behind its name, and wherever a secret of the settings stands."""
    logger, to = written
    if words.startswith("it said"):
        logs.hide(["geheim-4711", ""])
    logger.error("%s", words)
    assert "geheim" not in to.getvalue()
    assert "***" in lines(to)[0]["message"]


@pytest.mark.parametrize("kind", ["text", "json"])
def test_prefects_configuration_gets_ours(tmp_path: Path, kind: str) -> None:
    """Worker and flow runs mask secrets on every handler, keep to our level, and write JSON where that is wanted."""
    path = tmp_path / "logging.json"
    environment = logging_config.write(path, Logging(format=kind, level="warning"))  # type: ignore[arg-type]
    config = json.loads(path.read_text())
    assert {tuple(one["filters"]) for one in config["handlers"].values()} == {("masked",)}
    assert config["loggers"]["selfheal"]["level"] == environment["PREFECT_LOGGING_LEVEL"] == "WARNING"
    assert (config["handlers"]["console"]["formatter"] == "ours") == (kind == "json")
    assert environment["PREFECT_LOGGING_SETTINGS_PATH"] == str(path)
