"""What callers get wrong about the log: positions, instants, and what to take away."""

from __future__ import annotations

from tests.api.bad_history import LATER, NOT_INSTANTS

NOT_POSITIONS = ("0", "-1", "1.5", "x", "", "null", "9" * 17, "9" * 5_000)
NEITHER = (*NOT_POSITIONS, *(text for text in NOT_INSTANTS if not text.isdecimal()))
LOG_QUERIES = {
    "/log/checkpoint?size=": ("size", NOT_POSITIONS),
    "/log/proof/inclusion?position=": ("position", NOT_POSITIONS),
    "/log/proof/inclusion?position=1&size=": ("size", NOT_POSITIONS),
    "/log/proof/consistency?from=": ("from", NOT_POSITIONS),
    "/log/proof/consistency?from=1&to=": ("to", NOT_POSITIONS),
    "/log/export?from=": ("from", NEITHER),
    "/log/export?to=": ("to", NEITHER),
    "/log/export?format=csv&from=": ("from", NEITHER),
    "/log/export?format=csv&to=": ("to", NEITHER),
    "/log/export?earlier=": ("earlier", NOT_POSITIONS),
    "/log/export?format=csv&earlier=": ("earlier", ("1", *NOT_POSITIONS)),
    "/log/export?format=": ("format", ("", "CSV", "json", "xlsx", "null", "0")),
    "/log/export?environmentId=": ("environmentId", ("", "1", "null", "0" * 32)),
    "/log/export?environmentId={id}&repositoryIdentifier=": (
        "repositoryIdentifier",
        ("", "acme/shop", "a" * 256),
    ),
    "/environments/{id}/holds?format=": ("format", ("", "CSV", "ndjson", "null")),
    "/environments/{id}/holds?format=csv&from=": ("from", (*NOT_INSTANTS, *LATER)),
    "/repositories/{repository}/holds?format=": ("format", ("", "xlsx", "null")),
}
