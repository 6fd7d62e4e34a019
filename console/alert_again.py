"""`selfheal alerts again`: what a channel never took is sent after all, once its settings are mended."""

from console.database import database_of
from console.deed import deed
from console.failure import FINE, WrongUsage
from console.output import rehearsed, show
from console.place import Output, Place
from selfheal.policy.identity import Deed
from selfheal.policy.names import nearest
from selfheal.store.deliveries import Deliveries


def again(place: Place, only: str, *, why: str, dry_run: bool, output: Output) -> int:
    """Let what is FAILED and still open be sent with the next turn, and say how many deliveries that are.

    Raises:
        WrongUsage: there is no such channel, or none at all.
    """
    channels = place.settings().alerts.names()
    if not channels:
        raise WrongUsage("the settings name no channel", hint="see [alerts] in docs/alerts.md")
    if only and only not in channels:
        raise WrongUsage(f"no channel is named {only[:50]!r}{nearest(only, channels)}", hint="see [alerts.channels]")
    chosen = [only] if only else channels
    with (
        database_of(place, dry_run=dry_run) as database,
        deed(database.engine, Deed.SEND_AGAIN, subject=", ".join(chosen), why=why) as told,
    ):
        told["deliveries"] = Deliveries(database.engine).anew(chosen)
    show([], output=output, facts=rehearsed(dry_run) | {"sent_again": told["deliveries"]})
    return FINE
