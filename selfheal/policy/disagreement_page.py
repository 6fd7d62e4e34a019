"""docs/disagreements.md, made from the table of rules: `make reference` writes it, a test compares the two."""

from selfheal.policy.disagreement_rules import RULES

_HEAD = """\
# Where the stores of workflows disagree

Generated (`make reference`) from the table in `selfheal/policy/disagreement_rules.py`; the page `/workflows` and
`selfheal workflows disagreements` show the same. [workflows.md](workflows.md) tells how they are compared.
Of one workflow there is at most one disagreement at a time, and one more for each run that claims it. Of whom JetStream
could not tell a stage, nothing is moved.

| rule | how the stores disagree | what is done | settled by | what you do |
| --- | --- | --- | --- | --- |
"""


def page() -> str:
    """The whole page."""
    rows = (
        f"| `{one.kind.value}` | {one.what} | {one.rule} | {one.settler.value} | {one.advice} |\n"
        for one in RULES.values()
    )
    return _HEAD + "".join(rows)
