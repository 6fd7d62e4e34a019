"""`selfheal systemd-unit`: prints a hardened unit with the paths of this installation."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from console.failure import WrongUsage
from console.place import Place

STOP_SECONDS = 90
"""Worker 15 s, Prefect server 10 s, Postgres 20 s, one after the other; and what was left behind."""
UNIT = """\
# Printed by `selfheal systemd-unit`; put it into /etc/systemd/system/selfheal.service, then
#   systemctl daemon-reload && systemctl enable --now selfheal
[Unit]
Description=Selfheal: watches an estate and heals it
Wants=network-online.target
After=network-online.target docker.service supervisor.service
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
Type=exec
ExecStart={program} up --data {data}{config}
# waits for the answer: a wrong file fails the reload, and what runs goes on
ExecReload={program} reload --data {data}{config}
# SELFHEAL_... variables stand above the settings file
EnvironmentFile=-/etc/selfheal/environment
User={user}
{groups}{state}WorkingDirectory={data}
UMask=0077

# the guardian stops its parts in their order; whatever is left after it is killed
KillMode=mixed
TimeoutStopSec={stop}
Restart=on-failure
RestartSec=5
# wrong settings do not get right by starting again
RestartPreventExitStatus=2
# a part that is killed for want of memory comes back by itself
OOMPolicy=continue
LimitNOFILE=65536

# Nothing but the data folder is written; no rights, no devices, no new namespaces. Processes of others stay visible:
# what ends in the estate is seen by watching its processes.
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=read-only
ReadWritePaths={data}
# hides sockets of others below /tmp, where some supervisords have theirs: then no
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service

[Install]
WantedBy=multi-user.target
"""
_STATE = Path("/var/lib")


def systemd_unit(
    *,
    place: Place = Place(),  # noqa: B008 - frozen: cyclopts fills a copy
    user: Annotated[str, Parameter(help="An ordinary user; owns the data folder.")] = "selfheal",
) -> int:
    """Print the unit; nothing is installed."""
    program = Path(sys.executable).with_name("selfheal")
    if not program.exists():
        raise WrongUsage(f"there is no {program}", hint="install Selfheal into this environment")
    named = place.edited_file() if place.config or place.running() else None
    words = [str(program), str(place.folder), str(named or "")]
    if any(one != "".join(one.split()) or set(one) & set("%\\\"'$") for one in words):
        raise WrongUsage(f"a unit cannot name {words}", hint="use paths without blanks, quotes, % and $")
    sys.stdout.write(
        UNIT.format(
            program=program,
            data=place.folder,
            config=f" --config {named}" if named else "",
            user=user,
            groups=_groups(place),
            state=_state(place.folder),
            stop=STOP_SECONDS,
        )
    )
    sys.stderr.write(
        f"make the user first:   useradd --system --home-dir {place.folder} --shell /usr/sbin/nologin {user}\n"
        f"and the data folder:   install --directory --owner={user} --mode=0711 {place.folder}\n"
    )
    return 0


def _groups(place: Place) -> str:
    """The group that may ask Docker, where a component is a container."""
    settings = place.settings()
    asked = any(one.container for one in settings.components.values()) and settings.docker.url.startswith("unix://")
    return "SupplementaryGroups=docker\n" if asked else ""


def _state(folder: Path) -> str:
    """Below /var/lib systemd itself makes the folder and gives it to the user."""
    return f"StateDirectory={folder.relative_to(_STATE)}\nStateDirectoryMode=0711\n" if _STATE in folder.parents else ""
