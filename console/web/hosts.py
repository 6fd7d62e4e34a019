"""Which names we are called by: any other means that somebody's page had its own name lead to us (DNS rebinding)."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from selfheal.model.errors import Permanent

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it."""
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def is_wildcard(host: str) -> bool:
    """Whether it means every address of the machine."""
    return _is_address(host) and ipaddress.ip_address(host).is_unspecified


def refuse_open_door(host: str) -> None:
    """Without login only on loopback.

    Raises:
        Permanent: the host is elsewhere.
    """
    if not is_loopback(host):
        raise Permanent(
            f"web.host is {host}, and without login the web server listens on loopback only",
            hint="leave web.host out, or run `selfheal up`, which asks for tokens",
        )


@dataclass(frozen=True, kw_only=True)
class Hosts:
    """The names.

    Attributes:
        host: where we listen.
        public_url: how people reach us, if that differs.
    """

    host: str
    public_url: str

    def ours(self, header: str) -> bool:
        """Whether a Host header names us. An address can be nobody's page, so under a wildcard all of them do."""
        name = _name(header)
        if name in _LOOPBACK or name in {self.host, urlsplit(self.public_url).hostname}:
            return bool(name)
        return is_wildcard(self.host) and _is_address(name)

    def same_origin(self, *, host: str, origin: str | None, site: str | None) -> bool:
        """Whether a request that changes something was sent by a page of ours, or by no page at all.

        Args:
            host: its Host header, which is ours.
            origin: its Origin header: browsers send it with every POST.
            site: its Sec-Fetch-Site header.
        """
        if site is not None and site not in {"same-origin", "none"}:
            return False
        if origin is None:
            return True
        where = urlsplit(self.public_url)
        public = f"{where.scheme}://{where.netloc}" if self.public_url else None
        return origin in {public, f"http://{host}"}


def _name(header: str) -> str:
    """The host without its port; empty where it is none."""
    try:
        parts = urlsplit(f"//{header}")
        rest = (parts.path, parts.query, parts.fragment, parts.username, parts.password, parts.port == 0)
    except ValueError:  # no port, or no address in brackets
        return ""
    return "" if any(rest) else parts.hostname or ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
