"""Whether a request file has lost so much since it was last read that it is not to be believed."""

from selfheal.model.file_change import LastGood

FEWEST = 3
"""So many entries at least must be gone: of two requests one may well be done with."""


def shrunk(last: LastGood | None, *, size: int, entries: int) -> str:
    """Why it is not to be believed, in words; empty: it is. It was never read before: it is.

    Args:
        last: the file as it was when it was last read.
        size: of the file as it is, in bytes.
        entries: that it holds.
    """
    if last is None:
        return ""
    fewer = last.entries - entries
    if size * 2 >= last.size and not (fewer >= FEWEST and entries * 2 < last.entries):
        return ""
    was, now = f"{last.entries} entries in {last.size} bytes", f"{entries} in {size}"
    return f"it has shrunk from {was} ({last.seen_at:%Y-%m-%d %H:%M:%S} UTC) to {now}"
