"""When a zygote is too old to fork from; decided from what it said of itself and what there is now."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from deployments.prefork.request import Ready, Stamp

GROWTH = 1.25
"""A zygote that holds so many times the memory of its beginning is replaced."""


class When(StrEnum):
    """How soon another zygote is needed."""

    NOW = "before the next run"
    BESIDE = "the next run need not wait for it"


@dataclass(frozen=True, kw_only=True)
class Renewal:
    """That another zygote is needed.

    Attributes:
        when: how soon.
        why: in words.
    """

    when: When
    why: str


def renewal(  # noqa: PLR0913 - each is one thing to look at
    made_of: Ready,
    *,
    now: Mapping[str, Stamp | None],
    runs: int,
    most_runs: int,
    rss: int,
    wanted: Collection[str],
) -> Renewal | None:
    """Whether a zygote has to be replaced.

    Args:
        made_of: what it said when it was ready.
        now: the files it named, as they are.
        runs: that it has forked.
        most_runs: that one may fork.
        rss: bytes that it holds.
        wanted: modules that are to be imported ahead.
    """
    for path, stamp in made_of.files.items():
        if now.get(path) != stamp:
            return Renewal(when=When.NOW, why=f"{path} has changed")
    if runs >= most_runs:
        return Renewal(when=When.BESIDE, why=f"it has forked {runs} runs")
    if made_of.rss and rss > made_of.rss * GROWTH:
        return Renewal(when=When.BESIDE, why=f"it has grown from {made_of.rss >> 20} to {rss >> 20} MiB")
    new = sorted(set(wanted) - set(made_of.modules) - set(made_of.left_out))
    return Renewal(when=When.BESIDE, why=f"{new[0]} is to be imported ahead") if new else None
