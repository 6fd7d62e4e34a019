"""Who a person is on the command line where a name is not enough: known by a token, never typed there itself."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from console.place import Place
from selfheal.model.errors import NotAllowed

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from selfheal.model.approval import Word
    from selfheal.model.identity import Identity
    from selfheal.store.approvals import Approvals
    from selfheal.store.reports import Reports

VARIABLE = "SELFHEAL_TOKEN"
TokenFile = Annotated[str, Parameter(help=f"A file that only you may read, with your token; else {VARIABLE} holds it.")]
_HOW = "an admin makes one with `selfheal token issue NAME --role approver`"


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Where somebody answers.

    Attributes:
        identity: who.
        approvals: the questions.
        reports: what became of them.
        engine: the database as the web server, seen by this person.
    """

    identity: "Identity"
    approvals: "Approvals"
    reports: "Reports"
    engine: "Engine"

    @contextmanager
    def recorded(self, word: "Word", subject: str, why: str) -> Iterator[None]:
        """Around an answer: let in who may give it, and write it down with it."""
        from selfheal.model.identity import Door  # noqa: PLC0415  keeps `--help` fast
        from selfheal.policy.approval import DEEDS  # noqa: PLC0415
        from selfheal.store.deeds import Deeds  # noqa: PLC0415

        told = {"why": why}
        with Deeds(self.engine).recorded(self.identity, Door.CLI, DEEDS[word], subject=subject, details=told):
            yield


@contextmanager
def desk_of(place: Place, token_file: str) -> Iterator[Desk]:
    """The desk of whoever the token is.

    Raises:
        NotAllowed: there is no token, or it does not live.
        Transient: no stack runs.
    """
    secret = _secret(token_file)
    from selfheal.store.approvals import Approvals  # noqa: PLC0415  keeps `--help` fast
    from selfheal.store.engine import open_engine, seen_by  # noqa: PLC0415
    from selfheal.store.reports import Reports  # noqa: PLC0415
    from selfheal.store.tokens import Tokens  # noqa: PLC0415

    use_within = place.settings().healing.approval_use
    engine = open_engine(place.web_database_url(), pool_size=1)
    try:
        identity = Tokens(engine).find(secret)
        if identity is None:
            raise NotAllowed("this token is unknown, expired or revoked", hint=_HOW)
        with seen_by(engine, identity):
            approvals = Approvals(engine, use_within=use_within)
            yield Desk(identity=identity, approvals=approvals, reports=Reports(engine), engine=engine)
    finally:
        engine.dispose()


def _secret(token_file: str) -> str:
    """The token; what others may read is none."""
    if not token_file:
        secret = os.environ.get(VARIABLE, "")
        if not secret:
            raise NotAllowed(
                "this needs a token: an answer is somebody's", hint=f"{_HOW}; set {VARIABLE}, or name --token-file"
            )
        return secret.strip()
    path = Path(token_file).expanduser()
    try:
        open_to = stat.S_IMODE(path.stat().st_mode) & 0o077
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NotAllowed(f"the token file {path} cannot be read: {error}", hint=_HOW) from error
    if open_to:
        raise NotAllowed(f"others may read the token file {path}", hint=f"chmod 600 {path}")
    return secret
