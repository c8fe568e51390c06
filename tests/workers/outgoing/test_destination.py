"""URLs that may be called, and those that may not, however they are spelled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid
from workers.networks import networks_from
from workers.outgoing import check_url
from workers.outgoing.addresses import NOT_PUBLIC_IPV4
from workers.outgoing.destination import destination_of

NEVER = [
    "https://127.1/",
    "https://127.0.0.1/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://0x7f000001/",
    "https://0x/",
    "https://0177.0.0.1/",
    "https://127.0.0.01/",
    "https://\uff11\uff12\uff17.0.0.1/",
    "https://①②⑦.0.0.1/",
    "https://127。0。0。1/",
    "https://1.2.3.4.5/",
    "https://256.256.256.256/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[2002:7f00:1::]/",
    "https://[fe80::1%25eth0]/",
    "https://[fe80::1%eth0]/",
    "https://[2a00::1%25eth0]/",
    "https://[v1.a]/",
    "https://[::1",
    "https://[]/",
    "https://169.254.169.254/latest/meta-data",
    "https://localhost/",
    "https://LOCALHOST:8080/",
    "https://a.localhost/",
    "https://localhost./",
    "https://a.example./",
    "https://a..example/",
    "https://.a.example/",
    "https://-a.example/",
    "https://a*.example/",
    "https://a%2e.example/",
    "https://a.example%00.b.example/",
    f"https://{'a' * 64}.example/",
    f"https://{'a.' * 130}example/",
    f"https://a.example/{'a' * 2048}",
    "https://user@a.example/",
    "https://user:password@a.example/",
    "https://@a.example/",
    "https://:@a.example/",
    "https://a.example@127.0.0.1/",
    "https://a.example:0/",
    "https://a.example:65536/",
    "https://a.example:-1/",
    "https://a.example:٣/",
    "https://a.example:443:443/",
    "https://a.example/#fragment",
    "https://a.example/#",
    "https://a.example/a b",
    "https://a.example/\r\nHost: b",
    "https://a.example\t/",
    "https://a.example/\x00",
    "https://a.example\\@b.example/",
    "https:\\\\a.example/",
    " https://a.example/",
    "https://a.example/\n",
    "https:a.example",
    "https:///a.example",
    "https://",
    "https://?a",
    "//a.example/",
    "a.example",
    "",
    "http://a.example/",
    "http://93.184.216.34/",
    "file:///etc/passwd",
    "ftp://a.example/",
    "gopher://a.example/",
    "ws://a.example/",
    "javascript:alert(1)",
    "data:text/plain,a",
    "unix:///run/docker.sock",
    "https://\ud800.example/",
    "https://xn--\u00fc/",
]
MAY = [
    "https://a.example/",
    "https://a.example",
    "https://A.Example:8443/hook?token=a%2Fb&x=%20",
    "https://bücher.example/straße",
    "https://xn--bcher-kva.example/",
    "https://my_service/hook",
    "https://93.184.216.34/",
    "https://[2606:2800:220:1::1]:8443/",
    "https://a.example/@user",
    "https://a.example/?q=a@b",
    "https://0x7f.example/",
    "https://localhost.example/",
]


@pytest.mark.parametrize("url", NEVER)
def test_what_is_never_called(url: str) -> None:
    with pytest.raises(Invalid) as refusal:
        check_url(url)
    assert refusal.value.field == "config.url"
    assert len(url) < 9 or url not in str(refusal.value)


@pytest.mark.parametrize("url", MAY)
def test_what_may_be_called(url: str) -> None:
    check_url(url)


def test_a_user_or_a_path_is_not_repeated() -> None:
    for url in ("https://canary@a.example/", "https://[canary", "http://a/canary"):
        with pytest.raises(Invalid) as refusal:
            check_url(url)
        assert "canary" not in str(refusal.value)


def test_an_allowed_network_may_be_called_also_without_tls() -> None:
    networks = networks_from("127.0.0.0/8")
    for url in ("http://127.0.0.1:80/", "https://127.0.0.2/", "http://localhost:1/"):
        check_url(url, networks)
    check_url("http://a.example/", networks)  # Where it leads is seen later.
    for url in ("http://10.0.0.1/", "https://10.0.0.1/", "http://93.184.216.34/"):
        with pytest.raises(Invalid):
            check_url(url, networks)


@given(st.one_of(*(st.ip_addresses(network=one) for one in NOT_PUBLIC_IPV4)))
def test_no_spelling_of_a_private_address_is_overlooked(address: object) -> None:
    a, b, c, d = (int(part) for part in str(address).split("."))
    whole = a << 24 | b << 16 | c << 8 | d
    for host in (
        *(str(whole), hex(whole), f"0{whole:o}", f"{a}.{b << 16 | c << 8 | d}"),
        *(f"{a}.{b}.{c << 8 | d}", f"{a:#x}.{b:#x}.{c:#x}.{d:#x}"),
        *(f"0{a:o}.{b}.{c}.{d}", f"[::ffff:{address}]", f"[64:ff9b::{address}]"),
    ):
        with pytest.raises(Invalid):
            check_url(f"https://{host}/")


@given(st.text(max_size=40), st.sampled_from(["https://", "http://", "", "https:"]))
def test_whatever_is_sent_is_called_or_refused(text: str, start: str) -> None:
    try:
        called = destination_of(start + text, ())
    except Invalid:
        return
    assert called.scheme == "https"
    assert called.raw_host
    assert called.user is None
