"""`selfheal up`: the whole stack in the foreground."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from console.failure import WrongUsage, told
from console.place import Place

if TYPE_CHECKING:
    from console.database import Database
    from console.narrator import Narrator
    from console.stack import Companion
    from deployments.running import Running
    from selfheal.settings.estate import Settings

WATCH_POLL_S = 0.5


def up(
    *,
    place: Place = Place(),  # noqa: B008 - frozen: cyclopts fills a copy
    workers_limit: Annotated[int, Parameter(validator=Number(gte=3, lte=100), help="Flow runs at the same time.")] = 8,
) -> int:
    """Run the stack until Ctrl-C."""
    config = place.config_file(of_running=False)
    settings = place.settings(of_running=False)
    from deployments.guardian import run_guarded  # noqa: PLC0415  keeps `--help` fast

    log = place.folder / "logs" / "selfheal.log"
    return run_guarded(
        lambda: told(
            lambda: _run(settings, config, place.folder, workers_limit),
            log=lambda: log if log.parent.is_dir() else None,
        )
    )


def _run(settings: "Settings", config: Path | None, data: Path, limit: int) -> int:
    """In the guardian's child."""
    from console import stack  # noqa: PLC0415  only here: alembic, psycopg and SQLAlchemy
    from console.narrator import Narrator  # noqa: PLC0415
    from deployments.running import open_stack  # noqa: PLC0415
    from selfheal.settings.file import WrongSettings  # noqa: PLC0415

    narrator = Narrator()
    narrator.plain(f"selfheal up: data folder {data}; settings {config or 'none'}; Ctrl-C stops everything")
    try:
        running = open_stack(settings, config=config, data=data)
    except WrongSettings as error:
        raise WrongUsage(error.message, hint=error.hint) from error

    def beside(companion: "Companion") -> None:
        if companion.wait_ready():
            for line, style in summary(settings, running):
                narrator.plain(line, style=style)
            _tell_watching(companion, running, narrator)

    stack.run(running, limit=limit, narrator=narrator, companion=beside)
    narrator.say("everything has stopped")
    return 0


def summary(settings: "Settings", running: "Running") -> Sequence[tuple[str, str]]:
    """Lines with their styles: where things are, what is watched, what may be healed."""
    allowed = sorted(settings.healing.allow)
    watched = sorted(settings.catalogue())
    lines = [
        ("", ""),
        ("All parts are ready.", "green"),
        *([(f"  dashboard      {running.urls()['web']}", "bold")] if running.web else []),
        (f"  Prefect UI     {running.urls()['prefect']}", "bold"),
        *_outside(settings, running.urls()),
        (f"  data folder    {running.folder.path} (logs in {running.folder.logs})", ""),
        (f"  watched        {', '.join(watched) or 'nothing: the settings name no components'}", ""),
        (f"  may be healed  {', '.join(allowed)}", ""),
        ("Ctrl-C stops everything.", ""),
        ("", ""),
    ]
    if not allowed:
        lines[-3] = ("  NOTHING MAY BE HEALED: healing.allow is empty, everything is only observed", "red")
    return lines


def _outside(settings: "Settings", urls: Mapping[str, str]) -> Sequence[tuple[str, str]]:
    """The servers that run elsewhere."""
    named = {"postgres": settings.postgres, "nats": settings.nats, "prefect": settings.prefect}
    return [
        (f"  {name:<14} {urls[name]}, which is waited for, never started or stopped", "")
        for name, server in named.items()
        if server.outside
    ]


def _tell_paused(database: "Database", narrator: "Narrator") -> None:
    """A pause outlives a restart: whoever starts the stack should know."""
    paused = database.pauses.current()
    if paused is not None:
        narrator.plain(
            f"NOTHING IS HEALED: paused by {paused.who} ({paused.why}); `selfheal resume --why ...` ends it",
            style="red",
        )


def _tell_watching(companion: "Companion", running: "Running", narrator: "Narrator") -> None:
    """One line when the first watcher has swept."""
    from console import stack  # noqa: PLC0415
    from console.database import reading  # noqa: PLC0415
    from selfheal.model.errors import SelfhealError  # noqa: PLC0415

    with reading(stack.database_url(running)) as database:
        _tell_paused(database, narrator)
        while not companion.ended.wait(WATCH_POLL_S):
            try:
                watches = database.health.watches()
            except SelfhealError:  # the line of the part tells it
                continue
            for watch in watches:
                if watch.began_at.timestamp() > narrator.begun:
                    narrator.say(f"{watch.mechanism} watches", style="green")
                    return
