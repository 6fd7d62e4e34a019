"""Flows that use the libraries of the estate, some of which keep threads, sockets and random states of their own."""

import asyncio
import json
from pathlib import Path

import docker
import nats
import numpy as np
import psycopg
from prefect import flow
from sklearn.linear_model import LinearRegression


@flow
def computes(note: str) -> None:
    """Use numpy's linear algebra and a fit of scikit-learn, both of which may keep threads."""
    square = np.random.default_rng(1).random((200, 200))
    trace = float(np.trace(square @ np.linalg.inv(square)))
    slope = float(LinearRegression().fit(np.arange(9.0).reshape(-1, 1), np.arange(9.0) * 2).coef_[0])
    Path(note).write_text(json.dumps({"trace": round(trace), "slope": round(slope)}), encoding="utf-8")


@flow
def asks_postgres(note: str, dsn: str) -> None:
    """Ask a server over libpq."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT 6 * 7").fetchone()
    _tell(note, row)


@flow
async def asks_nats(note: str, url: str, user: str, password: str) -> None:
    """Publish and hear it."""
    client = await nats.connect(url, user=user, password=password)
    heard = await client.subscribe("lab")
    await client.publish("lab", b"hear me")
    message = await heard.next_msg(timeout=20)
    await client.close()
    _tell(note, message.data.decode())


@flow
def asks_nats_sync(note: str, url: str, user: str, password: str) -> None:
    """Do the same from a flow without an event loop of its own."""
    asyncio.run(asks_nats.fn(note, url, user, password))


@flow
def asks_docker(note: str, url: str) -> None:
    """Ask an engine."""
    client = docker.DockerClient(base_url=url)
    _tell(note, client.ping())
    client.close()


def _tell(note: str, answer: object) -> None:
    Path(note).write_text(json.dumps({"answer": answer}), encoding="utf-8")
