"""Secrets taken out of texts: user names, passwords and tokens that addresses carry.

Hiding too much costs a person a host name; hiding too little publishes the camera. So an address
loses everything from its scheme to its last ``@``, and every value of its query but those of a few
names that are known to be harmless; elsewhere values with a telling name. What is secret in the
path of an address, without any name, cannot be told from a name and stays.
"""

import re
from collections.abc import Iterator
from urllib.parse import unquote

_HIDDEN = "***"
_WORD = re.compile(r"[^\s\"<>]+")
# Signs may be percent-encoded, even twice, in an address that is handed on inside another.
_COLON, _SLASH = r"(?::|%(?:25)*3a)", r"(?:/|%(?:25)*2f)"
_KNOWN = r"\b(?:rtsps?|rtmps?|https?|ftps?|sftp|udp|tcp|tls|srt|wss?)"
# What made a path of an address took one slash away: then only a known scheme tells it.
_SCHEME_END = re.compile(rf"{_COLON}{_SLASH}{{2}}|{_KNOWN}{_COLON}{_SLASH}{{1,2}}", re.IGNORECASE)
_AT = re.compile(r"@|%(?:25)*40", re.IGNORECASE)
_NAME = re.compile(
    r"(?:[?&;#/]|%(?:25)*(?:3f|26|3b|23|2f))[^?&;#=/]{0,200}?(?:=|%(?:25)*3d)", re.IGNORECASE
)
# Cameras take ``u`` and ``p`` too.
_SHORT = re.compile(r"\W(?:u|p|psw)=", re.IGNORECASE)
_TELLING = re.compile(
    r"token|key|pas|psw|pwd|pw|auth|sig|secret|cred|jwt|sess|sid|otp|pin|hash|hmac|ticket|bearer"
    r"|usr|user|login|account",
    re.IGNORECASE,
)


# A question mark, and what parts the values behind it.
_QUERY = re.compile(r"\?|%(?:25)*3f", re.IGNORECASE)
_PARTING = re.compile(r"[?&;#]|%(?:25)*(?:3f|26|3b|23)", re.IGNORECASE)
_EQUALS = re.compile(r"=|%(?:25)*3d", re.IGNORECASE)
_HARMLESS = frozenset(
    [
        "audio",
        "bitrate",
        "camera",
        "ch",
        "channel",
        "chn",
        "codec",
        "compression",
        "fifo_size",
        "fps",
        "framerate",
        "gop",
        "height",
        "latency",
        "listen",
        "localaddr",
        "mode",
        "multicast",
        "overrun_nonfatal",
        "pkt_size",
        "profile",
        "quality",
        "resolution",
        "reuse",
        "size",
        "subtype",
        "timeout",
        "transport",
        "ttl",
        "unicast",
        "video",
        "width",
    ]
)
_SHORT_VALUE = re.compile(r"[\w.:-]{0,16}")
# Of the sentence that an address stands in.
_PUNCTUATION = ":,.;)'\"]}"


def scrubbed(text: str) -> str:
    """Return a text without the secrets of the addresses in it.

    Args:
        text: Any text, with any number of addresses, as they are or percent-encoded.

    Returns:
        The text; ``user:password@`` became ``***@``, and ``token=...`` became ``token=***``.
        Scrubbing again changes nothing.
    """
    return _WORD.sub(_word, text)


def _word(found: re.Match[str]) -> str:
    word = found[0]
    pieces: list[str] = []
    at = 0
    for start, end in sorted([*_userinfo(word), *_query(word), *_values(word)]):
        if start > at or not pieces:
            pieces += [word[at:start], _HIDDEN]
        at = max(at, end)
    return "".join(pieces) + word[at:]


def _userinfo(word: str) -> Iterator[tuple[int, int]]:
    """Yield what stands between the scheme and the last ``@`` of a word, as (start, end)."""
    scheme = _SCHEME_END.search(word)
    if scheme is not None:
        start = scheme.end()
        end = max((at.start() for at in _AT.finditer(word, start)), default=start)
        if end > start:
            yield start, end


def _query(word: str) -> Iterator[tuple[int, int]]:
    """Yield what stands in the query of an address, each up to the next sign that parts it."""
    scheme = _SCHEME_END.search(word)
    start = max([scheme.end(), *(end for _, end in _userinfo(word))]) if scheme else len(word)
    # What is hidden already may end within the query, or within a password with a question mark:
    # then what stands behind the next parting sign is a value.
    inside = scheme is not None and _QUERY.search(word, scheme.end(), start)
    mark = (_PARTING if inside else _QUERY).search(word, start)
    while mark:
        start = mark.end()
        mark = _PARTING.search(word, start)
        end = mark.start() if mark else len(word)
        if mark is None:
            end = start + len(word[start:].rstrip(_PUNCTUATION))
        equals = _EQUALS.search(word, start, end)
        name = unquote(word[start : equals.start()]).lower() if equals else ""
        start = equals.end() if equals else start
        if name in _HARMLESS and _SHORT_VALUE.fullmatch(word, start, end):
            continue
        if end > start:
            yield start, end


def _values(word: str) -> Iterator[tuple[int, int]]:
    """Yield the values with telling names, each up to the next ``&``."""
    at, hidden = 0, [*_userinfo(word)]
    while name := _NAME.search(word, at):
        at = start = name.end()
        if any(begin <= start <= end for begin, end in hidden):
            continue  # a part of a password
        plain = unquote(name[0])
        if _TELLING.search(plain) or _SHORT.fullmatch(plain):
            end = word.find("&", start)
            at = len(word) if end < 0 else end
            if at > start:
                yield start, at
