"""The acceptance cases of the workers: what is done, and what is seen of it, as the words of `worker_table`.

A case is called when its run may begin, and gives what is called to see how it ended: so the runs of the cases in
`TOGETHER` are all under way at the same time. Cases that cancel, kill or stop something are in `worker_blows`.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from worker_lab import Lab, described

Seen = Callable[[], str]
Case = Callable[[Lab], Seen]

CASES: dict[str, Case] = {}
TOGETHER: set[str] = set()
BURST = 20


def case(begin: Case) -> Case:
    """A case of its own: it kills or waits, and nothing else runs beside it."""
    CASES[_named(begin)] = begin
    return begin


def together(begin: Case) -> Case:
    """A case whose runs may be under way beside those of others."""
    TOGETHER.add(_named(begin))
    return case(begin)


def _named(begin: Case) -> str:
    return begin.__name__.replace("_", "-")


def _ends(lab: Lab, entrypoint: str, **parameters: Any) -> Seen:
    """One run, of which its end is what is seen."""
    run = lab.run(entrypoint, parameters)
    return lambda: described(lab.ended(run))


def _tells(lab: Lab, entrypoint: str, **parameters: Any) -> Seen:
    """One run, of which its end and what it told are seen."""
    note = lab.note()
    run = lab.run(entrypoint, {"note": str(note), **parameters})

    def seen() -> str:
        ended = described(lab.ended(run))
        return f"{ended}: {_flat(lab.told(note))}" if note.exists() else ended

    return seen


def _flat(facts: dict[str, Any]) -> str:
    return ", ".join(f"{name} {json.dumps(value)}" for name, value in sorted(facts.items()) if name != "pid")


def hooked(lab: Lab, note: Path, hook: str, state: str) -> str:
    """That the hook of a final state is called, as soon as it is."""
    lab.until(f"{hook} is called", note.with_suffix(f".{state}").exists)
    return f"; {hook} called"


@together
def success(lab: Lab) -> Seen:
    """A flow that returns."""
    return _ends(lab, "lab_cases.success", note=str(lab.note()))


@together
def success_async(lab: Lab) -> Seen:
    """The same on an event loop."""
    return _ends(lab, "lab_cases.success_async", note=str(lab.note()))


@together
def failure(lab: Lab) -> Seen:
    """An exception in the flow."""
    return _ends(lab, "lab_cases.failure")


@together
def failure_async(lab: Lab) -> Seen:
    """The same on an event loop."""
    return _ends(lab, "lab_cases.failure_async")


@together
def import_error(lab: Lab) -> Seen:
    """The flow's module cannot be imported."""
    return _ends(lab, "lab_broken.never")


@together
def missing_flow(lab: Lab) -> Seen:
    """The module has no such flow."""
    return _ends(lab, "lab_cases.there_is_no_such_flow")


@together
def os_exit(lab: Lab) -> Seen:
    """`os._exit(3)` in the flow."""
    note = lab.note()
    run = lab.run("lab_cases.leaves", {"note": str(note), "code": 3})
    return lambda: described(lab.ended(run)) + hooked(lab, note, "on_crashed", "crashed")


@together
def segfault(lab: Lab) -> Seen:
    """A segmentation fault in the flow."""
    note = lab.note()
    run = lab.run("lab_cases.segfault", {"note": str(note)})
    return lambda: described(lab.ended(run)) + hooked(lab, note, "on_crashed", "crashed")


@together
def sys_exit_three(lab: Lab) -> Seen:
    """`sys.exit(3)` in the flow."""
    return _ends(lab, "lab_cases.exits", code=3)


@together
def sys_exit_zero(lab: Lab) -> Seen:
    """`sys.exit(0)` in the flow."""
    return _ends(lab, "lab_cases.exits", code=0)


@together
def timeout(lab: Lab) -> Seen:
    """A flow that takes longer than its `timeout_seconds`."""
    return _ends(lab, "lab_cases.too_long")


@together
def timeout_async(lab: Lab) -> Seen:
    """The same on an event loop."""
    return _ends(lab, "lab_cases.too_long_async")


@together
def fork_and_threads(lab: Lab) -> Seen:
    """The run forks a pool and starts threads of its own."""
    return _tells(lab, "lab_cases.forks_and_threads")


@together
def tasks_at_once(lab: Lab) -> Seen:
    """The run submits tasks, which run in threads of Prefect's."""
    return _tells(lab, "lab_cases.submits_tasks")


@together
def numpy_and_scikit_learn(lab: Lab) -> Seen:
    """The run computes with both."""
    return _tells(lab, "lab_libraries.computes")


@together
def psycopg_in_a_run(lab: Lab) -> Seen:
    """The run asks a Postgres over libpq."""
    return _tells(lab, "lab_libraries.asks_postgres", dsn=lab.services["postgres"])


@case
def nats_in_a_run(lab: Lab) -> Seen:
    """The run publishes and hears over NATS, in a sync flow."""
    return _tells(lab, "lab_libraries.asks_nats_sync", **lab.services["nats"])


@case
def nats_in_an_async_run(lab: Lab) -> Seen:
    """The same in an async flow."""
    return _tells(lab, "lab_libraries.asks_nats", **lab.services["nats"])


@case
def docker_in_a_run(lab: Lab) -> Seen:
    """The run asks a Docker engine."""
    return _tells(lab, "lab_libraries.asks_docker", url=lab.services["docker"])


@together
def logs(lab: Lab) -> Seen:
    """A print and a logger line reach the API; the raw output reaches the worker's."""
    word = f"word-{lab.note().stem}"
    run = lab.run("lab_cases.talks", {"word": word})

    def seen() -> str:
        ended = described(lab.ended(run))
        at_the_api = {f"{word} printed", f"{word} logged"}
        lab.until("the lines are at the API", lambda: at_the_api <= set(lab.logged(run)))
        raw = (f"{word} written", f"{word} complained")
        lab.until("the output is the worker's", lambda: all(one in lab.said() for one in raw))
        return f"{ended}; print and logger at the API, stdout and stderr in the worker's output"

    return seen


@together
def twenty_at_once(lab: Lab) -> Seen:
    """Twenty runs begun at once, each in a process of its own."""
    notes = [lab.note() for _ in range(BURST)]
    runs = [lab.run("lab_cases.success", {"note": str(note)}) for note in notes]

    def seen() -> str:
        ended = {described(lab.ended(run)) for run in runs}
        processes = {lab.told(note)["pid"] for note in notes}
        return f"{', '.join(sorted(ended))} in {len(processes)} processes"

    return seen


@together
def file_entrypoint(lab: Lab) -> Seen:
    """The deployment names a file and a folder, which is copied to where the run works."""
    note = lab.note()
    run = lab.run("lab_edited.py:says", {"note": str(note)}, deployment="by-file", path=str(lab.flows))
    return lambda: f"{described(lab.ended(run))}: {note.read_text(encoding='utf-8')}"


@case
def secret_of_a_run(lab: Lab) -> Seen:
    """A variable of one run's environment, and what it leaves in its folder, as the next run sees them."""

    def seen() -> str:
        first, second = lab.note(), lab.note()
        variables = ["LAB_SECRET", "PREFECT__FLOW_RUN_ID"]
        runs = [
            lab.run("lab_cases.surroundings", {"note": str(first), "variables": variables}, env={"LAB_SECRET": "4711"})
        ]
        lab.ended(runs[0])
        runs += [lab.run("lab_cases.surroundings", {"note": str(second), "variables": variables})]
        lab.ended(runs[1])
        told = [lab.told(note) for note in (first, second)]
        assert [one["variables"]["PREFECT__FLOW_RUN_ID"] for one in told] == [str(run) for run in runs]
        assert told[0]["variables"]["LAB_SECRET"] == "4711"
        assert told[0]["folder"] != told[1]["folder"]
        lab.until("the folders are taken away", lambda: not any(Path(one["folder"]).exists() for one in told))
        hidden = told[1]["variables"]["LAB_SECRET"] is None and told[1]["left"] == []
        return f"{'not seen' if hidden else 'seen'}; a folder for each run, which is taken away"

    return seen


@together
def variable_set_at_import(lab: Lab) -> Seen:
    """The flow's module sets a variable when it is imported, as `load_dotenv()` does."""
    return _tells(lab, "lab_sets.finds")


@together
def variable_read_at_import(lab: Lab) -> Seen:
    """The flow's module reads a variable of the run's environment when it is imported."""
    notes = [lab.note(), lab.note()]
    runs = [
        lab.run("lab_imports.imported", {"note": str(note)}, env=env)
        for note, env in zip(notes, (None, {"LAB_STAGE": "production"}), strict=True)
    ]
    return lambda: ", ".join(
        f"{described(lab.ended(run))}: {lab.told(note)['stage']}" for run, note in zip(runs, notes, strict=True)
    )


@together
def settings_of_a_run(lab: Lab) -> Seen:
    """A flow that fails once, with `PREFECT_FLOWS_DEFAULT_RETRIES=1` in the run's environment."""
    run = lab.run("lab_imports.second_time", {"note": str(lab.note())}, env={"PREFECT_FLOWS_DEFAULT_RETRIES": "1"})
    return lambda: described(lab.ended(run))


@case
def edited_data(lab: Lab) -> Seen:
    """A file that the flow's module reads when it is imported is edited between two runs."""

    def seen() -> str:
        words = []
        for word in ("first", "second"):
            (lab.flows / "lab_word.txt").write_text(word, encoding="utf-8")
            note = lab.note()
            lab.ended(lab.run("lab_imports.imported", {"note": str(note)}))
            words.append(lab.told(note)["word"])
        return ", ".join(words)

    return seen


@case
def edited_flow(lab: Lab) -> Seen:
    """The file of a flow is edited between two runs."""

    def seen() -> str:
        words = []
        file = lab.flows / "lab_edited.py"
        for word in ("before", "edited", "again"):
            file.write_text(file.read_text(encoding="utf-8").replace(words[-1] if words else word, word))
            note = lab.note()
            lab.ended(lab.run("lab_edited.says", {"note": str(note)}))
            words.append(note.read_text(encoding="utf-8"))
        return ", ".join(words)

    return seen
