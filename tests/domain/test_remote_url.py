"""Where a repository is cloned from, and what that tells."""

from __future__ import annotations

import pytest

from domain.remote_url import platform_of


@pytest.mark.parametrize(
    ("url", "platform"),
    [
        ("https://github.com/acme/shop", "github"),
        ("https://gitlab.acme.example/shop", "gitlab"),
        ("https://Bitbucket.org/acme/shop", "bitbucket"),
        ("https://dev.azure.com/acme/shop", "azure"),
        ("git@github.com:acme/shop.git", "github"),
        ("https://git.acme.example/github/shop", "other"),
        ("git@gitlab.com:acme/github-actions.git", "gitlab"),
        ("gitlab.com:github/shop", "gitlab"),
        ("bitbucket.org/acme/github-mirror", "bitbucket"),
        ("git@git.acme.example:github/shop.git", "other"),
        ("/srv/git/github.git", "other"),
        ("git@ssh.dev.azure.com:v3/acme/shop/shop", "azure"),
        ("https://acme.visualstudio.com/shop/_git/shop", "azure"),
    ],
)
def test_the_platform_is_told_by_the_host(url: str, platform: str) -> None:
    assert platform_of(url) == platform
