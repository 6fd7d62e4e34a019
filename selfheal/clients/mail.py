"""Sends alerts by e-mail; `protocol.alerts` calls this.

SMTP has no key against doubles: a mail that was sent twice has the same Message-ID.
"""

import contextlib
import json
import logging
import smtplib
import ssl
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
_REFUSED = range(500, 600)
_log = logging.getLogger(__name__)
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
    """

    host: str
    port: int
    security: Security
    username: str
    password: str = field(repr=False)
    timeout: timedelta


class Mail:
    """Fulfils `ports.AlertChannel`.

    Args:
        server: takes the mail.
        sender: the address it comes from.
        to: the addresses it goes to.
    """

    def __init__(self, *, server: MailServer, sender: str, to: tuple[str, ...]) -> None:
        self._server, self._sender, self._to = server, sender, to

    def send(self, message: Message) -> None:
        """See `ports.AlertChannel.send`; it counts as delivered once it is taken for one of the recipients."""
        mail = self._written(message)
        try:
            with self._session() as session:
                if self._server.username:
                    session.login(self._server.username, self._server.password)
                refused = session.send_message(mail)
        except smtplib.SMTPAuthenticationError as error:
            raise Permanent(
                f"the mail server refuses the login ({error.smtp_code})", hint="correct username and password"
            ) from error
        except smtplib.SMTPNotSupportedError as error:
            raise Permanent(f"the mail server cannot do that: {error}", hint="see security and username") from error
        except smtplib.SMTPRecipientsRefused as error:
            raise _of_recipients([code for code, _ in error.recipients.values()]) from error
        except smtplib.SMTPResponseException as error:
            raise _of_code(error.smtp_code) from error
        except (smtplib.SMTPException, OSError) as error:
            raise Transient(f"the mail server cannot be reached: {type(error).__name__}") from error
        if refused:  # the others have it, and would get it again with each further try
            _log.error("the mail server refuses %d of %d recipients; correct `to`", len(refused), len(self._to))

    @contextlib.contextmanager
    def _session(self) -> Iterator[smtplib.SMTP]:
        """A session; how its server takes leave changes nothing of what was taken before, or refused."""
        session = self._connected()
        try:
            yield session
        finally:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                session.quit()
            session.close()

    def _connected(self) -> smtplib.SMTP:
        server, timeout = self._server, self._server.timeout.total_seconds()
        if server.security == "tls":
            return smtplib.SMTP_SSL(server.host, server.port, timeout=timeout, context=ssl.create_default_context())
        session = smtplib.SMTP(server.host, server.port, timeout=timeout)
        if server.security == "starttls":
            try:
                session.starttls(context=ssl.create_default_context())
            except BaseException:
                session.close()
                raise
        return session

    def _written(self, message: Message) -> EmailMessage:
        """The mail: what stands in an alert cannot begin a header."""
        mail = EmailMessage(policy=SMTP)
        mail["Subject"] = title(message, most=_SUBJECT)
        mail["From"], mail["To"] = self._sender, ", ".join(self._to)
        mail["Date"] = format_datetime(message.created_at)
        mail["Message-ID"] = f"<{message.id}@selfheal>"
        mail["References"] = f"<{message.episode}@selfheal>"
        mail["Auto-Submitted"] = "auto-generated"
        lines = [message.message, "", f"key: {message.dedup_key}", f"group: {message.group}"]
        if message.details:
            lines += ["", json.dumps(dict(message.details), ensure_ascii=False, indent=2, default=str)]
        mail.set_content(cut("\n".join(lines), _BODY))
        return mail


def _of_recipients(codes: list[int]) -> Transient | Permanent:
    if all(code in _REFUSED for code in codes):
        return Permanent(f"the mail server refuses the recipients ({codes[0]})", hint="correct to")
    return Transient("the mail server does not take the recipients now")


def _of_code(code: int) -> Transient | Permanent:
    if code in _REFUSED:
        return Permanent(f"the mail server refuses the mail ({code})", hint="see sender, to, and the server's log")
    return Transient(f"the mail server answers {code}")
