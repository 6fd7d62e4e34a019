"""How long a person waits for the web server: the real process over 100,000 attempts and a million looks, four at once.

A page is the overview, the list of actions, or one fault; a query is a nested one of the API: faults, their attempts,
the faults of those. Beside the query stand the bare statements that it comes to, on as many connections.
"""

import contextlib
import itertools
import math
import os
import random
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
import psycopg

from benchmarks.case import Case
from benchmarks.database import Database, own_database, scratch
from benchmarks.rounds import alternate, until
from deployments.embedded import child
from selfheal.model.identity import Role
from selfheal.store.engine import open_engine
from selfheal.store.tokens import Tokens

CLIENTS = 4
FILL = Path(__file__).parent / "sql" / "web_fill.sql"
SETTINGS = '[web]\nrequests_a_minute = 100000\n\n[supervisors.main]\nurl = "http://127.0.0.1:9"\n'
COMPONENT = (
    '\n[components.c{0}]\nprobe = "process"\nsupervisor = "main"\nprogram = "c{0}"\nladder = ["restart-service"]\n'
)
QUERY = (
    "{ faults(first: 50) { nodes { id component state detectedAt"
    " attempts { id action status createdAt fault { id priority } } } } }"
)
_FAULTS = b"SELECT * FROM faults ORDER BY detected_at DESC, id DESC LIMIT 51"
_ATTEMPTS = b"""SELECT a.* FROM faults f JOIN healing_actions a ON a.target_key = f.target_key AND a.fault_id = f.id
                WHERE f.id = ANY(%s) ORDER BY a.created_at, a.id"""
_RESOURCE = re.compile(r"""<(?:link|script|img)[^>]*?(?:href|src)="([^"]+)\"""")
_NO_OTHER = "nothing to compare with"


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is asked.

    Attributes:
        attempts: rows of healing_actions.
        looks: rows of health_history.
        rounds: figures.
        requests: of one figure.
    """

    attempts: int
    looks: int
    rounds: int
    requests: int


FULL = Load(attempts=100_000, looks=1_000_000, rounds=5, requests=200)
QUICK = Load(attempts=2_000, looks=20_000, rounds=1, requests=24)


@dataclass(frozen=True, kw_only=True)
class Served:
    """The running server, and what is in it.

    Attributes:
        url: where it listens.
        secret: of an admin's token.
        faults: ids of some.
    """

    url: str
    secret: str = field(repr=False)
    faults: Sequence[str]

    def client(self) -> httpx.Client:
        """A program that may see all."""
        shown = {"authorization": f"Bearer {self.secret}", "accept": "text/html"}
        return httpx.Client(base_url=self.url, headers=shown, timeout=30, trust_env=False)


def web(*, quick: bool) -> list[Case]:
    """All cases."""
    load = QUICK if quick else FULL
    with scratch() as folder, own_database(folder) as database:
        _fill(database, load)
        secret = _token(database)
        with _server(database, folder) as url:
            served = Served(url=url, secret=secret, faults=_some_faults(database))
            return [*_pages(served, load), *_queries(served, database, load), *_overview(served)]


def _fill(database: Database, load: Load) -> None:
    """The tables, with their statistics."""
    script = FILL.read_text().replace(":attempts", str(load.attempts)).replace(":looks", str(load.looks))
    database.owner.execute(script.encode())
    database.owner.execute("VACUUM (ANALYZE) faults, healing_actions")
    database.owner.execute("ANALYZE health_history")


def _token(database: Database) -> str:
    engine = open_engine(database.migrator_url, pool_size=1)
    try:
        return Tokens(engine).issue("bench", Role.ADMIN, None, timedelta(hours=2), "benchmarks")[0]
    finally:
        engine.dispose()


@contextlib.contextmanager
def _server(database: Database, folder: Path) -> Iterator[str]:
    """The real process."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    config = folder / "selfheal.toml"
    config.write_text(SETTINGS + "".join(COMPONENT.format(number) for number in range(40)))
    environment = {
        **child.base_environment(home=folder),
        "SELFHEAL_CONFIG": str(config),
        "SELFHEAL_API_DATABASE_URL": database.api_url,
        "PREFECT_API_URL": "http://127.0.0.1:9/api",
    }
    command = child.wrapped([sys.executable, "-m", "console.web", "--port", str(port)], parent=os.getpid())
    with (folder / "web.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _answers(url) or process.poll() is not None, what="the web server answers")
        yield url
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _some_faults(database: Database) -> Sequence[str]:
    rows = database.owner.execute("SELECT id FROM faults ORDER BY detected_at DESC LIMIT 2000").fetchall()
    return [str(row[0]) for row in rows]


def _pages(served: Served, load: Load) -> list[Case]:
    """The overview, actions and faults in turn."""
    paths = itertools.cycle(["/", "/actions", "/faults/{fault}"])
    dice = random.Random(1)  # noqa: S311 - which fault is looked at

    def work() -> Callable[[], None]:
        client = served.client()

        def once() -> None:
            client.get(next(paths).format(fault=dice.choice(served.faults))).raise_for_status()

        return once

    found = alternate({"ours": lambda: _p95(work, load)}, rounds=load.rounds, what="pages")
    return [Case(name="page-p95", unit="ms", ours=found["ours"], what_other=_NO_OTHER)]


def _queries(served: Served, database: Database, load: Load) -> list[Case]:
    """The nested query, and its bare statements."""

    def ours() -> Callable[[], None]:
        client = served.client()

        def once() -> None:
            answer = client.post("/graphql", json={"query": QUERY}).raise_for_status().json()
            if "errors" in answer or not answer["data"]["faults"]["nodes"][0]["attempts"]:
                raise TimeoutError(f"the query was not answered: {answer}")

        return once

    def bare() -> Callable[[], None]:
        connection = psycopg.connect(database.api_url.replace("+psycopg", ""), autocommit=True)

        def once() -> None:
            ids = [row[0] for row in connection.execute(_FAULTS).fetchall()]
            connection.execute(_ATTEMPTS, (ids,)).fetchall()

        return once

    sides = {"ours": lambda: _p95(ours, load), "bare": lambda: _p95(bare, load)}
    found = alternate(sides, rounds=load.rounds, what="query")
    what = "the two statements that the query comes to, by the driver alone, on as many connections"
    return [Case(name="query-p95", unit="ms", ours=found["ours"], other=found["bare"], what_other=what)]


def _overview(served: Served) -> list[Case]:
    """How large it is, and how many requests a browser makes for it: the page, what it names, and its events."""
    with served.client() as client:
        page = client.get("/").raise_for_status()
    resources = {one for one in _RESOURCE.findall(page.text) if not one.startswith("data:")}
    return [
        Case(name="overview-bytes", unit="bytes", ours=(float(len(page.content)),), what_other=_NO_OTHER),
        Case(name="overview-requests", unit="requests", ours=(2.0 + len(resources),), what_other=_NO_OTHER),
    ]


def _p95(work: Callable[[], Callable[[], None]], load: Load) -> float:
    """The 95th percentile in ms of so many calls, by `CLIENTS` who each wait for their answer."""

    def one_client(_: int) -> list[float]:
        once = work()
        once()  # a connection, and what is prepared with it, is nobody's wait
        return [_timed(once) for _ in range(load.requests // CLIENTS)]

    with ThreadPoolExecutor(CLIENTS) as clients:
        times = sorted(itertools.chain.from_iterable(clients.map(one_client, range(CLIENTS))))
    return times[math.ceil(len(times) * 0.95) - 1]


def _timed(once: Callable[[], None]) -> float:
    began = time.perf_counter()
    once()
    return (time.perf_counter() - began) * 1000
