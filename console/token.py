"""`selfheal token`: who may use the dashboard and the API, as what, and until when."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

from cyclopts import Parameter

from console.failure import FINE, WrongUsage
from console.output import Cell, Section, rehearsed, show
from console.pause import duration_of, operator
from console.place import DryRun, Output, Place
from selfheal.model.identity import Role

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from sqlalchemy import Engine

    from selfheal.model.identity import Token
    from selfheal.settings.web import PersonTokens

COLUMNS = ("token", "name", "role", "tenant", "state", "issued_by", "created_at", "expires_at", "last_used_at", "why")


def token(  # noqa: PLR0913 - each is an option of the command
    do: Annotated[
        Literal["list", "issue", "revoke"], Parameter(help="list, give somebody one, or take one back.")
    ] = "list",
    whom: Annotated[
        str, Parameter(help="issue: the person's name; revoke: the token's id, as the list shows it.")
    ] = "",
    /,
    *,
    role: Annotated[
        Role | None, Parameter(help="issue: what they may do; each may all that the one before it may.")
    ] = None,
    tenant: Annotated[
        UUID | None, Parameter(help="issue: whose rows they see, and no others; they change nothing.")
    ] = None,
    lasts: Annotated[str, Parameter(help='issue: how long, like "30 d"; else `tokens.lasts` of the settings.')] = "",
    why: Annotated[str, Parameter(help="revoke: why; it is recorded.")] = "",
    dry_run: DryRun = False,
    place: Place = Place(),  # noqa: B008 - frozen: cyclopts fills a copy
    output: Output = "table",
) -> int:
    """List, issue or revoke tokens."""
    _fits(do, whom, {"--role": role, "--tenant": tenant, "--lasts": lasts}, why)
    facts: dict[str, Cell] = dict(rehearsed(dry_run))
    with _owned(place, dry_run=dry_run) as engine:
        from selfheal.store.tokens import Tokens  # noqa: PLC0415  keeps `--help` fast

        if do == "issue" and role is not None:
            facts |= _issue(engine, whom, role, tenant, _lifetime(lasts, place.settings().tokens), dry_run=dry_run)
        elif do == "revoke":
            _revoke(engine, _id(whom), why.strip())
        tokens = [one for one in Tokens(engine).all() if do == "list" or str(one.id) in {facts.get("token"), whom}]
    show([section(tokens)], output=output, facts=facts)
    return FINE


def section(tokens: "Sequence[Token]") -> Section:
    """The tokens as a table; none of them shows its secret."""
    return Section(name="tokens", columns=COLUMNS, rows=[_row(one) for one in tokens])


def _row(one: "Token") -> dict[str, Cell]:
    """One token; as everywhere what is called like the thing is its id."""
    return {
        "token": str(one.id),
        "name": one.name,
        "role": one.role.value,
        "tenant": None if one.tenant is None else str(one.tenant),
        "state": one.state(datetime.now(UTC)),
        "issued_by": one.issued_by,
        "created_at": one.created_at,
        "expires_at": one.expires_at,
        "last_used_at": one.last_used_at,
        "why": None if one.revoked_by is None else f"{one.revoked_by}: {one.revoked_why}",
    }


def _issue(  # noqa: PLR0913 - each is part of a token
    engine: "Engine", name: str, role: Role, tenant: UUID | None, lasts: "timedelta", *, dry_run: bool
) -> dict[str, Cell]:
    """Give out a token; its secret is printed this once."""
    from console.deed import deed  # noqa: PLC0415  keeps `--help` fast
    from selfheal.policy.identity import Deed  # noqa: PLC0415  the same
    from selfheal.store.tokens import Tokens  # noqa: PLC0415  the same

    with deed(engine, Deed.ISSUE_TOKEN, subject=name, role=role.value, tenant=tenant and str(tenant)) as told:
        secret, made = Tokens(engine).issue(name, role, tenant, lasts, operator())
        told |= {"issued": str(made.id), "expires_at": made.expires_at.isoformat()}
    note = "a dry run makes none" if dry_run else "shown this once: keep it where secrets are kept"
    return _row(made) | {"secret": "-" if dry_run else secret, "note": note}


def _revoke(engine: "Engine", token: UUID, why: str) -> None:
    from console.deed import deed  # noqa: PLC0415  keeps `--help` fast
    from selfheal.policy.identity import Deed  # noqa: PLC0415  the same
    from selfheal.store.tokens import Tokens  # noqa: PLC0415  the same

    with deed(engine, Deed.REVOKE_TOKEN, subject=str(token), why=why):
        if not Tokens(engine).revoke(token, operator(), why):
            raise WrongUsage(f"no living token is {token}", hint="see `selfheal token list`")


@contextmanager
def _owned(place: Place, *, dry_run: bool) -> Iterator["Engine"]:
    """The database of the running stack as its owner, whose password only the data folder, or the settings, hold."""
    from deployments import attach  # noqa: PLC0415  keeps `--help` fast
    from deployments.embedded.roles import MIGRATOR  # noqa: PLC0415  the same
    from selfheal.store.engine import open_engine, rehearsing  # noqa: PLC0415  the same

    place.stack()
    engine = open_engine(attach.database_url(place.folder, place.settings(), role=MIGRATOR), pool_size=1)
    try:
        with rehearsing(engine) if dry_run else nullcontext():
            yield engine
    finally:
        engine.dispose()


def _lifetime(words: str, settings: "PersonTokens") -> "timedelta":
    from selfheal.policy.identity import checked_lifetime  # noqa: PLC0415  keeps `--help` fast

    return checked_lifetime(duration_of(words, option="--lasts") if words else settings.lasts, at_most=settings.at_most)


def _fits(do: str, whom: str, given: dict[str, object], why: str) -> None:
    """What was given belongs to what is to be done."""
    if do == "list" and whom:
        raise WrongUsage(f"list takes no name ({whom!r})", hint="like `selfheal token list`")
    if do == "issue" and (not whom or not given["--role"]):
        raise WrongUsage("whose token, with which role?", hint="like `selfheal token issue ada --role operator`")
    if do == "revoke" and not whom:
        raise WrongUsage("which token?", hint="see `selfheal token list`")
    if do == "revoke" and not why.strip():
        raise WrongUsage("--why is empty", hint="say why; it is recorded")
    wrong = [option for option, value in given.items() if value] if do != "issue" else []
    wrong += ["--why"] if why and do != "revoke" else []
    if wrong:
        raise WrongUsage(f"{do} takes no {wrong[0]}", hint="see `selfheal token --help`")


def _id(words: str) -> UUID:
    try:
        return UUID(words)
    except ValueError:
        raise WrongUsage(f"{words!r} is no token's id", hint="see `selfheal token list`") from None
