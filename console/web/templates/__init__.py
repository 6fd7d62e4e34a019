"""The few pages that the web server itself shows: login, and what went wrong. The dashboard has its own."""

from jinja2 import Environment, PackageLoader, StrictUndefined

_pages = Environment(
    loader=PackageLoader("console.web", "templates"),
    auto_reload=False,  # a page of the sources that this process was started with
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def rendered(name: str, **values: object) -> str:
    """The page as text."""
    return _pages.get_template(name).render(**values)
