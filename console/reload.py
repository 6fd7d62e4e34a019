"""`selfheal reload`: the running stack takes its edited settings file up."""

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from console.failure import BAD_NEWS, FINE, WrongUsage
from console.output import Cell, Section, rehearsed, show
from console.place import DryRun, Output, Place

if TYPE_CHECKING:
    from deployments.reload import Reloaded


def reload(
    *,
    place: Place = Place(),  # noqa: B008 - frozen: cyclopts fills a copy
    dry_run: DryRun = False,
    timeout: Annotated[float, Parameter(validator=Number(gt=0), help="Seconds to wait for the stack.")] = 60.0,
    output: Output = "table",
) -> int:
    """Take the settings file up without a restart."""
    from console.deed import noted  # noqa: PLC0415  keeps `--help` fast
    from selfheal.policy.identity import Deed  # noqa: PLC0415  the same

    if dry_run:
        done = _asked(place, dry_run=True, timeout=timeout)
    else:
        with noted(place, Deed.RELOAD) as told:
            done = _asked(place, dry_run=False, timeout=timeout)
            told |= {"source": done.source, "changed": [one.setting for one in done.changes]}
    facts: dict[str, Cell] = rehearsed(dry_run) | {
        "settings": done.source,
        "reloaded": "no, this is a dry run" if dry_run else "yes",
        "may_now_be_healed": ", ".join(one.now for one in done.changes if one.change == "may now be healed"),
        "no_longer_healed": ", ".join(one.was for one in done.changes if one.change == "no longer healed"),
        "needs_a_restart_of_selfheal_up": ", ".join(done.needs_restart),
        "environment_stays_above_the_file": ", ".join(done.overrides),
        "watcher": done.late or ("" if dry_run else "a new run takes over; heals under way finish as they began"),
    }
    rows = [{"setting": one.setting, "change": one.change, "was": one.was, "now": one.now} for one in done.changes]
    table = Section(name="changes", columns=("setting", "change", "was", "now"), rows=rows)
    show([table], output=output, facts={name: value for name, value in facts.items() if value or output == "json"})
    return BAD_NEWS if done.late else FINE


def _asked(place: Place, *, dry_run: bool, timeout: float) -> "Reloaded":
    """What the running stack says to the file."""
    from deployments.reload_request import ask  # noqa: PLC0415  keeps `--help` fast

    done = ask(place.folder, config=place.config_file() if place.config else None, dry_run=dry_run, within_s=timeout)
    if done.wrong:
        raise WrongUsage(done.wrong, hint=done.hint or "the running stack goes on with the settings that it had")
    return done
