"""APPLY_MIGRATION: make a missing table or view of the estate by its entry of the catalogue, and by nothing else.

The heal protocol calls it through `actions.table`. The database itself holds the catalogue and runs the entry: in one
transaction, once however many ask, and only if its SQL is the one that the settings hold.
"""

from collections.abc import Mapping
from datetime import timedelta

from selfheal.actions.evidence import redacted
from selfheal.model.attempt import Plan
from selfheal.model.component import Component
from selfheal.model.errors import NotAllowed, TargetChanged
from selfheal.model.migration import CatalogueEntry, Migration
from selfheal.model.observation import Observation
from selfheal.model.trigger import Trigger, TriggerType
from selfheal.policy.names import named
from selfheal.ports import EstateDatabase, Observe

REASONS = frozenset(
    {
        TriggerType.OBJECT_MISSING,
        TriggerType.LOG_ERROR,
        TriggerType.EXTERNAL_ALERT,
        TriggerType.MANUAL,
    }
)
ANSWER_WITHIN = timedelta(seconds=30)
"""What an act may take besides the longest time-out of the catalogue."""
LONGEST_SQL, LONGEST_STEP = 32 * 1024, 4 * 1024
"""Of the preview, in characters."""
_AGAIN = "look at what `selfheal estate-sql` prints, and run it in that database again"


class ApplyMigration:
    """Fulfils `ports.Action` for components with a migration."""

    name = "apply-migration"
    action_type = "APPLY_MIGRATION"
    mode = "approve"
    risk = "SQL of the catalogue runs in the estate's database; it may take locks and much time."
    manual_minutes = 30

    def __init__(
        self, *, databases: Mapping[str, EstateDatabase], migrations: Mapping[str, Migration], observe: Observe
    ) -> None:
        longest = max((one.timeout for one in migrations.values()), default=timedelta(0))
        self.timeout = longest + ANSWER_WITHIN
        self._databases = databases
        self._migrations = migrations
        self._observe = observe

    def can_handle(self, trigger: Trigger, component: Component) -> bool:
        """Whether an object is missing, or a person asks, and the catalogue has an entry that makes it."""
        return trigger.type in REASONS and bool(component.migration)

    def prepare(self, component: Component) -> Plan:
        """Find the entry in the database's catalogue; its SQL is the preview. Changes nothing."""
        wanted = self._migration(component)
        database = self._database(component)
        entry = _same(database.entries(), wanted)
        before = database.object(component.object, timeout=component.probe_timeout)
        within = f"in one transaction, at most {wanted.timeout.total_seconds():g} s"
        return Plan(
            before=before,
            rollback={"transaction": True},
            evidence={
                "migration": wanted.name,
                "database": component.database,
                "found": f"{component.object} is {before.state}",
                "sql": redacted(entry.sql)[:LONGEST_SQL],
                "sha256": entry.sha256,
            },
            steps=(
                f"{component.object} is {before.state}",
                f"run {wanted.name} in {component.database} {within}: {redacted(entry.sql)[:LONGEST_STEP]}",
            ),
            parameters={"migration": wanted.name, "sha256": entry.sha256},
        )

    def commit(self, component: Component, plan: Plan) -> str:  # noqa: ARG002 - the database compares for itself
        """Run it, unless somebody else has made the object meanwhile: the database looks, under a lock."""
        wanted = self._migration(component)
        if not self._database(component).apply(wanted.name, sha256=wanted.sha256, timeout=wanted.timeout):
            raise TargetChanged(f"not needed: somebody else made {component.object} meanwhile")
        return f"ran {wanted.name}, which made {component.object}"

    def validate(self, component: Component) -> Observation:
        """One look."""
        return self._observe(component)

    def rollback(self, component: Component, plan: Plan) -> str:  # noqa: ARG002 - as above
        """Nothing: what failed took itself back, and what was made stood when it was; the rest is somebody else's."""
        return f"{component.object} stood when {component.migration} was committed: what is there now is left alone"

    def _migration(self, component: Component) -> Migration:
        return named(component.migration, self._migrations, kind="migration")

    def _database(self, component: Component) -> EstateDatabase:
        return named(component.database, self._databases, kind="database")


def _same(entries: Mapping[str, CatalogueEntry], wanted: Migration) -> CatalogueEntry:
    """The database's own entry, which must be what the settings hold."""
    entry = entries.get(wanted.name)
    if entry is None:
        raise NotAllowed(f"the database {wanted.database} has no entry {wanted.name!r} in its catalogue", hint=_AGAIN)
    if entry.sha256 != wanted.sha256:
        raise NotAllowed(
            f"the database {wanted.database} holds another SQL for {wanted.name!r} than the settings", hint=_AGAIN
        )
    return entry
