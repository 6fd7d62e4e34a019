"""What must not be believed of a database that came out of a backup; `selfheal restore` calls this."""

from sqlalchemy import Engine, text

from selfheal.store.engine import transaction

_SETTLE = text(
    """UPDATE healing_actions
       SET status = 'FAILED', success = false, verification = 'UNKNOWN', completed_at = now(), lease_until = NULL,
           rollback_outcome = CASE WHEN plan IS NULL THEN 'NOT_PLANNED' ELSE 'NOT_NEEDED' END,
           interrupted = true, fence = fence + 1, error_message = :why,
           metadata = coalesce(metadata, '{}') || jsonb_build_object('message', CAST(:why AS text))
       WHERE status IN ('PENDING', 'RUNNING')"""
)
_FORGET_RUNS = text("UPDATE mechanism_runs SET ended_at = now() WHERE ended_at IS NULL")
WHY = "under way when the backup was taken: how it ended is not known here, and it is not carried on"


def settle(engine: Engine) -> int:
    """End every attempt and run that was under way; gives how many attempts.

    Nobody carries them on: what happened after the snapshot is unknown, so that acting again might repeat an effect,
    and their holders may be living processes of the system that the backup was taken of.

    Args:
        engine: the database, as healing_user.
    """
    with transaction(engine) as connection:
        connection.execute(_FORGET_RUNS)
        return connection.execute(_SETTLE, {"why": WHY}).rowcount
