"""What modules read while they are imported ahead: variables of the environment, and files.

An interpreter of its own would read both anew for each run. So a run that differs in a variable that was read is given
one (`Request.anew`), and a file that was read and has changed since makes another zygote (`renewal`).
"""

import builtins
import contextlib
import io
import os
from collections.abc import Collection, Iterator, Mapping
from typing import Any

ALL = "*"
"""In place of a name: the whole environment was looked through."""
OF_THE_RUN = "PREFECT__"
"""Beginning of the variables that are another run's each time."""
LOADED_ONCE = ("OMP_", "OPENBLAS_", "MKL_", "NUMEXPR_", "BLIS_", "VECLIB_", "KMP_")
"""Beginnings of the variables of numeric libraries, which count when the library is loaded and never again."""
_NO_FILES = ("/proc/", "/sys/", "/dev/")


class Reading:
    """Notes it; not frozen, since it grows.

    Attributes:
        variables: names; `ALL` as soon as somebody went through all of them.
        files: absolute paths.
    """

    def __init__(self) -> None:
        """Nothing was read yet."""
        self.variables: set[str] = set()
        self.files: set[str] = set()

    @contextlib.contextmanager
    def noting(self) -> Iterator[None]:
        """Note what is read meanwhile by Python code of this process."""
        environment, plain, variables = os.environ, type(os.environ), self.variables

        class Noting(plain):  # type: ignore[misc, valid-type]
            def __getitem__(self, name: Any) -> Any:
                variables.add(str(name))
                return super().__getitem__(name)

            def __iter__(self) -> Iterator[Any]:
                variables.add(ALL)
                return super().__iter__()  # type: ignore[no-any-return]

        opening = _Open(io.open, self.files)
        environment.__class__ = Noting
        builtins.open = io.open = opening
        try:
            yield
        finally:
            builtins.open = io.open = opening.end()
            environment.__class__ = plain

    def of_a_run(self) -> str:
        """That a variable was read which only a run has; empty: none."""
        found = sorted(name for name in self.variables if name.startswith(OF_THE_RUN) and name not in os.environ)
        return f"reads {found[0]}" if found else ""


class _Open:
    """Stands for `open`; an object, since a function would become a method of a class that keeps it."""

    def __init__(self, plain: Any, files: set[str]) -> None:
        self._plain, self._files = plain, files

    def __call__(self, file: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
        if isinstance(file, str | os.PathLike) and not set(mode) & set("wax+"):
            path = os.path.abspath(os.fspath(file))  # noqa: PTH100 - as everywhere here: many files, each time
            if isinstance(path, str) and not path.startswith(_NO_FILES):
                self._files.add(path)
        return self._plain(file, mode, *args, **options)

    def end(self) -> Any:
        """Note no more, whoever has kept this; gives what it stood for."""
        self._files = set()
        return self._plain


def differs(read: Collection[str], *, run: Mapping[str, str], zygote: Mapping[str, str]) -> str:
    """A variable that was read ahead and is another one for the run; empty: there is none.

    Args:
        read: names; see `Reading.variables`.
        run: environment of the run.
        zygote: environment of the zygote when it began.
    """
    names = {*run, *zygote} if ALL in read else set(read)
    own = (OF_THE_RUN, *LOADED_ONCE)
    return min((name for name in names if not name.startswith(own) and run.get(name) != zygote.get(name)), default="")
