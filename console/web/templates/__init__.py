"""The few pages that the web server itself shows: login, and what went wrong. The dashboard has its own."""

from jinja2 import Environment, PackageLoader, StrictUndefined


def environment(package: str) -> Environment:
    """How pages are made of the templates in a package: escaped, and none with a value that is not there."""
    return Environment(
        loader=PackageLoader(package, "templates"),
        auto_reload=False,  # a page of the sources that this process was started with
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


_pages = environment("console.web")


def rendered(name: str, **values: object) -> str:
    """The page as text."""
    return _pages.get_template(name).render(**values)
