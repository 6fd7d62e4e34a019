"""Twenty planted secrets on a running stack: no page, no answer of the API, and nothing in Prefect tells one."""

import json
import re
from collections.abc import Iterator

import httpx
import pytest
from planted import PLANTED, SETTINGS, TEXTS, everything_in, everything_under, found_in
from stack_fixture import StackUnderTest, until
from stack_people import People
from stack_records import api, attempts, forget_attempts, state_of, watcher
from webhook_receiver import Receiver

from deployments import attach
from deployments.embedded.roles import PREFECT_DATABASE
from selfheal.model.identity import Role

pytestmark = [pytest.mark.timeout(400), pytest.mark.usefixtures("campaign")]  # tests/integration has the rows and logs

BROKEN = "orchestrator"
HARMLESS = "harmless-4711"
"""Stands beside each secret: where it is found, a secret would have been."""
LONGEST_REASON = 500
LINK = re.compile(r'href="(/[^"#]*)"')
HEAL = "mutation($component: String!, $why: String!) { heal(component: $component, why: $why) { flowRun } }"
PAUSE = "mutation($why: String!) { pause(why: $why) { why } }"
OVERRIDE = """mutation($why: String!) {
  overrideBreaker(name: "agent:talkative", do: OPEN, why: $why) { override { why } }
}"""
BROAD = """{
  healingActions(limit: 200) {
    id triggerType actionType targetComponent status success executionTimeMs errorMessage createdAt completedAt
  }
  healingSuccessRates { actionType totalAttempts successful failed }
  breakers { name state mode results override { who why until } }
  approvals(ended: true, limit: 200) { id state action component askedBy why preview blastRadius decidedBy decisionWhy }
  health { component status detail checkedAt }
  metrics { actionType component attempts }
  me { name role may }
}"""
FAULTS = """{ faults(first: 200) { nodes {
  id component group triggerType needsPerson resolution attempts { action why message errorMessage flowRun }
} } }"""
STORY = """query($id: ID!) { fault(id: $id) {
  fault { component needsPerson } timeline { kind words } refusals { decision reason source }
} }"""


@pytest.fixture
def talkative(stack: StackUnderTest, receiver: Receiver) -> Iterator[StackUnderTest]:
    """The stack with secrets in its settings, and with all of them in the log of a program."""
    supervisor, database, webhook = (json.dumps(one.secret) for one in SETTINGS)
    before = stack.config.read_text(encoding="utf-8")
    planted = (
        f'\n[supervisors.other]\nurl = "http://127.0.0.1:9"\nusername = "ops"\npassword = {supervisor}\n'
        f'\n[databases.stock]\nurl = "postgresql://127.0.0.1:9/stock"\npassword = {database}\n'
        f'\n[alerts]\nwebhook = "{receiver.url}"\ntoken = {webhook}\n'
    )
    stack.config.write_text(before + planted, encoding="utf-8")
    before_it = watcher(stack).run_id
    assert stack.selfheal("reload").code == 0
    until(lambda: state_of(stack, before_it)[1] == "HandedOver", told=stack.said)  # that one does not know them
    with (stack.estate.folder / "logs" / f"{BROKEN}.log").open("a", encoding="utf-8") as log:
        log.writelines(f"{HARMLESS} {one.text}\n" for one in PLANTED)
    yield stack
    stack.config.write_text(before, encoding="utf-8")
    assert stack.selfheal("reload").code == 0


def reasons() -> Iterator[str]:
    """All that people may type, in reasons that are short enough."""
    reason = HARMLESS
    for one in TEXTS:
        if len(f"{reason} {one.text}") > LONGEST_REASON:
            yield reason
            reason = HARMLESS
        reason += f" {one.text}"
    yield reason


def test_no_secret_is_on_a_page_in_an_answer_or_in_prefect(talkative: StackUnderTest, people: People) -> None:
    """After a heal whose evidence is full of them, and after people have said them wherever they can say something."""
    forget_attempts(talkative, BROKEN)
    before = len(attempts(talkative, BROKEN))
    talkative.faults.kill(BROKEN)
    until(lambda: succeeded(talkative, before), told=lambda: talkative.selfheal("history").out)
    runs = [people_say(people, why) for why in reasons()]
    until(lambda: all(ended(talkative, run) for run in runs))
    for name, text in told_by(talkative, people).items():
        assert HARMLESS in text, name
        assert found_in(text) == [], name


def succeeded(stack: StackUnderTest, before: int) -> bool:
    """Whether there is one more attempt, and it healed."""
    found = attempts(stack, BROKEN)
    return len(found) == before + 1 and found[0].status == "SUCCESS"


def people_say(people: People, why: str) -> str:
    """A heal that is not needed, a decision about a breaker, a pause; gives the run."""
    people.ask("talia", Role.OPERATOR, OVERRIDE, why=why)
    people.ask("talia", Role.OPERATOR, PAUSE, why=why)
    people.ask("talia", Role.OPERATOR, 'mutation { resume(why: "a test") { who } }')
    return str(people.ask("talia", Role.OPERATOR, HEAL, component=BROKEN, why=why)["heal"]["flowRun"])


def ended(stack: StackUnderTest, run: str) -> bool:
    with api(stack) as client:
        return client.get(f"/flow_runs/{run}").json()["state"]["type"] in {"COMPLETED", "FAILED", "CRASHED"}


def told_by(stack: StackUnderTest, people: People) -> dict[str, str]:
    """All that is told anywhere, by where; of Prefect also all else that it keeps: states, logs, events."""
    dsn = attach.servers(stack.data).postgres.superuser_dsn()
    prefect = everything_in(dsn, database=PREFECT_DATABASE)
    return {
        "pages": "\n".join(pages(people).values()),
        "API": answers(people),
        "rows": "\n".join(everything_in(dsn).values()),
        "logs": "\n".join(everything_under(stack.data / "logs").values()),
        **{f"Prefect's {name}": prefect[name] for name in ("artifact", "flow_run")},
        "Prefect": "\n".join(prefect.values()),
    }


def pages(people: People) -> dict[str, str]:
    """Every page that can be reached from the overview, as an admin sees it."""
    found: dict[str, str] = {}
    wanted = ["/"]
    with httpx.Client(base_url=people.url, trust_env=False, timeout=30, headers={"accept": "text/html"}) as browser:
        assert browser.post("/login", data={"token": people.secret("ada", Role.ADMIN)}).status_code == 303
        while wanted:
            address = wanted.pop()
            if address in found or address.startswith("/static/"):
                continue
            answer = browser.get(address)
            assert answer.is_success, address
            found[address] = answer.text
            wanted += LINK.findall(answer.text.replace("&amp;", "&"))
    return found


def answers(people: People) -> str:
    """All that the API tells an admin."""
    broad, faults = (people.ask("ada", Role.ADMIN, query) for query in (BROAD, FAULTS))
    stories = [people.ask("ada", Role.ADMIN, STORY, id=one["id"]) for one in faults["faults"]["nodes"]]
    return json.dumps([broad, faults, stories], ensure_ascii=False)
