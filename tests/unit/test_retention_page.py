"""docs/retention.md says of every table how long its rows stay, and the migration does what it says."""

import re
from pathlib import Path

import pytest

import migrations

ROOT = Path(__file__).parents[2]
SQL = "\n".join(
    one.read_text(encoding="utf-8") for one in sorted((Path(migrations.__file__).parent / "versions").glob("*.sql"))
)
MADE = {"alembic_version", *re.findall(r"^CREATE TABLE (\w+)", SQL, re.MULTILINE)}
FORGETS = set(re.findall(r"DELETE FROM public\.(\w+)", SQL))
WITH_ANOTHER = {"workflow_starts", "workflow_state_history"}
PARTITIONED = {"health_history", "health_rollup"}


def told() -> dict[str, tuple[str, str]]:
    """How long, and why, by table."""
    page = (ROOT / "docs" / "retention.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| ?(.*?) ?\|$", page, re.MULTILINE)
    assert len(rows) == len(dict.fromkeys(name for name, _, _ in rows)), "a table stands there twice"
    return {name: (kept, why) for name, kept, why in rows}


def test_every_table_is_in_it() -> None:
    """A new one is not forgotten, and none that is gone is told of."""
    assert set(told()) == MADE


@pytest.mark.parametrize("table", sorted(MADE))
def test_what_it_says_is_done(table: str) -> None:
    """For ever: nothing drops it, and it is evidence. One for each: it is replaced. Else something forgets it."""
    kept, why = told()[table]
    if kept == "for ever":
        assert table not in FORGETS | WITH_ANOTHER | PARTITIONED
        assert why.startswith("evidence: ")
    elif kept == "one" or kept.startswith(("one for each", "a week")):
        assert table not in FORGETS
    elif kept.startswith("with "):
        assert table in WITH_ANOTHER
        assert re.search(rf"CREATE TABLE {table} \([^;]*ON DELETE CASCADE", SQL)
    else:
        assert table in FORGETS | PARTITIONED
