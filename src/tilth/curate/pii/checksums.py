"""Check digits of numbers that people are known by: one pure function a scheme.

What it guarantees: arguments are the plain characters of the number, separators taken out; anything else is False.
"""

from datetime import date

#: Verhoeff's multiplication and permutation tables (J. Verhoeff, Error Detecting Decimal Codes, 1969): the dihedral
#: group of order 10, and the powers of one permutation.
_DIHEDRAL = tuple(
    tuple(
        ((a + b) % 5 if b < 5 else 5 + (a + b) % 5) if a < 5 else (5 + (a - b) % 5 if b < 5 else (a - b) % 5)
        for b in range(10)
    )
    for a in range(10)
)
_SHIFT = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def _permute(digit: int, times: int) -> int:
    for _ in range(times):
        digit = _SHIFT[digit]
    return digit


_PERMUTED = tuple(tuple(_permute(digit, times) for digit in range(10)) for times in range(8))
#: Luhn: what a digit adds at even and at odd places from the right.
_LUHN = (tuple(range(10)), (0, 2, 4, 6, 8, 1, 3, 5, 7, 9))

#: Length of an IBAN by country (SWIFT, IBAN Registry, release 99).
_IBAN_COUNTRIES = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 "
    "FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 "
    "LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 "
    "SA24 SC31 SD18 SE24 SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20"
)
IBAN_LENGTHS = {word[:2]: int(word[2:]) for word in _IBAN_COUNTRIES.split()}

#: First two digits of a Chinese resident number: the province (GB/T 2260).
_PROVINCES = frozenset((*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55), *range(61, 66)))
_PROVINCES |= {71, 81, 82, 83}

#: Numbers that the US Social Security Administration names as never issued: printed in advertisements.
_SSN_PRINTED = frozenset({"078051120", "219099999", "123456789"})

_NINO_NEVER = frozenset({"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"})


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B: payment cards."""
    return sum(_LUHN[index % 2][int(digit)] for index, digit in enumerate(reversed(digits))) % 10 == 0


def verhoeff(digits: str) -> bool:
    """Verhoeff's scheme: India's Aadhaar."""
    check = 0
    for index, digit in enumerate(reversed(digits)):
        check = _DIHEDRAL[check][_PERMUTED[index % 8][int(digit)]]
    return check == 0


def card(digits: str) -> bool:
    """A payment card: prefixes and lengths of the large networks (ISO/IEC 7812 and their own pages), and Luhn."""
    size, two, three, four = len(digits), int(digits[:2]), int(digits[:3]), int(digits[:4])
    known = (
        (digits[0] == "4" and size in (13, 16, 19))  # Visa
        or ((51 <= two <= 55 or 2221 <= four <= 2720) and size == 16)  # Mastercard
        or (two in (34, 37) and size == 15)  # American Express
        or ((four == 6011 or 644 <= three <= 649 or two == 65) and 16 <= size <= 19)  # Discover
        or ((300 <= three <= 305 or two in (36, 38, 39)) and size == 14)  # Diners Club
        or (3528 <= four <= 3589 and 16 <= size <= 19)  # JCB
        or (two == 62 and 16 <= size <= 19)  # UnionPay
    )
    return known and len(set(digits)) > 1 and luhn(digits)


def iban(text: str) -> bool:
    """ISO 13616: the country's length, and the remainder 1 of division by 97 (ISO 7064, MOD 97-10)."""
    if IBAN_LENGTHS.get(text[:2]) != len(text):
        return False
    return int("".join(str(int(character, 36)) for character in text[4:] + text[:4])) % 97 == 1


def us_ssn(digits: str) -> bool:
    """A US social security number that can have been issued (SSA, randomisation of 2011); it has no check digit."""
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    issued = area not in ("000", "666") and area[0] != "9" and group != "00" and serial != "0000"
    return issued and digits not in _SSN_PRINTED


def cn_id(text: str) -> bool:
    """GB 11643-1999: province, date of birth, and the check character of ISO 7064, MOD 11-2."""
    if int(text[:2]) not in _PROVINCES or not _is_date(int(text[6:10]), int(text[10:12]), int(text[12:14])):
        return False
    total = sum(int(digit) * pow(2, 17 - index, 11) for index, digit in enumerate(text[:17]))
    return "10X98765432"[total % 11] == text[17].upper()


def uk_nino(text: str) -> bool:
    """A UK National Insurance number (HMRC, NIM39110): letters that are in use; it has no check digit."""
    return text[:2] not in _NINO_NEVER


def es_id(text: str) -> bool:
    """Spain's DNI and NIE: the letter is the number modulo 23 (Ministerio del Interior); X, Y, Z stand for 0, 1, 2."""
    number = int(text[:-1].translate(str.maketrans("XYZ", "012")))
    return "TRWAGMYFPDXBNJZSQVHLCKE"[number % 23] == text[-1]


def fr_nir(text: str) -> bool:
    """France's NIR (INSEE): the key is 97 less the number modulo 97; Corsica's 2A and 2B count as 19 and 18."""
    number = int(text[:13].replace("2A", "19").replace("2B", "18"))
    return 97 - number % 97 == int(text[13:])


def de_tax_id(digits: str) -> bool:
    """Germany's tax number (BZSt): of its ten digits one comes two or three times, and ISO 7064, MOD 11,10."""
    body = digits[:10]
    repeats = sorted(count for count in map(body.count, set(body)) if count > 1)
    if digits[0] == "0" or repeats not in ([2], [3]):
        return False
    product = 10
    for digit in body:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(digits[10])


def br_cpf(digits: str) -> bool:
    """Brazil's CPF (Receita Federal): two check digits modulo 11; eleven equal digits are never issued."""
    if len(set(digits)) == 1:
        return False
    for size in (9, 10):
        total = sum(int(digit) * weight for digit, weight in zip(digits[:size], range(size + 1, 1, -1), strict=True))
        if total * 10 % 11 % 10 != int(digits[size]):
            return False
    return True


def in_aadhaar(digits: str) -> bool:
    """India's Aadhaar (UIDAI): twelve digits, the first 2 to 9, Verhoeff's check digit."""
    return digits[0] not in "01" and verhoeff(digits)


def _is_date(year: int, month: int, day: int) -> bool:
    if not 1900 <= year <= 2099:
        return False
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True
