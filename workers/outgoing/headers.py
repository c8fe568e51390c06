"""Headers that somebody wants to be sent along: which may be, and how many."""

from __future__ import annotations

import re
from collections.abc import Mapping

from domain.errors import Invalid

COUNT_MAX = 32
NAME_LENGTH_MAX = 128
VALUE_LENGTH_MAX = 4_096
TOTAL_LENGTH_MAX = 8_192
NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)  # RFC 9110's token.
VALUE = re.compile(r"([!-~]([ -~\t]*[!-~])?)?", re.ASCII)
# What frames the message, concerns the connection alone, or asks for another answer.
OURS = {
    *("accept-encoding", "connection", "content-encoding", "content-length", "expect"),
    *("host", "http2-settings", "keep-alive", "te", "trailer", "transfer-encoding"),
    *("upgrade", "content-type"),
}
OUR_PREFIXES = ("webhook-", "proxy-", "sec-")


def check_headers(headers: Mapping[str, str]) -> None:
    """`Invalid` names the header that may not be sent. No value is repeated."""
    if len(headers) > COUNT_MAX:
        raise Invalid(f"at most {COUNT_MAX} headers are sent", field="config.headers")
    if sum(len(name) + len(headers[name]) for name in headers) > TOTAL_LENGTH_MAX:
        raise Invalid(
            f"the headers have more than {TOTAL_LENGTH_MAX} characters altogether",
            field="config.headers",
        )
    seen: set[str] = set()
    for name, value in headers.items():
        if not NAME.fullmatch(name) or len(name) > NAME_LENGTH_MAX:
            # It is not repeated either: it may be a value that went astray.
            raise Invalid("a header's name is not one", field="config.headers")
        field, lower = f"config.headers.{name}", name.lower()
        if lower in OURS or lower.startswith(OUR_PREFIXES):
            raise Invalid(f"{name} cannot be chosen", field=field)
        if lower in seen:
            raise Invalid(f"{name} is given twice", field=field)
        if not VALUE.fullmatch(value) or len(value) > VALUE_LENGTH_MAX:
            raise Invalid(
                f"the value of {name} must be at most {VALUE_LENGTH_MAX} visible ASCII"
                " characters, with spaces only between them",
                field=field,
            )
        seen.add(lower)
