"""`selfheal demo`: a stack of its own, real faults, real heals, and a table that proves it."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from console.failure import BAD_NEWS, FINE, INTERRUPTED, told
from console.place import Output

if TYPE_CHECKING:
    from collections.abc import Mapping

    from console.demo_act import Act
    from console.narrator import Narrator
    from deployments.demo.scene import Scene

LIMIT = 6
_Flag = Parameter(negative=())


def demo(
    *,
    data: Annotated[
        str | None, Parameter(help="A folder for it, empty or of a demo before; else a temporary one.")
    ] = None,
    keep: Annotated[bool, _Flag, Parameter(help="Keep the temporary folder afterwards.")] = False,
    keep_running: Annotated[
        bool, _Flag, Parameter(help="After the table keep everything running, until Ctrl-C.")
    ] = False,
    foretold: Annotated[
        bool, _Flag, Parameter(help="Instead: let services grow, and heal them before they break.")
    ] = False,
    output: Output = "table",
) -> int:
    """Break things and heal them."""
    from console import demo_folder  # noqa: PLC0415  keeps `--help` fast
    from deployments.guardian import run_guarded  # noqa: PLC0415

    own = data is None
    folder = demo_folder.temporary() if data is None else demo_folder.emptied(Path(data).expanduser().absolute())
    log = folder / "logs" / "selfheal.log"
    code = run_guarded(
        lambda: told(
            lambda: _run(folder, keep_running=keep_running, foretold=foretold, output=output),
            log=lambda: log if log.parent.is_dir() else None,
        )
    )
    if own and not keep and code in {FINE, INTERRUPTED}:
        demo_folder.removed(folder)
    elif code not in {FINE, INTERRUPTED}:
        sys.stderr.write(f"selfheal: the demo did not succeed\n  what to do: see the logs in {log.parent}\n")
    return code


def _run(folder: Path, *, keep_running: bool, foretold: bool, output: Output) -> int:
    """In the guardian's child."""
    from console import demo_act, demo_estate, demo_foretold, stack  # noqa: PLC0415  only here: alembic and SQLAlchemy
    from console.narrator import Narrator  # noqa: PLC0415
    from deployments.embedded.docker import remove_empty_cgroups  # noqa: PLC0415
    from deployments.running import open_stack  # noqa: PLC0415
    from selfheal.settings.file import load  # noqa: PLC0415

    narrator = Narrator(to=sys.stderr if output == "json" else sys.stdout)
    scene, config = demo_estate.write_growing(folder) if foretold else demo_estate.write_scene(folder)
    running = open_stack(load(config), config=config, data=folder, open_door=True)
    _say_begin(narrator, folder, running.urls(), scene)
    play = demo_foretold.ForetoldAct if foretold else demo_act.Act
    act = play(running=running, scene=scene, narrator=narrator, keep_running=keep_running, output=output)
    stack.run(
        running,
        also=demo_estate.parts(scene, folder),
        limit=LIMIT,
        narrator=narrator,
        companion=act.play,
    )
    remove_empty_cgroups()
    narrator.say("everything has stopped")
    return _code(act)


def _say_begin(narrator: "Narrator", folder: Path, urls: "Mapping[str, str]", scene: "Scene") -> None:
    none = f"none: {scene.why_none}"
    narrator.plain(f"selfheal demo: data folder {folder}")
    for what, name in (("dashboard", "web"), ("Prefect UI", "prefect")):
        narrator.plain(f"  {what} (from some seconds on): {urls.get(name, 'none')}")
    narrator.plain(
        f"  estate: {len(scene.estate.programs)} programs under a supervisord of their own in {scene.estate.folder}"
    )
    narrator.plain(f"  containers: {none if scene.why_none else '2 in a Docker engine of their own'}")
    narrator.plain("  Ctrl-C stops everything.")
    narrator.plain()


def _code(act: "Act") -> int:
    """0 only after a whole and good story."""
    if act.good is None:
        return BAD_NEWS if act.broke else INTERRUPTED
    return FINE if act.good else BAD_NEWS
