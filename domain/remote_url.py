"""Where a repository is cloned from: a URL, or what git takes in place of one."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from domain.errors import Invalid

# By a word in the host's name; Azure's older hosts have another.
PLATFORMS = {
    "github": "github",
    "gitlab": "gitlab",
    "bitbucket": "bitbucket",
    "azure": "azure",
    "visualstudio": "azure",
}
# GitHub takes one in place of a user's name.
TOKEN = re.compile(r"gh[a-z]_|github_pat_")


def check_has_no_secret(remote_url: str) -> None:
    """`Invalid`: members see it, and what the journal keeps cannot be taken back."""
    url = _split(remote_url)
    if url.password or TOKEN.match(url.username or ""):
        raise Invalid("remoteUrl must have no password or token", field="remoteUrl")


def platform_of(remote_url: str) -> str:
    """The hosting service, told by the host's name."""
    host = host_of(remote_url)
    known = (platform for word, platform in PLATFORMS.items() if word in host)
    return next(known, "other")


def host_of(remote_url: str) -> str:
    """Of `git@host:path`, too; empty if there is none. `Invalid` if it is no URL."""
    if "://" not in remote_url:
        host = remote_url.partition("/")[0].partition(":")[0]
        return host.rpartition("@")[2].lower()
    return _split(remote_url).hostname or ""


def _split(remote_url: str) -> SplitResult:
    try:
        return urlsplit(remote_url)
    except ValueError:
        raise Invalid("remoteUrl is not a URL", field="remoteUrl") from None
