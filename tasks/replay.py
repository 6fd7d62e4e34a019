"""The step of `replay`: it reads, so that it may be done again."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from selfheal.bootstrap import current
from selfheal.model.replay import Replayed
from selfheal.replay.question import Question
from tasks.retries import RETRYING


@task(name="replay-past", task_run_name="run the rules over the past", cache_policy=NO_CACHE, **RETRYING)
def replay_past(question: Question) -> Replayed:
    """As they are set, and as they would be."""
    return current().replay(question)
