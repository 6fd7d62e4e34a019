"""The estate as a command sees it: wired by the settings, with the database of the running stack."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from console.place import Place
from selfheal.bootstrap import Estate, wire
from selfheal.store.engine import rehearsing


@contextmanager
def estate_of(place: Place, *, dry_run: bool = False) -> Iterator[Estate]:
    """Wire it for one command; in a dry run what that writes is seen by itself only, and is gone afterwards."""
    estate = wire(place.settings(), database_url=place.database_url())
    try:
        with rehearsing(estate.engine) if dry_run else nullcontext():
            yield estate
    finally:
        estate.close()
