"""What callers get wrong about the past: instants, whose, and where to go on."""

from __future__ import annotations

NOT_INSTANTS = (
    *("", "now", "yesterday", "null", "0", "1767268800", "1e9", "NaN", "2026"),
    *("2026-01-31", "12:00:00Z", "2026-01-31T12:00:00", "2026-01-31 12:00:00"),
    *("2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-31T25:00:00Z"),
    *("2026-01-31T12:00:00 01:00", "2026-01-31T12:00:00%2B99:00", "P1D"),
    *("0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00"),
    *("10000-01-01T00:00:00Z", "%F0%9F%95%92", "9" * 400, "'; SELECT 1; --"),
)
LATER = ("9999-12-31T23:59:59Z", "2200-01-01T00:00:00%2B05:30")
CALLERS = ("", "x" * 1_001)
HISTORY_QUERIES = {
    "/environments/{id}/audit?from=": ("from", NOT_INSTANTS),
    "/environments/{id}/audit?to=": ("to", NOT_INSTANTS),
    "/environments/{id}/audit?to=2026-01-01T00:00:00Z&from=": (
        "from",
        ("2026-01-01T00:00:00.000001Z", *LATER),
    ),
    "/environments/{id}/audit?accessedBy=": ("accessedBy", CALLERS),
    "/environments/repository/{repository}/audit?to=": ("to", NOT_INSTANTS),
    "/environments/repository/{repository}/audit?accessedBy=": ("accessedBy", CALLERS),
    "/audit?accessedBy=": ("accessedBy", CALLERS),
    "/audit?accessedBy=a&from=": ("from", NOT_INSTANTS),
    "/audit?accessedBy=a&limit=": ("limit", ("-1", "0", "x", "")),
    "/audit?accessedBy=a&offset=": ("offset", ("-1", "1e30", "9" * 30, "x", "")),
    "/audit?accessType=": ("accessedBy", ("lock",)),
    "/environments?at=": ("at", (*NOT_INSTANTS, *LATER)),
    "/environments/{id}?at=": ("at", (*NOT_INSTANTS, *LATER)),
    "/environments/by-name/{name}?repositoryIdentifier={repository}&at=": (
        "at",
        (*NOT_INSTANTS, *LATER),
    ),
    "/environments/{id}?authType=accessToken&at=": ("at", ("2026-01-31T12:00:00Z",)),
    "/environments/{id}/history?from=": ("from", NOT_INSTANTS),
    "/environments/{id}/history?to=": ("to", NOT_INSTANTS),
    "/environments/{id}/history?to=2026-01-01T00:00:00Z&from=": (
        "from",
        ("2026-01-01T00:00:00.000001Z", *LATER),
    ),
    "/environments/{id}/history?limit=": (
        "limit",
        ("-1", "0", "1.5", "abc", ""),
    ),
    "/environments/{id}/history?after=": (
        "after",
        ("-1", "x", "", "1e3", "9" * 19, "null"),
    ),
    "/environments/{id}/history?types=": ("types", ("", "lock", "lock.lost", "null")),
    "/environments/{id}/holds?from=": ("from", (*NOT_INSTANTS, *LATER)),
    "/environments/{id}/holds?to=": ("to", NOT_INSTANTS),
    "/environments/{id}/holds?to=2026-01-01T00:00:00Z&from=": (
        "from",
        ("2026-01-01T00:00:00.000001Z",),
    ),
    "/environments/{id}/holds?limit=": (
        "limit",
        ("-1", "0", "1.5", "abc", ""),
    ),
    "/environments/{id}/holds?offset=": ("offset", ("-1", "1e30", "9" * 30, "x", "")),
    "/repositories/{repository}/holds?from=": ("from", (*NOT_INSTANTS, *LATER)),
    "/repositories/{repository}/holds?limit=": ("limit", ("-1", "0", "x", "")),
}
