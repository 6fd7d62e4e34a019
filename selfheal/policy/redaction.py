"""What looks like a secret, taken out of texts and of what is kept as JSON. The one place that knows how secrets look.

`selfheal.logs` adds the secrets that are known (the settings'), and calls this for every log line and, by way of the
store's door, for everything that is written to Postgres. It is a net, and nets have holes: a secret that nothing
announces and that has no form of its own is only caught if it stands in the settings.
"""

import re
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote

MASK = "***"
_SHORT = 8
"""A known secret that is shorter is only taken out where it stands alone: it may be a part of any word."""

_KEYS = "api|access|private|secret|encryption|signing|routing|integration|shared|account|service|master|jwt|auth"
_WORDS = rf"pass(?:word|wd|phrase|code)|pwd|secret|token|credentials?|auth[_-]?string|(?:{_KEYS})[_-]?key(?:[_-]?base)?"
_NUMBERED = r"(?:[_-]?(?:\d{1,3}|old|new|current|value|b64|base64))?"
_TELLING = re.compile(rf"(?i)({_WORDS}){_NUMBERED}$")
_QUOTE = r"""\\{0,8}["']"""
_VALUE = (
    r"""(?:\\{1,8}"(?:(?!\\{1,8}").)*\\{1,8}"|"(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?"""
    r"""|(?:[^\s"'&,;<\\]|[,;](?![\s"'}\]]|[\w.-]+\s*[=:]|$))+)"""
)
_NAMED = re.compile(rf"(?i)({_WORDS})({_NUMBERED}(?:{_QUOTE})?[ \t]*(?:=>|:=|[=:](?!=))[ \t]*)({_VALUE})")
_OPTION = re.compile(
    rf"""(?i)(?<![\w-])(--?(?:[\w-]*?)(?:{_WORDS}))({_QUOTE}?(?:[ \t]*,[ \t]*|[ \t]+){_QUOTE}?)(?!-)([^\s"',\]]+)"""
)
_ELEMENT = re.compile(rf"(?i)(<[\w:.-]{{0,40}}?(?:{_WORDS})(?:\s[^<>]{{0,200}})?>)[^<]+")
_HEADER = re.compile(
    rf"(?i)(authorization(?:{_QUOTE})?[ \t]*(?:=>|[=:,])[ \t]*(?:{_QUOTE})?)"
    r"""((?:basic|bearer|token|negotiate|ntlm|apikey)[ \t]+)?([^\s"',\\]+)"""
)
_LONG_HEADER = re.compile(
    rf"(?i)(authorization(?:{_QUOTE})?[ \t]*[=:][ \t]*(?:{_QUOTE})?(?:digest|aws4-hmac-sha256)[ \t]+)[^\n]+"
)
_COOKIE = re.compile(rf"""(?i)(\b(?:set-)?cookie(?:{_QUOTE})?[ \t]*:[ \t]*(?:{_QUOTE})?)[^\s"'=]{{1,128}}=[^"'\n\\]+""")
_BEARER = re.compile(r"(?i)\b(bearer[ \t]+)(?=[\w.~+/=-]*[\d._=-])[\w.~+/=-]{12,}")
_BASIC = re.compile(r"\b([Bb]asic[ \t]+)(?=[A-Za-z0-9+/]*(?:[0-9=+/]|[a-z][A-Z]))[A-Za-z0-9+/]{12,}={0,2}")
_KEY_BLOCK = "[A-Z ]*PRIVATE KEY[A-Z ]*-----"
_FORMS = (
    (re.compile(rf"(?s)-----BEGIN {_KEY_BLOCK}.*?(?:-----END {_KEY_BLOCK}|\Z)"), MASK),
    (re.compile(r"://[^\s/:@\"'<>]*:(?!\d{1,5}(?:[/?#\s]|$))[^\s@\"'<>]{1,256}@"), f"://{MASK}@"),
    (re.compile(r"//[^\s/?#\"'<>\\@]*(?:@[^\s/?#\"'<>\\@]*)*@"), f"//{MASK}@"),
    (re.compile(r"(?<![\w-])eyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*"), MASK),
    (re.compile(r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b"), MASK),
    (re.compile(r"\b(?:gh[pousr]_|github_pat_|glpat-|npm_|sh_|pn[ub]_)[\w-]{20,}"), MASK),
    (re.compile(r"\bxox[a-z]-[\w-]{10,}|\bxapp-[\w-]{10,}"), MASK),
    (re.compile(r"(hooks\.slack\.com/(?:services|workflows)/)[\w/-]+"), rf"\1{MASK}"),
    (re.compile(r"\b[spr]k_(?:live|test)_[A-Za-z0-9]{10,}|\bAIza[\w-]{35}|\bSG\.[\w-]{16,}\.[\w-]{16,}"), MASK),
    (re.compile(r"(?<![\w-])sk-(?=[\w-]*\d)[\w-]{20,}"), MASK),
    (re.compile(r"(?<=[?&])((?:sig|key)=)[^&\s\"']+"), rf"\1{MASK}"),
)  # fmt: skip
_VARIABLE = re.compile(r"([A-Za-z_]\w*)=.")
_END_OF_KEY = "PRIVATE KEY-----"
_BEGUN_BEFORE = re.compile(r"\A(?:[A-Za-z0-9+/=]+\s+)*-----END [A-Z ]*PRIVATE KEY-----")
_NO_SECRET = frozenset(
    {"", "null", "none", "nil", "undefined", "true", "false", "required", "missing", "empty", "unset"}
)
_PROSE = re.compile(r"[ ,.]+[a-z]+")
_AFTER_OPTION = frozenset(
    {
        "is",
        "was",
        "are",
        "and",
        "or",
        "to",
        "in",
        "of",
        "for",
        "with",
        "has",
        "may",
        "must",
        "needs",
        "not",
        "takes",
        "option",
    }
)


def without_secrets(text: str, known: Collection[str] = ()) -> str:
    """The text with a mask in place of each secret; the rest stays as it is. Twice is as good as once.

    Args:
        text: of any length; the time it takes grows with that and no faster.
        known: secrets that are taken out wherever they stand.
    """
    if known and (pattern := _of(frozenset(known))) is not None:
        text = pattern.sub(MASK, text)
    if _END_OF_KEY in text:  # the end of a log may begin in the middle of a key
        text = _BEGUN_BEFORE.sub(MASK, text)
    for form, instead in _FORMS:
        text = form.sub(instead, text)
    text = _COOKIE.sub(rf"\1{MASK}", _LONG_HEADER.sub(rf"\1{MASK}", text))
    text = _BASIC.sub(rf"\1{MASK}", _BEARER.sub(rf"\1{MASK}", _HEADER.sub(_header, text)))
    return _ELEMENT.sub(rf"\1{MASK}", _OPTION.sub(_option, _NAMED.sub(_named, text)))


def redacted(value: Any, known: Collection[str] = ()) -> Any:
    """The same of a JSON value: what stands under a telling name goes as a whole, like `{"token": ...}`."""
    if isinstance(value, str):
        return without_secrets(value, known)
    if isinstance(value, dict):
        named = next((one for key in ("name", "Name", "key") if isinstance(one := value.get(key), str)), "")
        return {
            key: _masked(item)
            if isinstance(key, str) and (is_telling(key) or (key.lower() == "value" and is_telling(named)))
            else redacted(item, known)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return _items(value, known)
    return value


def is_telling(name: str) -> bool:
    """Whether what has this name is a secret: `DB_PASSWORD`, `apiKey`, `X-Auth-Token`; not `max_tokens`, not `PWD`."""
    found = len(name) <= 200 and _TELLING.search(name.strip())  # noqa: PLR2004 - no name is longer
    return bool(found) and name.strip() not in {"PWD", "OLDPWD"}


def _items(values: Sequence[Any], known: Collection[str]) -> list[Any]:
    """A list: it may be an environment, or a command line, in which an option's value follows it."""
    kept: list[Any] = []
    announced = False
    for one in values:
        word = isinstance(one, str)
        if word and (variable := _VARIABLE.match(one)) is not None and is_telling(variable[1]):
            kept.append(f"{variable[1]}={MASK}")
        else:
            kept.append(MASK if announced and word and not one.startswith("-") else redacted(one, known))
        announced = word and one.startswith("-") and "=" not in one and is_telling(one)
    return kept


def _masked(value: Any) -> Any:
    """Nothing of it but its shape."""
    if isinstance(value, dict):
        return {key: _masked(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(item) for item in value]
    return value if value is None or isinstance(value, bool) or value == "" else MASK


def _named(found: re.Match[str]) -> str:
    """`password=...`: the value's mask, unless it is plainly none."""
    word, between, value = found[1].lower(), found[2], found[3]
    bare = value.strip("\\\"'")
    quoted = bare != value
    if bare.lower() in _NO_SECRET or not bare.strip("*"):
        return found[0]
    if word in {"passwd", "pwd"} and (
        found.string[max(0, found.start() - 1) : found.start()] == "/" or bare[0] in "/~"
    ):
        return found[0]  # a file, a folder
    said = not quoted and between.endswith(" ") and bare.isalpha() and bare.islower()
    if said and word in {"token", "secret", "credential", "credentials"} and _PROSE.match(found.string, found.end()):
        return found[0]
    opening = value[: len(value) - len(value.lstrip("\\\"'"))]
    closing = value[len(value.rstrip("\\\"'")) :]
    return f"{found[1]}{between}{opening}{MASK}{closing}"


def _option(found: re.Match[str]) -> str:
    """`--password x`."""
    return found[0] if found[3] in _AFTER_OPTION else f"{found[1]}{found[2]}{MASK}"


def _header(found: re.Match[str]) -> str:
    """`Authorization: ...`; the scheme stays."""
    if not found[2] and found[3].isalpha() and found[3].islower() and _PROSE.match(found.string, found.end()):
        return found[0]
    return f"{found[1]}{found[2] or ''}{MASK}"


@lru_cache(maxsize=8)
def _of(known: frozenset[str]) -> re.Pattern[str] | None:
    """The known secrets, as they are and as they stand in an address; the longest first."""
    forms = sorted(
        {form for one in known if one for form in (one, quote(one, safe=""))}, key=lambda one: (-len(one), one)
    )
    alone = [rf"(?<!\w){re.escape(one)}(?!\w)" if len(one) < _SHORT else re.escape(one) for one in forms]
    return re.compile("|".join(alone)) if alone else None
