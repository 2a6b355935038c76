"""E-mail and IP addresses: whether what looks like one is one, and whose.

What it guarantees: pure functions, linear in the length of the candidate.
"""

import ipaddress
import re

#: Endings that look like a top-level domain and are a file's: "photo@2x.png". None is a top-level domain (IANA, 2026).
_FILE_ENDINGS = frozenset(
    [
        "png",
        "jpg",
        "jpeg",
        "gif",
        "svg",
        "webp",
        "bmp",
        "ico",
        "tif",
        "tiff",
        "css",
        "js",
        "jsx",
        "ts",
        "tsx",
        "json",
        "html",
        "htm",
        "xml",
        "yaml",
        "yml",
        "toml",
        "txt",
        "csv",
        "pdf",
        "gz",
        "tar",
        "whl",
        "lock",
        "cfg",
        "ini",
        "log",
        "so",
        "dll",
        "exe",
        "class",
        "jar",
        "tex",
        "bib",
        "scss",
    ]
)

#: Names that are reserved for examples and tests (RFC 2606, RFC 6761): nobody's address.
_EXAMPLE_ENDINGS = frozenset({"example", "test", "invalid", "localhost", "local", "localdomain"})
_EXAMPLE_DOMAINS = frozenset({"example.com", "example.org", "example.net", "example.edu"})

#: Addresses of a service, as Git and SSH write them.
_SERVICE_NAMES = frozenset({"git", "hg", "svn", "ssh", "root"})

_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?", re.ASCII)


def is_email(local: str, domain: str) -> bool:
    """Whether `local`@`domain` is an address that may belong to a person (RFC 5321 in its usual ASCII form)."""
    if not local or len(local) > 64 or len(domain) > 255 or local[0] == "." or local[-1] == "." or ".." in local:
        return False
    labels = domain.lower().split(".")
    ending = labels[-1]
    if len(labels) < 2 or not (2 <= len(ending) <= 24 and ending.isalpha()) or ending in _FILE_ENDINGS:
        return False
    if ending in _EXAMPLE_ENDINGS or ".".join(labels[-2:]) in _EXAMPLE_DOMAINS or local.lower() in _SERVICE_NAMES:
        return False
    return all(_LABEL.fullmatch(label) for label in labels)


def ipv4_kind(text: str, *, said: bool) -> str | None:
    """ "ip" for an address of the internet, "ip_private" for one of a private or reserved range, None for neither.

    Version, section and object numbers have four parts too, but small ones: unless the words before call it an address
    (`said`), two parts must be above 31. Of all public addresses 99% are so.
    """
    parts = text.split(".")
    if any(int(part) > 255 or (len(part) > 1 and part[0] == "0") for part in parts):
        return None
    address = ipaddress.IPv4Address(text)
    if address.is_unspecified or address.is_multicast or parts[0] in ("0", "255"):
        return None  # masks, wildcards
    if not address.is_global:
        return "ip_private"
    return "ip" if said or sum(int(part) > 31 for part in parts) >= 2 else None


def ipv6_kind(text: str) -> str | None:
    """As `ipv4_kind`. The first group must have four digits: it has in every assigned range, and C++ names have not."""
    first, *rest = text.split(":")
    if text != "::1" and (len(first) != 4 or not any(rest)):
        return None  # "2006::" ends a paragraph in reStructuredText
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        return None
    if address.is_multicast:
        return None
    if address.is_global:
        return "ip" if first[0] in "23" else None
    return "ip_private" if text == "::1" or first[0] in "23fF" else None
