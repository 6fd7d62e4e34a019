"""Wires the domain: settings and a database URL in, a ready `Estate` out.

Tasks, flows and the command line get what they need from here and from nowhere else; `selfheal.wiring` has the parts.
"""

import functools
import os
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from selfheal.clients.clock import SystemClock
from selfheal.logs import hide
from selfheal.model.errors import Permanent
from selfheal.model.web_address import WebAddress
from selfheal.settings.estate import Settings
from selfheal.settings.file import interpret, text_of
from selfheal.settings.in_force import InForce
from selfheal.settings.secrets import secrets
from selfheal.store.breakers import Breakers
from selfheal.store.engine import open_engine
from selfheal.store.heals import Heals
from selfheal.store.health import HealthHistory
from selfheal.store.intake import Intake
from selfheal.store.mechanisms import Mechanisms
from selfheal.store.modes import Modes
from selfheal.store.outbox import Outbox
from selfheal.store.raised import RaisedTriggers
from selfheal.store.rates import RateReports
from selfheal.store.reading.faults import Faults
from selfheal.store.reading.predictions import PredictionReports
from selfheal.store.retention import Retention
from selfheal.store.runs import MechanismRuns
from selfheal.store.starts import Starts
from selfheal.wiring.alerts import emergency_of, telling_of
from selfheal.wiring.clients import clients_of
from selfheal.wiring.estate import Estate
from selfheal.wiring.healing import actions_of, healer_of, observer_of
from selfheal.wiring.host import host_of
from selfheal.wiring.predicting import predicting_of
from selfheal.wiring.starts import keeping_of, starting_of
from selfheal.wiring.workflows import WorkflowPorts, ports_of, recovery_of

__all__ = ["Estate", "current", "renewed", "wire"]


def wire(  # noqa: PLR0913 - each is told by another caller
    settings: Settings,
    *,
    database_url: str,
    web_url: str = "",
    statement_s: int = 10,
    ports: WorkflowPorts | None = None,
    spool: str = "",
) -> Estate:
    """The estate that these settings describe; nothing is connected yet. Its secrets are hidden from the log.

    Args:
        settings: of the estate.
        database_url: as healing_user, or as the web server.
        web_url: where people find the web server; empty: as the settings say.
        statement_s: how long one statement may take.
        ports: where workflows are read and written; None: as the settings say.
        spool: the folder for alerts while the database is away; empty: there is none.
    """
    hide([*(value for _, value in secrets(settings)), unquote(urlsplit(database_url).password or "")])
    clock, engine = SystemClock(), open_engine(database_url, statement_s=statement_s)
    web = WebAddress(base=web_url or settings.web.public_url.rstrip("/"))
    clients = clients_of(settings, engine, clock)
    file, limits = clients.request_file, settings.limits()
    host = host_of(settings, engine, broker=clients.broker, clock=clock)
    read = ports or ports_of(settings, engine, file)
    observer, workflows = observer_of(settings, clients, engine, host=host, ports=read)
    breakers = Breakers(engine, settings.breaker_rules())
    modes = Modes(engine, settings.promotion.standards())
    actions = actions_of(settings, clients, engine, observe=observer, workflows=workflows)
    store = Heals(engine, limits, breakers, modes, settings.costs.costs())
    healer = healer_of(settings, store, actions, clients, observe=observer)
    return Estate(
        settings=settings,
        healer=healer,
        observer=observer,
        health=HealthHistory(engine),
        faults=Faults(engine),
        web=web,
        runs=MechanismRuns(engine),
        mechanisms=Mechanisms(engine),
        breakers=breakers,
        raised=RaisedTriggers(engine),
        intake=Intake(engine, quiet=settings.intake.quiet),
        starts=Starts(engine, limits, settings.starts.within()),
        modes=modes,
        rates=RateReports(engine),
        outbox=Outbox(engine),
        telling=telling_of(settings, engine, spool=spool, web=web),
        emergency=emergency_of(settings, spool=spool, clock=clock),
        containers=clients.containers,
        request_file=file,
        starting=None if file is None else starting_of(settings, engine, file=file, breakers=breakers, clock=clock),
        keeping=None if file is None else keeping_of(settings, engine, file=file, clock=clock),
        retention=Retention(engine, settings.retention.keep()),
        host=host,
        engine=engine,
        predicting=predicting_of(settings, engine, workflows, clock=clock),
        prediction_reports=PredictionReports(engine),
        recovery=None if workflows is None else recovery_of(settings, workflows, engine, healer=healer),
    )


@functools.cache
def current() -> Estate:
    """The estate of this process: settings from `SELFHEAL_CONFIG`, the database from `SELFHEAL_DATABASE_URL`.

    Links in reports and alerts begin with `SELFHEAL_WEB_URL`, which `selfheal up` sets, or with `web.public_url`.

    Raises:
        Permanent: the environment names no database, or the settings are wrong.
    """
    url = os.environ.get("SELFHEAL_DATABASE_URL")
    if not url:
        raise Permanent("SELFHEAL_DATABASE_URL is not set", hint="flows run in the worker that `selfheal up` starts")
    path = Path(found) if (found := os.environ.get("SELFHEAL_CONFIG")) else None
    text = "" if path is None else text_of(path)
    settings = interpret(text, path=path)
    web_url, spool = os.environ.get("SELFHEAL_WEB_URL", ""), os.environ.get("SELFHEAL_SPOOL", "")
    estate = wire(settings, database_url=url, web_url=web_url, spool=spool)
    return estate if path is None else replace(estate, overtaken=InForce(path=path, text=text).overtaken)


def renewed() -> Estate:
    """The same by the settings in force now, in place of the earlier one, whose heals must be over.

    Raises:
        Permanent: as `current`.
    """
    earlier = current()
    current.cache_clear()
    earlier.close()
    return current()
