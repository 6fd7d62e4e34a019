"""`selfheal doctor`: what is wrong, and what to do about it."""

from console.output import Section, show
from console.place import Output, Place

COLUMNS = ("check", "result", "found", "what_to_do")


def doctor(*, place: Place = Place(), output: Output = "table") -> int:  # noqa: B008 - frozen: cyclopts fills a copy
    """Run every check."""
    from console import (  # noqa: PLC0415  keeps `--help` fast
        checks,
        doctor_databases,
        doctor_docker,
        doctor_estate,
        doctor_logs,
        doctor_machine,
        doctor_stack,
    )

    findings = checks.run(
        {
            "python": doctor_machine.python,
            "packages": doctor_machine.packages,
            "data folder": lambda: doctor_machine.data_folder(place.folder),
            **doctor_stack.checks(place),
            "settings": lambda: doctor_estate.settings(place),
            "docker": lambda: doctor_docker.engine(place),
            "supervisors": lambda: doctor_estate.supervisors(place),
            **doctor_databases.checks(place),
            "alerts": lambda: doctor_estate.alerts(place),
            "logs": lambda: doctor_logs.files(place),
            "ladders": lambda: doctor_estate.ladders(place),
            "actions of others": lambda: doctor_estate.plugins(place),
        }
    )
    rows = [
        {
            "check": one.check,
            "result": "ok" if one.ok else "problem",
            "found": one.said,
            "what_to_do": one.what_to_do,
        }
        for one in findings
    ]
    show([Section(name="checks", columns=COLUMNS, rows=rows)], output=output)
    return 0 if all(one.ok for one in findings) else 1
