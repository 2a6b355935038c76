"""Every valid number is found where a person would write it, and one with a wrong check digit is not."""

import ipaddress
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pii_numbers import aadhaars, cards, cn_ids, cpfs, digits, ibans, nirs, spanish, tax_ids

from tilth.curate.pii.find import RULES, find, screen

FRAMES = ("{}", "His number is {}, he said.", "号码：{}。谢谢", "({})", "a line\n{}\nanother line")
frames = st.sampled_from(FRAMES)


def found(text: str) -> list[tuple[str, str]]:
    """What the stage would find: only what the screen lets through."""
    rows = screen(pl.Series([text]))
    return [(span.kind, text[span.start : span.end]) for _, rules in rows for span in find(text, rules)]


def kinds(text: str) -> list[str]:
    return [kind for kind, _ in found(text)]


def other_digit(number: str, shift: int) -> str:
    """The last digit changed, by 1 to 9."""
    return number[:-1] + str((int(number[-1]) + shift) % 10)


def cut(number: str, sizes: tuple[int, ...], separator: str) -> str:
    pieces, start = [], 0
    for size in sizes:
        pieces.append(number[start : start + size])
        start += size
    return separator.join(piece for piece in (*pieces, number[start:]) if piece)


@settings(deadline=None, max_examples=60)
@given(cards, frames, st.sampled_from(["", " ", "-"]), st.integers(1, 9))
def test_a_valid_card_is_found_and_one_with_another_digit_is_not(card: str, frame: str, sep: str, shift: int) -> None:
    sizes = (4, 6) if len(card) == 15 else (4, 4, 4)
    assert ("card", cut(card, sizes, sep)) in found(frame.format(cut(card, sizes, sep)))
    assert "card" not in kinds(frame.format(cut(other_digit(card, shift), sizes, sep)))


@settings(deadline=None, max_examples=60)
@given(cn_ids, frames)
def test_a_chinese_resident_number_is_found_and_a_wrong_one_is_not(number: str, frame: str) -> None:
    assert found(frame.format(number)) == [("cn_id", number)]
    assert found(frame.format(number.lower())) == [("cn_id", number.lower())]
    wrong = number[:-1] + ("1" if number[-1] != "1" else "2")
    assert "cn_id" not in kinds(frame.format(wrong))
    assert "cn_id" not in kinds(frame.format(number[:10] + "13" + number[12:]))  # a thirteenth month


@settings(deadline=None, max_examples=60)
@given(ibans, frames, st.booleans())
def test_an_iban_is_found_and_a_wrong_one_is_not(number: str, frame: str, spaced: bool) -> None:
    written = cut(number, (4,) * 8, " ") if spaced else number
    assert ("iban", written) in found(frame.format(written))
    wrong = number[:2] + f"{(int(number[2:4]) + 1) % 97:02d}" + number[4:]
    assert "iban" not in kinds(frame.format(wrong))


@settings(deadline=None, max_examples=60)
@given(spanish, frames)
def test_a_spanish_number_is_found_and_one_with_another_letter_is_not(number: str, frame: str) -> None:
    assert found(frame.format(number)) == [("es_id", number)]
    wrong = number[:-1] + ("T" if number[-1] != "T" else "R")
    assert "es_id" not in kinds(frame.format(wrong))


@settings(deadline=None, max_examples=60)
@given(nirs, frames, st.booleans())
def test_a_french_number_is_found_and_one_with_another_key_is_not(number: str, frame: str, spaced: bool) -> None:
    written = cut(number, (1, 2, 2, 2, 3, 3), " ") if spaced else number
    assert ("fr_nir", written) in found(frame.format(written))
    assert "fr_nir" not in kinds(frame.format(other_digit(written, 1)))


@settings(deadline=None, max_examples=60)
@given(cpfs, frames, st.integers(1, 9))
def test_a_brazilian_number_is_found_and_a_wrong_one_is_not(number: str, frame: str, shift: int) -> None:
    written = f"{number[:3]}.{number[3:6]}.{number[6:9]}-{number[9:]}"
    assert found(frame.format(written)) == [("br_cpf", written)]
    assert "br_cpf" not in kinds(frame.format(other_digit(written, shift)))


@settings(deadline=None, max_examples=60)
@given(tax_ids, st.sampled_from(FRAMES[:4]), st.integers(1, 9))
def test_a_german_tax_number_is_found_and_a_wrong_one_is_not(number: str, frame: str, shift: int) -> None:
    written = cut(number, (2, 3, 3), " ")
    assert ("de_tax_id", written) in found(frame.format(written))
    assert "de_tax_id" not in kinds(frame.format(other_digit(written, shift)))


@settings(deadline=None, max_examples=60)
@given(aadhaars, st.integers(1, 9))
def test_an_indian_number_is_found_and_a_wrong_one_is_not(number: str, shift: int) -> None:
    assert ("in_aadhaar", number) in found(f"Aadhaar: {number}")
    assert "in_aadhaar" not in kinds(f"Aadhaar: {other_digit(number, shift)}")
    assert "in_aadhaar" not in kinds(f"the counter says {number} now")


@settings(deadline=None, max_examples=60)
@given(digits(3, "12345678"), st.integers(1, 99), st.integers(1, 9999), frames)
def test_a_social_security_number_is_found_unless_it_is_never_issued(
    area: str, group: int, serial: int, frame: str
) -> None:
    number = f"{area}-{group:02d}-{serial:04d}"
    assume(area != "666" and number not in ("219-09-9999", "123-45-6789"))
    assert found(frame.format(number)) == [("us_ssn", number)]
    for never in (f"000-{group:02d}-{serial:04d}", f"{area}-00-{serial:04d}", f"9{area[1:]}-{group:02d}-0000"):
        assert "us_ssn" not in kinds(frame.format(never))


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(["AB", "CE", "JG", "YY"]), digits(6), st.sampled_from("ABCD"), st.booleans(), frames)
def test_a_national_insurance_number_is_found(first: str, body: str, last: str, spaced: bool, frame: str) -> None:
    number = cut(first + body + last, (2, 2, 2, 2), " " if spaced else "")
    assert found(frame.format(number)) == [("uk_nino", number)]
    assert "uk_nino" not in kinds(frame.format("GB" + number[2:]))
    assert "uk_nino" not in kinds(frame.format(number[:-1] + "E"))


@settings(deadline=None, max_examples=80)
@given(st.ip_addresses(v=4), frames)
def test_an_ip_address_is_public_or_private_as_the_registry_says(address: ipaddress.IPv4Address, frame: str) -> None:
    assume(not address.is_multicast and str(address).split(".")[0] not in ("0", "255"))
    expected = "ip" if address.is_global else "ip_private"
    assert found("address " + str(address)) == [(expected, str(address))]
    if sum(int(part) > 31 for part in str(address).split(".")) >= 2:
        assert found(frame.format(address)) == [(expected, str(address))]


@settings(deadline=None, max_examples=60)
@given(st.integers(0x2001_0000_0000_0000, 0x3FFF_FFFF_FFFF_FFFF), st.integers(1, 2**64 - 1), st.booleans())
def test_a_version_six_address_is_found(network: int, host: int, long: bool) -> None:
    address = ipaddress.IPv6Address((network << 64) | host)
    written = address.exploded if long else str(address)
    assert found(f"from [{written}] today") == [("ip" if address.is_global else "ip_private", written)]


_word = st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz0123456789"), min_size=1, max_size=12)


@settings(deadline=None, max_examples=80)
@given(
    st.lists(_word, min_size=1, max_size=3),
    st.sampled_from("._-+"),
    _word,
    st.sampled_from(["com", "de", "org", "co.uk"]),
)
def test_an_address_of_a_person_is_found(names: list[str], joint: str, host: str, ending: str) -> None:
    address = f"{joint.join(names)}x@{host}.{ending}"
    assume(host != "example")
    for frame in ("{}", "write to <{}>.", "邮箱：{}，谢谢", "mailto:{}?subject=x"):
        assert found(frame.format(address)) == [("email", address)]


_PHONES = (
    *("+1 415 555 2671", "+1-415-555-2671", "(415) 555-2671", "415-555-2671", "415.555.2671", "1-800-555-2671"),
    *("+86 139 1234 5678", "13912345678", "139-1234-5678", "010-62345678", "0755-26712345"),
    *("+44 20 7946 0958", "020 7946 0958", "07911 123456", "07911 123 456", "0161 496 0123", "01632 960123"),
    *(
        "+49 30 12345678",
        "+49 (0)30 1234567",
        "0049 30 1234567",
        "+33 1 42 68 53 00",
        "01 42 68 53 00",
        "01.42.68.53.00",
    ),
    *("+4533330040", "+91 98765 43210", "+81 3-1234-5678"),
)


@pytest.mark.parametrize("number", _PHONES)
@pytest.mark.parametrize(
    "frame", ["{}", "Call {} now.", "电话：{}。", "see {}, please", "Fax: {}", "Holyoke, MA 01040-2841 {}"]
)
def test_a_telephone_number_is_found_in_its_usual_forms(number: str, frame: str) -> None:
    assert ("phone", number) in found(frame.format(number))


@pytest.mark.parametrize("number", ["030/12345678", "089 1234567", "(0211) 123456", "4155552671", "02079460958"])
def test_a_loose_form_counts_only_after_a_word_that_announces_it(number: str) -> None:
    assert found(f"Tel.: {number}") == [("phone", number)]
    assert "phone" not in kinds(f"item {number}")


@pytest.mark.parametrize(
    "text",
    [
        "version 1.2.3.4 and v10.20.30.40 of the library, section 3.2.1.4",
        "netmask 255.255.255.0, any 0.0.0.0",
        "std::vector<int> a::b dead::beef 12:34:56 and the paragraph of 2006::",
        "git clone git@github.com:owner/name and user@host:/path, image@2x.png, @decorator, a@b",
        "someone@example.com or me@mail.example.org or you@localhost.test",
        "ISBN 978-3-16-148410-0, ISBN-13: 9783161484100, ISSN 2049-3630",
        "doi:10.1038/nature12373 and https://doi.org/10.1000/182/4111111111111111",
        "3.14159265358979323846 and 0.4111111111111111 and 1234567890123456789012",
        "2010 2011 2012 2013, 1999-2000-2001, 2020-01-02 03:04:05",
        "0x4111111111111111 sha 4111111111111111abcdef",
        "#4155552671 and order_4155552671",
        "911-555-1234 and 123-456-7890 and 415-911-0000",
        "https://maps.org/place/415-555-2671/x",
        "https://tickets.org/" + "a-long-name-" * 15 + "16023629106?from=x",
        "A: 00000 11111 and B: 11010 01001 01100",
    ],
)
def test_what_only_looks_like_personal_data_is_left(text: str) -> None:
    assert found(text) == []


def test_a_bracket_may_follow_a_word_at_once() -> None:
    assert found("(281)651-7106;Fax(281)528-8636") == [("phone", "(281)651-7106"), ("phone", "(281)528-8636")]


def test_spans_are_in_order_and_do_not_overlap() -> None:
    text = "a@b.com 4111 1111 1111 1111 +1 415 555 2671 x@y.org 203.45.67.89 11010519491231002X"
    spans = find(text)
    assert [span.kind for span in spans] == ["email", "card", "phone", "email", "ip", "cn_id"]
    assert all(one.end <= two.start for one, two in pairwise(spans))


@settings(deadline=None, max_examples=100)
@given(st.text(st.sampled_from("0123456789 -.()+/@:aA中"), max_size=300))
def test_the_screen_never_hides_what_the_rules_find(text: str) -> None:
    seen = {place for _, places in screen(pl.Series([text])) for place in places}
    for place in range(len(RULES)):
        if find(text, (place,)):
            assert place in seen
