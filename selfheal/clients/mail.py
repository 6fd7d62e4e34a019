"""Sends alerts by e-mail; `protocol.alerts` calls this.

SMTP has no key against doubles: a mail that was sent twice has the same Message-ID.
"""

import contextlib
import json
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Literal

from selfheal.clients.alert_text import cut, title
from selfheal.model.alert import Message
from selfheal.model.errors import Permanent, Transient

_SUBJECT, _BODY = 200, 64 * 1024
WITHIN = timedelta(seconds=90)
"""For all steps together: shorter than a delivery belongs to its process."""
_READY, _REFUSED = 220, range(500, 600)
_AGAIN_S = 0.2
Security = Literal["starttls", "tls", "none"]


@dataclass(frozen=True, kw_only=True)
class MailServer:
    """Where mail is handed over.

    Attributes:
        host: its name.
        port: its port.
        security: starttls, tls from the first byte, or none.
        username: empty: it asks for no login.
        password: of that.
        timeout: for each step.
        within: for all of them: a server that trickles bytes ends no step.
    """

    host: str
    port: int
    security: Security
    username: str
    password: str = field(repr=False)
    timeout: timedelta
    within: timedelta = WITHIN


class Mail:
    """Fulfils `ports.AlertChannel`.

    Args:
        server: takes the mail.
        sender: the address it comes from.
        to: the addresses it goes to.
    """

    def __init__(self, *, server: MailServer, sender: str, to: tuple[str, ...]) -> None:
        self._server, self._sender, self._to = server, sender, to

    def send(self, message: Message) -> str | None:
        """See `ports.AlertChannel.send`; it counts as delivered once it is taken for one of the recipients.

        The others are named, and get it no more: who has it would have it again with each further try.
        """
        mail, session = self._written(message), _Session(self._server)
        try:
            with session.taking_leave():
                if self._server.username:
                    session.login(self._server.username, self._server.password)
                refused = session.send_message(mail)
        except UnicodeError as error:
            raise Permanent(
                "the login, or an address, is not in ASCII, which mail servers need",
                hint="see username, password and to",
            ) from error
        except (smtplib.SMTPException, OSError) as error:
            if session.is_late:
                within = self._server.within.total_seconds()
                raise Transient(f"the mail server did not take it within {within:g} s") from error
            raise _meant(error) from error
        if not refused:
            return None
        missed = ", ".join(f"{name} ({code})" for name, (code, _) in sorted(refused.items()))
        return f"the mail server took it for {len(self._to) - len(refused)} of {len(self._to)}, not for {missed}"

    def _written(self, message: Message) -> EmailMessage:
        """The mail: what stands in an alert cannot begin a header."""
        mail = EmailMessage(policy=SMTP)
        mail["Subject"] = title(message, most=_SUBJECT).encode("utf-8", "replace").decode("utf-8")
        mail["From"], mail["To"] = self._sender, ", ".join(self._to)
        mail["Date"] = format_datetime(message.created_at)
        mail["Message-ID"] = f"<{message.id}@selfheal>"
        mail["References"] = f"<{message.episode}@selfheal>"
        mail["Auto-Submitted"] = "auto-generated"
        linked = [message.link, ""] if message.link else []
        lines = [message.message, "", *linked, f"key: {message.dedup_key}", f"group: {message.group}"]
        if message.details:
            lines += ["", json.dumps(dict(message.details), ensure_ascii=False, indent=2, default=str)]
        mail.set_content(cut("\n".join(lines), _BODY).encode("utf-8", "replace").decode("utf-8"))
        return mail


class _Session(smtplib.SMTP):
    """One that ends when its time is over, whatever step it is in: each step has only the time between two bytes.

    Args:
        server: that is connected with by `taking_leave`.
    """

    def __init__(self, server: MailServer) -> None:
        super().__init__(timeout=server.timeout.total_seconds())
        self.is_late = False
        self._host, self._server = server.host, server  # as a host that is given to `__init__`, which would connect
        self._over = threading.Event()

    @contextlib.contextmanager
    def taking_leave(self) -> Iterator[None]:
        """Connected while the block lasts; how its server takes leave changes nothing of what was taken, or refused."""
        threading.Thread(target=self._end_in_time, name="mail-in-time", daemon=True).start()
        try:
            self._begin()
            try:
                yield
            finally:
                with contextlib.suppress(smtplib.SMTPException, OSError):
                    self.quit()
        finally:
            self.close()
            self._over.set()

    def _begin(self) -> None:
        code, said = self.connect(self._server.host, self._server.port)
        if code != _READY:
            raise smtplib.SMTPConnectError(code, said)
        if self._server.security == "starttls":
            self.starttls(context=ssl.create_default_context())

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """Where smtplib connects; with TLS from the first byte as its SMTP_SSL does."""
        made = socket.create_connection((host, port), timeout)
        if self._server.security != "tls":
            return made
        return ssl.create_default_context().wrap_socket(made, server_hostname=host)

    def _end_in_time(self) -> None:
        """In a thread of its own; again and again, for while TLS begins there is no socket to be ended."""
        if self._over.wait(self._server.within.total_seconds()):
            return
        self.is_late = True
        while not self._over.wait(_AGAIN_S):
            if (connected := self.sock) is not None:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(connected, socket.SHUT_RDWR)


def _meant(error: smtplib.SMTPException | OSError) -> Transient | Permanent:
    """What went wrong, in our words."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return Permanent(f"the mail server refuses the login ({error.smtp_code})", hint="correct username and password")
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return Permanent(f"the mail server cannot do that: {error}", hint="see security and username")
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return _of_recipients([code for code, _ in error.recipients.values()])
    if isinstance(error, smtplib.SMTPResponseException):
        return _of_code(error.smtp_code)
    return Transient(f"the mail server cannot be reached: {type(error).__name__}")


def _of_recipients(codes: list[int]) -> Transient | Permanent:
    if all(code in _REFUSED for code in codes):
        return Permanent(f"the mail server refuses the recipients ({codes[0]})", hint="correct to")
    return Transient("the mail server does not take the recipients now")


def _of_code(code: int) -> Transient | Permanent:
    if code in _REFUSED:
        return Permanent(f"the mail server refuses the mail ({code})", hint="see sender, to, and the server's log")
    return Transient(f"the mail server answers {code}")
