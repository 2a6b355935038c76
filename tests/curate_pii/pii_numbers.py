"""Makes valid numbers of each kind, by their published schemes, independently of the code under test."""

from datetime import date

from hypothesis import strategies as st

DIGIT = st.sampled_from("0123456789")


def digits(size: int, first: str = "0123456789") -> st.SearchStrategy[str]:
    """`size` digits, the first of them one of `first`."""
    rest = st.text(DIGIT, min_size=size - 1, max_size=size - 1)
    return st.tuples(st.sampled_from(first), rest).map("".join)


def _luhn_digit(body: str) -> str:
    total = 0
    for place, character in enumerate(reversed(body)):
        doubled = int(character) * (2 if place % 2 == 0 else 1)
        total += doubled // 10 + doubled % 10
    return str(-total % 10)


_D5 = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
    [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
    [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
    [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
    [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
    [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
    [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
    [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
    [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
]
_PERMUTATION = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
    [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
    [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
    [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
    [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
    [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
    [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
]


def _verhoeff_digit(body: str) -> str:
    check = 0
    for place, character in enumerate(reversed(body), start=1):
        check = _D5[check][_PERMUTATION[place % 8][int(character)]]
    return next(str(digit) for digit in range(10) if _D5[check][digit] == 0)


def _cn_id(body: str) -> str:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return "10X98765432"[sum(int(digit) * weight for digit, weight in zip(body, weights, strict=True)) % 11]


def _iban(country: str, account: str) -> str:
    numbers = "".join(str(int(character, 36)) for character in account + country + "00")
    return f"{country}{98 - int(numbers) % 97:02d}{account}"


def _cpf(body: str) -> str:
    for _ in range(2):
        total = sum(int(digit) * weight for weight, digit in enumerate(reversed(body), start=2))
        body += str(0 if total % 11 < 2 else 11 - total % 11)
    return body


def _tax_id(body: str) -> str:
    product = 10
    for digit in body:
        total = (int(digit) + product) % 10
        product = (2 * (total or 10)) % 11
    return body + str((11 - product) % 10)


def _repeat_one(parts: tuple[list[str], int, int]) -> str:
    """Ten digits of which one comes twice, none at the front a zero."""
    order, take, put = parts
    kept = order[:9]
    kept.insert(put, kept[take])
    if kept[0] == "0":
        kept.append(kept.pop(0))
    if kept[0] == "0":
        kept = kept[1:9] + kept[:1] + kept[9:]
    return "".join(kept)


birthdays = st.dates(min_value=date(1900, 1, 1), max_value=date(2025, 12, 31))

cards = st.one_of(
    digits(15, "4"),
    st.tuples(st.sampled_from(["51", "52", "53", "54", "55"]), digits(13)).map("".join),
    st.tuples(st.sampled_from(["34", "37"]), digits(12)).map("".join),
    st.tuples(st.sampled_from(["6011", "6500"]), digits(11)).map("".join),
    st.tuples(st.just("62"), digits(13)).map("".join),
).map(lambda body: body + _luhn_digit(body))
cn_ids = st.tuples(st.sampled_from(["110105", "310101", "440305", "510104"]), birthdays, digits(3)).map(
    lambda parts: (body := parts[0] + parts[1].strftime("%Y%m%d") + parts[2]) + _cn_id(body)
)
ibans = st.one_of(
    digits(18).map(lambda account: _iban("DE", account)),
    digits(14).map(lambda account: _iban("GB", "WEST" + account)),
    digits(23).map(lambda account: _iban("FR", account)),
    digits(20).map(lambda account: _iban("ES", account)),
)
spanish = st.one_of(
    digits(8).map(lambda number: number + "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23]),
    st.tuples(st.sampled_from("XYZ"), digits(7)).map(
        lambda parts: "".join(parts) + "TRWAGMYFPDXBNJZSQVHLCKE"[int(str("XYZ".index(parts[0])) + parts[1]) % 23]
    ),
)
nirs = st.tuples(st.sampled_from("12"), digits(2), st.integers(1, 12), st.integers(1, 95), digits(6)).map(
    lambda parts: (body := f"{parts[0]}{parts[1]}{parts[2]:02d}{parts[3]:02d}{parts[4]}") + f"{97 - int(body) % 97:02d}"
)
cpfs = digits(9).filter(lambda body: len(set(body)) > 1).map(_cpf)
tax_ids = st.tuples(st.permutations("0123456789"), st.integers(0, 8), st.integers(0, 9)).map(_repeat_one).map(_tax_id)
aadhaars = digits(11, "23456789").map(lambda body: body + _verhoeff_digit(body))
