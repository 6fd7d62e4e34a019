"""Modes of actions in Postgres: written by people and by demotions, read by admission in its own transaction.

What an action does before anything is sick is written, counted and judged apart, under `preempt:ACTION`: that it brings
no memory down says nothing about how well it starts what is dead.

`settle` lets each verified outcome be judged within its own transaction, so that a demotion is in force for every
process with the result that caused it; `review` does the same for what waits outside of heals: plans in mode shadow.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Engine, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.engine import Connection

from selfheal.model.mode import ActionMode, Change, ModeChange, Shadowed, Standards, Step, WrittenMode
from selfheal.model.prediction import PREEMPT
from selfheal.policy.promotion import judge, stricter
from selfheal.store.admission_values import NO_ADMISSION_NOW
from selfheal.store.engine import transaction
from selfheal.store.tables import action_modes, alert_outbox, mode_changes
from selfheal.store.text import identifier, shorten

OURS = "selfheal"
_MOST = 1000  # results that a proposal looks at
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('selfheal.mode.' || :action))")
_HEALS = text(
    """SELECT h.good FROM (
           SELECT a.verification = 'HEALED' AS good, a.created_at FROM healing_actions a
           WHERE a.action_name = :action AND a.mode = :mode AND a.completed_at IS NOT NULL
             AND (a.prediction_id IS NOT NULL) = :preemptive
             AND a.execution_time_ms IS NOT NULL AND NOT a.interrupted
             AND a.created_at > coalesce((SELECT m.since FROM action_modes m WHERE m.action = :name), '-infinity')
           ORDER BY a.created_at DESC LIMIT :most) h
       ORDER BY h.created_at"""
)
_PLANS = text(
    """SELECT p.good FROM (
           SELECT s.verdict = 'NEEDED' AS good, s.planned_at FROM shadow_results s
           WHERE s.action = :action AND s.verdict <> 'OPEN' AND s.preemptive = :preemptive
             AND s.planned_at > coalesce((SELECT m.since FROM action_modes m WHERE m.action = :name), '-infinity')
           ORDER BY s.planned_at DESC LIMIT :most) p
       ORDER BY p.planned_at"""
)
_SHADOWED = text(
    """SELECT CASE WHEN s.preemptive THEN 'preempt:' ELSE '' END || s.action AS action,
              count(*) FILTER (WHERE s.verdict = 'NEEDED') AS needed,
              count(*) FILTER (WHERE s.verdict = 'UNNEEDED') AS unneeded,
              count(*) FILTER (WHERE s.verdict = 'OPEN') AS open
       FROM shadow_results s GROUP BY 1 ORDER BY 1"""
)


class Modes:
    """The store of modes.

    Args:
        engine: the database, as healing_user.
        standards: when an action is found worthy of more, or of less.
    """

    def __init__(self, engine: Engine, standards: Standards) -> None:
        self._engine = engine
        self._standards = standards

    def written(self) -> Mapping[str, WrittenMode]:
        """What people and demotions have written, by action."""
        with transaction(self._engine) as connection:
            rows = connection.execute(select(action_modes).order_by(action_modes.c.action)).all()
        return {
            row.action: WrittenMode(
                action=row.action, mode=ActionMode(row.mode), since=row.since, who=row.who, why=row.why
            )
            for row in rows
        }

    def set(self, action: str, mode: ActionMode, *, who: str, why: str) -> None:
        """A person's decision. Once this returns nothing that it forbids begins; earlier results count no more."""
        with transaction(self._engine) as connection:
            connection.execute(NO_ADMISSION_NOW)
            connection.execute(_ONE_AT_A_TIME, {"action": action})
            _write(connection, action, Change.SET, _written(connection, action), mode, who=who, why=why)

    def changes(self, *, limit: int) -> Sequence[ModeChange]:
        """What became of the modes, the newest first."""
        statement = select(mode_changes).order_by(mode_changes.c.at.desc()).limit(limit)
        with transaction(self._engine) as connection:
            rows = connection.execute(statement).all()
        return [
            ModeChange(
                action=row.action,
                change=Change(row.kind),
                before=row.from_mode,
                after=row.to_mode,
                who=row.who,
                why=row.why,
                at=row.at,
            )
            for row in rows
        ]

    def shadowed(self) -> Sequence[Shadowed]:
        """What mode shadow has shown so far, by action."""
        with transaction(self._engine) as connection:
            return [Shadowed(**row._asdict()) for row in connection.execute(_SHADOWED)]

    def review(self, modes: Mapping[str, str]) -> None:
        """Judge every action that only plans.

        Args:
            modes: by the settings, of each action.
        """
        written = self.written()
        for action, mode in modes.items():
            now = stricter([mode, *([written[action].mode] if action in written else [])])
            if now is ActionMode.SHADOW:
                with transaction(self._engine) as connection:
                    self.judge_in(connection, action, now)

    def judge_in(self, connection: Connection, action: str, mode: str | None) -> None:
        """Demote, or propose, by the results in this mode; within the caller's transaction.

        Args:
            connection: the caller's.
            action: its name, or `preempt:` and its name.
            mode: in which it was admitted; None: it was no attempt.
        """
        if mode is None:
            return
        connection.execute(_ONE_AT_A_TIME, {"action": action})  # two results at once: the later one counts both
        own = action.removeprefix(PREEMPT)
        now = stricter([mode, _written(connection, action), _written(connection, own)])
        if now != mode:  # demoted meanwhile: what was admitted before says nothing about the mode in force
            return
        most = self._standards.fewest if now is ActionMode.AUTO else _MOST
        asked = {"action": own, "name": action, "mode": now.value, "most": most, "preemptive": own != action}
        results = connection.scalars(_PLANS if now is ActionMode.SHADOW else _HEALS, asked).all()
        step = judge(now, results, self._standards)
        if step is not None:
            _take(connection, action, now, step)


def _take(connection: Connection, action: str, now: ActionMode, step: Step) -> None:
    """Write a step down, and tell a person; a proposal once for each time that the mode was written."""
    if step.change is Change.DEMOTED:
        _write(connection, action, step.change, now, step.mode, who=OURS, why=step.why)
        _tell(connection, action, f"{action} was demoted from {now} to {step.mode}: {step.why}; it asks a person now")
    elif not _is_proposed(connection, action, step):
        _note(connection, action, step.change, now, step.mode, who=OURS, why=step.why)
        _tell(connection, action, f"{action} has earned mode {step.mode}: {step.why}; a person decides, {_how(action)}")


def _how(action: str) -> str:
    where = "[prediction.preempt]" if action.startswith(PREEMPT) else f"[actions.{action}]"
    return f"by {where} in the settings, or `selfheal actions mode {action} ...` where it was set there"


def _is_proposed(connection: Connection, action: str, step: Step) -> bool:
    columns = mode_changes.c
    last = select(columns.kind, columns.to_mode).where(columns.action == action).order_by(columns.at.desc()).limit(1)
    row = connection.execute(last).first()
    return row is not None and (row.kind, row.to_mode) == (Change.PROPOSED, step.mode)


def _written(connection: Connection, action: str) -> ActionMode:
    """What is written of the action; nothing limits nothing."""
    found = connection.scalar(select(action_modes.c.mode).where(action_modes.c.action == action))
    return ActionMode(found or ActionMode.AUTO)


def _write(  # noqa: PLR0913 - each is a column
    connection: Connection, action: str, change: Change, before: str, mode: ActionMode, *, who: str, why: str
) -> None:
    now = {
        "mode": mode.value,
        "since": text("clock_timestamp()"),
        "who": identifier(who, 100),
        "why": shorten(why, 500),
    }
    statement = upsert(action_modes).values(action=action, **now)
    connection.execute(statement.on_conflict_do_update(index_elements=[action_modes.c.action], set_=now))
    _note(connection, action, change, before, mode, who=who, why=why)


def _note(  # noqa: PLR0913 - each is a column
    connection: Connection, action: str, change: Change, before: str, after: str, *, who: str, why: str
) -> None:
    values = {"from_mode": before, "to_mode": after, "who": identifier(who, 100), "why": shorten(why, 500)}
    connection.execute(insert(mode_changes).values(action=action, kind=change.value, **values))


def _tell(connection: Connection, action: str, message: str) -> None:
    connection.execute(
        insert(alert_outbox).values(severity="WARNING", dedup_key=f"mode/{action}", message=shorten(message, 2000))
    )
