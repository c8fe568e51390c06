"""Where a repository is cloned from: a URL, or what git takes in place of one."""

from __future__ import annotations

from urllib.parse import urlsplit

from domain.errors import Invalid

# By a word in the host's name; Azure's older hosts have another.
PLATFORMS = {
    "github": "github",
    "gitlab": "gitlab",
    "bitbucket": "bitbucket",
    "azure": "azure",
    "visualstudio": "azure",
}


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
    try:
        return urlsplit(remote_url).hostname or ""
    except ValueError:
        raise Invalid("remoteUrl is not a URL", field="remoteUrl") from None
