"""A local path leads nowhere else, however often somebody decodes it on the way."""

from __future__ import annotations

from urllib.parse import quote, unquote, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.local_path import local_path

ORG = "https://acme.my.salesforce.com/secur/frontdoor.jsp"
ODD = st.text(
    st.sampled_from("/\\.:@?#%25Ffc a\t\n\u2044\uff0f\u3000evil"), max_size=20
)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/lightning/setup/SetupOneHome/home",
        "/lightning/r/Account/001xx000003DGb2AAG/view?a=b&c=%2Fd%20e#f",
        "/apex/page?url=https://acme.example/",
        "/caf%C3%A9/a.b/..c",
        "/a//b",
    ],
)
def test_a_path_of_the_org_is_one(path: str) -> None:
    assert local_path(path, "retURL") == path


@given(ODD | ODD.map(quote) | ODD.map(quote).map(quote))
def test_whatever_passes_stays_within_the_org(text: str) -> None:
    try:
        path = local_path("/" + text, "retURL")
    except Invalid:
        return
    for _ in range(5):
        for seen in path, path.replace("\\", "/"), path.strip():
            there = urlsplit(urljoin(ORG, seen))
            assert there.netloc == "acme.my.salesforce.com"
            assert not there.path.startswith("//")
        path = unquote(path)


def test_it_is_not_decoded_for_ever() -> None:
    path = "/a"
    for _ in range(10):
        path = "/" + quote(path, safe="")
    with pytest.raises(Invalid) as refusal:
        local_path(path, "retURL")
    assert refusal.value.field == "retURL"
