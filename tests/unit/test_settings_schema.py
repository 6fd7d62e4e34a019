"""The published schema and the reference: up to date, and of one mind with the settings themselves."""

import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from console import cli
from console.demo_estate import write
from selfheal.model.errors import Permanent
from selfheal.settings.estate import Settings
from selfheal.settings.file import parse
from selfheal.settings.reference import reference
from selfheal.settings.schema import schema

DOCS = Path(__file__).parents[2] / "docs"
WEB = {"probe": "http", "url": "http://127.0.0.1:80/"}
RIGHT: list[dict[str, Any]] = [
    {},
    {"healing": {"allow": ["web"], "cooldown": "10 min", "lease": 30, "at_once": 2}, "components": {"web": WEB}},
    {"components": {"a.b": {"probe": "container", "container": "A.b-1", "start_timeout": "1.5 h", "critical": True}}},
    {
        "supervisors": {"main": {"url": "unix:///run/supervisor.sock", "username": "ops", "password": "x"}},
        "components": {"p": {"probe": "process", "supervisor": "main", "program": "p", "ladder": ["restart-service"]}},
    },
    {
        "databases": {"own": {"url": "postgresql://db:5432/estate"}},
        "migrations": {"view": {"database": "own", "creates": "wms.stock", "sql": "SELECT 1"}},
        "components": {"view": {"probe": "sql-object", "database": "own", "object": "wms.stock", "migration": "view"}},
    },
    {"actions": {"restart-container": {"mode": "shadow"}}, "prefect": {"port": 0}, "postgres": {"port": 5432}},
]
WRONG: list[dict[str, Any]] = [
    {"healin": {}},
    {"healing": {"leese": 1}},
    {"healing": {"lease": "soon"}},
    {"healing": {"lease": -1}},
    {"healing": {"at_once": 0}},
    {"prefect": {"port": 80}},
    {"estate": "No Way"},
    {"docker": {"url": "ssh://host"}},
    {"supervisors": {"main": {"username": "ops"}}},
    {"supervisors": {"No Way": {"url": "http://127.0.0.1:9001"}}},
    {"actions": {"restart-container": {"mode": "often"}}},
    {"components": {"web": {"url": "http://127.0.0.1/"}}},
    {"components": {"web": {"probe": "htpp", "url": "http://127.0.0.1/"}}},
    {"components": {"web": {"probe": "http"}}},
    {"components": {"web": {"probe": "container"}}},
    {"components": {"web": WEB | {"container": "a", "supervisor": "main", "program": "a"}}},
    {"components": {"web": WEB | {"program": "a"}}},
    {"components": {"web": WEB | {"ladder": "restart-service"}}},
]


@pytest.fixture(scope="module")
def published() -> Draft202012Validator:
    """What is printed, as an editor uses it."""
    Draft202012Validator.check_schema(schema())
    return Draft202012Validator(schema())


@pytest.mark.parametrize(
    ("words", "file"), [(["config", "schema"], "selfheal.schema.json"), (["config", "reference"], "settings.md")]
)
def test_the_published_files_are_up_to_date(capsys: pytest.CaptureFixture[str], words: list[str], file: str) -> None:
    """What the command prints is what docs/ holds; `make reference` writes it anew."""
    assert cli.main(words) == 0
    assert capsys.readouterr().out == (DOCS / file).read_text(), "run `make reference`"


@pytest.mark.parametrize("values", RIGHT)
def test_right_settings_fit_the_schema(published: Draft202012Validator, values: dict[str, Any]) -> None:
    """What the settings take the schema takes."""
    parse(values, source="the test")
    assert [error.message for error in published.iter_errors(values)] == []


@pytest.mark.parametrize("values", WRONG)
def test_wrong_settings_do_not_fit_the_schema(published: Draft202012Validator, values: dict[str, Any]) -> None:
    """What an editor can see to be wrong the settings refuse too."""
    with pytest.raises(Permanent):
        parse(values, source="the test")
    assert not published.is_valid(values)


def test_the_demo_settings_fit_the_schema(published: Draft202012Validator, tmp_path: Path) -> None:
    """The file that ships fits what is published."""
    _, file = write(tmp_path)
    assert [error.message for error in published.iter_errors(tomllib.loads(file.read_text()))] == []


def test_every_setting_is_described() -> None:
    """None, and no table, comes without a sentence that says what it does, and each stands in the reference."""
    page = reference()
    lines = page.splitlines()
    assert [one for one, said in pairwise(lines) if one.startswith("## ") and not said] == []
    for model in [Settings, *_tables(Settings)]:
        for name, field in model.model_fields.items():
            assert (field.description or "").endswith("."), f"{model.__name__}.{name}"
            assert f"{name.upper()}" in page


def test_secrets_are_for_writing_only() -> None:
    """A schema marks each password, and knows none."""
    tables = [one.get("properties", {}) for one in schema()["$defs"].values()]
    passwords = [one["password"] for one in tables if "password" in one]
    assert len(passwords) >= 3
    assert all(one["writeOnly"] and one["default"] == "" for one in passwords)


def _tables(model: type[BaseModel]) -> list[type[BaseModel]]:
    """The models of the tables in a model, also of those that an operator names."""
    found = []
    for field in model.model_fields.values():
        kinds = [field.annotation, *getattr(field.annotation, "__args__", ())]
        found += [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return found
