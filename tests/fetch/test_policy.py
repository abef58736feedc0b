"""Hosts, addresses and shapes of URLs: what may be fetched, and what may not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_daemon.fetch.policy import FetchRefused, Policy, is_host, is_public

HOSTS = ("text.example.com", "*.myqcloud.com")
POLICY = Policy(is_public)


@pytest.mark.parametrize(
    ("url", "fetched"),
    [
        ("https://text.example.com/a.txt", "https://text.example.com/a.txt"),
        ("https://TEXT.Example.com/A.txt", "https://text.example.com/A.txt"),
        ("HTTPS://text.example.com", "https://text.example.com/"),
        ("https://text.example.com:443/a?b=c&d=%2F#e", "https://text.example.com/a?b=c&d=%2F"),
        ("https://text.example.com:/a", "https://text.example.com/a"),
        ("https://a-1.cos.ap-x.myqcloud.com/t", "https://a-1.cos.ap-x.myqcloud.com/t"),
        ("https://a_b.myqcloud.com/t", "https://a_b.myqcloud.com/t"),
        ("https://xn--fiq.myqcloud.com/t", "https://xn--fiq.myqcloud.com/t"),
        ("https://a.myqcloud.com/文.txt", "https://a.myqcloud.com/%E6%96%87.txt"),
        ("https://a.myqcloud.com//x/../y", "https://a.myqcloud.com//x/../y"),
    ],
)
def test_url_of_an_allowed_host_is_fetched_as_it_was_checked(url: str, fetched: str) -> None:
    assert POLICY.check_url(url, HOSTS) == fetched


@pytest.mark.parametrize(
    "url",
    [
        "",
        "text.example.com/a",
        "//text.example.com/a",
        "http://text.example.com/a",
        "ftp://text.example.com/a",
        "file:///etc/passwd",
        "data:text/plain,x",
        "https:text.example.com/a",
        "https:///a",
        "https://",
        # other hosts, and what only looks like one of ours
        "https://example.com/a",
        "https://other.example.com/a",
        "https://myqcloud.com/a",
        "https://evilmyqcloud.com/a",
        "https://text.example.com.evil.com/a",
        "https://a.myqcloud.com.evil.com/a",
        "https://.myqcloud.com/a",
        "https://a..myqcloud.com/a",
        "https://-a.myqcloud.com/a",
        "https://text.example.com./a",
        "https://localhost/a",
        # user names
        "https://text.example.com@evil.com/a",
        "https://evil.com@text.example.com/a",
        "https://user:secret@text.example.com/a",
        "https://@text.example.com/a",
        "https://evil.com%40text.example.com/a",
        # ports
        "https://text.example.com:80/a",
        "https://text.example.com:8443/a",
        "https://text.example.com:0/a",
        "https://text.example.com:99999/a",
        "https://text.example.com:x/a",
        "https://text.example.com:443:443/a",
        # addresses in every notation
        "https://1.2.3.4/a",
        "https://127.0.0.1/a",
        "https://2130706433/a",
        "https://0x7f000001/a",
        "https://0x7f.0.0.1/a",
        "https://0177.0.0.1/a",
        "https://127.1/a",
        "https://0/a",
        "https://[::1]/a",
        "https://[::ffff:127.0.0.1]/a",
        "https://[fe80::1%25eth0]/a",
        "https://[fe80::1%eth0]/a",
        "https://[::1/a",
        "https://::1/a",
        # what other parsers read in another way
        "https://text.example.com\\@evil.com/a",
        "https://evil.com\\.myqcloud.com/a",
        "https://text.example.com /a",
        " https://text.example.com/a",
        "https://text.exam\tple.com/a",
        "https://text.example.com/a\r\nHost: evil.com",
        "https://text.example.com/a\x00",
        "https://evil.com#.myqcloud.com/a",
        "https://evil.com?.myqcloud.com/a",
        "https://evil.com/.myqcloud.com/a",
        "https://evil.com%2f.myqcloud.com/a",
        # beyond ASCII
        "https://文.myqcloud.com/a",
        "https://text。example.com/a",
        "https://ｔext.example.com/a",
        "https://te\u017ft.example.com/a",
        "https://①②⑦.⓪.⓪.①/a",
        "https://text.example.com/" + "a" * 9000,
    ],
)
def test_any_other_url_is_refused(url: str) -> None:
    with pytest.raises(FetchRefused):
        POLICY.check_url(url, HOSTS)


def test_nothing_is_allowed_without_hosts() -> None:
    with pytest.raises(FetchRefused, match="not in fetch_hosts"):
        POLICY.check_url("https://text.example.com/a", ())


def test_refusal_does_not_repeat_what_may_be_secret() -> None:
    with pytest.raises(FetchRefused) as refused:
        POLICY.check_url("https://user:pass@evil.com/path?sign=word", HOSTS)
    assert not {"pass", "path", "word"} & set(str(refused.value).replace("/", " ").split())


@given(st.text(max_size=60))
def test_any_text_is_refused_or_leads_to_an_allowed_host(text: str) -> None:
    for url in (text, f"https://{text}", f"https://{text}.myqcloud.com/", f"https://a{text}/"):
        try:
            fetched = POLICY.check_url(url, HOSTS)
        except FetchRefused:
            continue
        origin, slash, _ = fetched.removeprefix("https://").partition("/")
        assert slash
        assert is_host(origin)
        assert origin == "text.example.com" or origin.endswith(".myqcloud.com")
        assert fetched.isascii()
        assert fetched.isprintable()


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "8.8.8.8",
        "119.28.1.2",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "198.17.255.255",
        "223.255.255.255",
        "2400:3200::1",
        "2606:4700::1111",
        "2001:200::1",
    ],
)
def test_public_address_may_be_connected_to(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        # private
        "10.0.0.1",
        "10.255.255.255",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "fc00::1",
        "fd12:3456::1",
        "fec0::1",
        # loopback and unspecified
        "127.0.0.1",
        "127.255.255.254",
        "::1",
        "0.0.0.0",  # noqa: S104 - an address to be refused
        "0.1.2.3",
        "::",
        # link-local, with the metadata service of clouds
        "169.254.169.254",
        "fe80::1",
        "fe80::1%eth0",
        "2606:4700::1111%eth0",
        # carriers' NAT, with the metadata service of another cloud
        "100.64.0.1",
        "100.100.100.200",
        "100.127.255.255",
        # multicast, broadcast, reserved, documentation, benchmarks
        "224.0.0.1",
        "239.255.255.255",
        "255.255.255.255",
        "240.0.0.1",
        "192.0.0.8",
        "192.0.2.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "ff02::1",
        "2001:db8::1",
        "3fff::1",
        "100::1",
        # IPv4 in IPv6: mapped, compatible, translated, NAT64, 6to4, Teredo
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::127.0.0.1",
        "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::808:808",
        "64:ff9b:1::a00:1",
        "2002:7f00:1::1",
        "2002:808:808::1",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
        "192.88.99.1",
        # no address
        "",
        "localhost",
        "0x7f.1",
        "2130706433",
        "0177.0.0.1",
        "127.1",
    ],
)
def test_any_other_address_may_not(address: str) -> None:
    assert not is_public(address)
