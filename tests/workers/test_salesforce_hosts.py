"""Which hosts may be called: Salesforce's own over https, and those that are named."""

from __future__ import annotations

import pytest

from domain.errors import SalesforceRefused
from workers.salesforce_hosts import DOMAINS, Hosts, hosts_from

OWN = Hosts()
NAMED = hosts_from("http://127.0.0.1:9090, sfdc.example.org,https://b.example:8443")


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_domain_of_salesforce_s_own_is_called_over_https(domain: str) -> None:
    for text in f"acme.{domain}", f"https://acme.{domain}/", f"ACME.{domain}:443":
        assert OWN.origin(text) == f"https://acme.{domain}"


@pytest.mark.parametrize(
    "text",
    [
        "salesforce.com",
        "evilsalesforce.com",
        "salesforce.com.evil.example",
        "acme.salesforce.com.",
        "acme..salesforce.com",
        ".salesforce.com",
        "-.salesforce.com",
        "acme.salesforce.com:444",
        "acme.salesforce.com:0",
        "acme.salesforce.com:99999",
        "http://acme.salesforce.com",
        "ftp://acme.salesforce.com",
        "user@acme.salesforce.com",
        "evil.example/.salesforce.com",
        "evil.example#.salesforce.com",
        "evil.example\\.salesforce.com",
        "\u0430cme.salesforce.com",
        "acme.s\u212aalesforce.com",
        "acme.salesforce.com\n",
        "a" * 64 + ".salesforce.com",
        "a." * 130 + "salesforce.com",
        "127.0.0.1",
        "127.0.0.1:9090",
        "[::1]",
        "localhost",
        "",
    ],
)
def test_no_other_is(text: str) -> None:
    with pytest.raises(SalesforceRefused):
        OWN.origin(text)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("127.0.0.1:9090", "http://127.0.0.1:9090"),
        ("http://127.0.0.1:9090", "http://127.0.0.1:9090"),
        ("sfdc.example.org", "https://sfdc.example.org"),
        ("https://SFDC.example.org:443/", "https://sfdc.example.org"),
        ("b.example:8443", "https://b.example:8443"),
        ("acme.my.salesforce.com", "https://acme.my.salesforce.com"),
    ],
)
def test_those_that_are_named_are_called_as_they_are_named(
    text: str, origin: str
) -> None:
    assert NAMED.origin(text) == origin


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1",
        "127.0.0.1:9091",
        "https://127.0.0.1:9090",
        "http://sfdc.example.org",
        "b.example",
        "a.sfdc.example.org",
    ],
)
def test_a_name_allows_nothing_beside_it(text: str) -> None:
    with pytest.raises(SalesforceRefused):
        NAMED.origin(text)


@pytest.mark.parametrize(
    "url",
    [
        "https://acme.my.salesforce.com/secur/frontdoor.jsp?otp=a%20b",
        "http://127.0.0.1:9090/id/1/2",
    ],
)
def test_a_page_of_one_is_a_good_url(url: str) -> None:
    assert NAMED.check_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/",
        "https://acme.my.salesforce.com@evil.example/",
        "https://evil.example\\@acme.my.salesforce.com/",
        "https://acme.my.salesforce.com/a\\b",
        "https://acme.my.salesforce.com/a b",
        "https://acme.my.salesforce.com/\r\nset-cookie:a",
        "https://acme.my.salesforce.com/\u00e9",
        "//acme.my.salesforce.com/",
        "javascript:alert(1)",
        "http://[a",
        "",
    ],
)
def test_another_url_is_not(url: str) -> None:
    with pytest.raises(SalesforceRefused):
        NAMED.check_url(url)
