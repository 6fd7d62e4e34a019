"""Which stack a command is about: its data folder and its settings, from options, environment and defaults."""

import functools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from console.failure import WrongUsage
from selfheal.model.errors import Permanent, Transient

if TYPE_CHECKING:
    from deployments.prefect_api import PrefectApi
    from deployments.stackfile import Stack
    from selfheal.settings.estate import Settings

FILE = "selfheal.toml"
ROOTS_FOLDER = Path("/var/lib/selfheal")

Output = Annotated[
    Literal["table", "json"],
    Parameter(name=["--output", "-o"], help="How to print the answer; piped tables are tab-separated."),
]


DryRun = Annotated[bool, Parameter(name="--dry-run", negative=(), help="Only tell what would be done.")]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Place:
    """The options that every command has."""

    data: Annotated[
        str | None,
        Parameter(
            env_var="SELFHEAL_DATA",
            help="The stack's data folder; without it ~/.selfheal, for root /var/lib/selfheal.",
        ),
    ] = None
    config: Annotated[
        str | None,
        Parameter(
            env_var="SELFHEAL_CONFIG",
            help="The settings file; without it the accepted one of the running stack, else selfheal.toml here, "
            "else selfheal.toml in the data folder.",
        ),
    ] = None

    @property
    def folder(self) -> Path:
        """The data folder, absolute; it need not exist."""
        if self.data:
            return Path(self.data).expanduser().absolute()
        return ROOTS_FOLDER if os.geteuid() == 0 else Path.home() / ".selfheal"

    def running(self) -> "Stack | None":
        """The stack that runs in the folder, or None; `NotAllowed` if the folder is another user's."""
        from deployments import attach  # noqa: PLC0415  keeps `--help` fast

        return attach.running(self.folder)

    def stack(self) -> "Stack":
        """The stack that runs in the folder.

        Raises:
            Transient: none runs.
        """
        stack = self.running()
        if stack is None:
            raise Transient(f"no stack runs in {self.folder}", hint=self.way_to_one())
        return stack

    def way_to_one(self) -> str:
        """What a person does where no stack runs in the folder."""
        return f"start it with `selfheal up{self._option()}`, or name its folder with --data"

    def config_file(self, *, of_running: bool = True) -> Path | None:
        """The settings file, or None: then there are only defaults and the environment.

        Args:
            of_running: ask the running stack for its file before looking for one.

        Raises:
            WrongUsage: the named file does not exist.
        """
        if self.config:
            named = Path(self.config).expanduser().absolute()
            if not named.is_file():
                raise WrongUsage(f"there is no settings file {named}", hint="name it with --config FILE")
            return named
        stack = self.running() if of_running else None
        if stack is not None:
            return Path(stack.config) if stack.config else None
        found = (folder / FILE for folder in (Path.cwd(), self.folder))
        return next((file for file in found if _is_file(file)), None)

    def edited_file(self) -> Path | None:
        """The file that a person edits: what a running stack goes by is an accepted copy of it."""
        from deployments import accepted  # noqa: PLC0415  keeps `--help` fast

        known = None if self.config or self.running() is None else accepted.about(self.folder)
        if known is None:
            return self.config_file()
        return Path(known.source) if known.source else None

    def settings(self, *, of_running: bool = True) -> "Settings":
        """The settings.

        Raises:
            WrongUsage: they are wrong; names each wrong one.
        """
        return _load(self.config_file(of_running=of_running))

    def database_url(self) -> str:
        """SQLAlchemy's URL of our database.

        Raises:
            Transient: no stack runs, and the environment names no database either.
        """
        named = os.environ.get("SELFHEAL_DATABASE_URL")
        if named:
            return named
        from deployments import attach  # noqa: PLC0415  keeps `--help` fast

        self.stack()
        return attach.database_url(self.folder, self.settings())

    def web_database_url(self) -> str:
        """The same as the web server's role, which alone may write a person's answer; raises the same."""
        named = os.environ.get("SELFHEAL_API_DATABASE_URL")
        if named:
            return named
        from deployments import attach  # noqa: PLC0415  keeps `--help` fast
        from deployments.embedded import roles  # noqa: PLC0415

        self.stack()
        return attach.database_url(self.folder, self.settings(), role=roles.API)

    def prefect(self, *, timeout_s: float | None = None) -> "PrefectApi":
        """The Prefect server: that of `prefect.url`, else the running stack's.

        Raises:
            Transient: the settings name none, and no stack runs.
        """
        from deployments.prefect_api import CALL_TIMEOUT_S, PrefectApi  # noqa: PLC0415  keeps `--help` fast

        settings = self.settings().prefect
        url = settings.url.removesuffix("/api") or self.stack().urls["prefect"]
        secret = settings.auth_string.get_secret_value()
        return PrefectApi(url, auth_string=secret, timeout_s=timeout_s or CALL_TIMEOUT_S)

    def _option(self) -> str:
        return f" --data {self.data}" if self.data else ""


def _is_file(path: Path) -> bool:
    """Whether it is there; what we may not even look at is not."""
    try:
        return path.is_file()
    except OSError:
        return False


@functools.cache
def _load(path: Path | None) -> "Settings":
    from selfheal.settings.file import load  # noqa: PLC0415  keeps `--help` fast

    try:
        return load(path)
    except Permanent as error:
        raise WrongUsage(error.message, hint=error.hint) from error
