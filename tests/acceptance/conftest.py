"""One stack for all acceptance tests of a session."""

from stack_fixture import stack  # noqa: F401 - pytest finds fixtures by import
