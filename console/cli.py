"""`selfheal`: the command line. Parses, runs one command, and makes every bad end one or two lines.

The commands are imported when they are called, so that `--help` and the short ones start fast.
"""

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from console.failure import FINE, WrongUsage, told
from console.guide import ABOUT, COMMANDS

LEADING = {"--data": 2, "--config": 2, "--output": 2, "-o": 2}
"""Options that are also taken before the command, and how many words they are."""


def application() -> App:
    """The commands, not imported yet."""
    app = App(
        name="selfheal",
        help=ABOUT,
        help_format="plaintext",
        help_formatter="default" if sys.stdout.isatty() else "plain",
        version=_version,
        print_error=False,
        exit_on_error=False,
        suppress_keyboard_interrupt=False,
        result_action="return_value",
    )
    for place, (name, text) in enumerate(COMMANDS.items()):
        module = name.replace("-", "_")
        app.command(f"console.{module}:{module}", name=name, help=text, sort_key=place)
    return app


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit code."""
    arguments = behind_the_command(list(sys.argv[1:] if words is None else words))
    app = application()

    def run() -> int:
        try:
            return int(app(arguments) or FINE)
        except CycloptsError as error:
            raise WrongUsage(
                " ".join(str(error).split())[:500].rstrip("."),
                hint="see `selfheal --help`, or `selfheal COMMAND --help`",
            ) from error

    return told(run)


def behind_the_command(words: list[str]) -> list[str]:
    """Move options that stand before the command behind it: `--data X status` is `status --data X`."""
    leading: list[str] = []
    while words and words[0].partition("=")[0] in LEADING:
        count = 1 if "=" in words[0] else LEADING[words[0]]
        leading, words = leading + words[:count], words[count:]
    return words[:1] + leading + words[1:]


def _version() -> str:
    from importlib.metadata import version  # noqa: PLC0415  only for `--version`

    return version("selfheal")


if __name__ == "__main__":
    sys.exit(main())
