"""The one call that the settings name for a component, sent once; `clear_caches` and `collect_garbage` call this."""

from selfheal.model.check import Call
from selfheal.model.errors import Permanent
from selfheal.ports import BrokerClient, HttpClient

_GOOD = range(200, 300)


def send(call: Call, http: HttpClient, broker: BrokerClient) -> str:
    """Send it; says what became of it.

    Raises:
        Permanent: it was answered with anything but 2xx, or is not allowed.
        Transient: it was not answered in time; it may have been carried out all the same.
    """
    if call.subject:
        broker.publish(call.url, call.subject, call.body.encode(), credentials=call.credentials, timeout=call.timeout)
        return f"sent {call.words}"
    status = http.send(call.method, call.url, token=call.token, body=call.body, timeout=call.timeout)
    if status not in _GOOD:
        raise Permanent(f"{call.words} was answered with {status}", hint="see the component's log")
    return f"{call.words} was answered with {status}"
