"""Which language a text is in, by script and by stop words: cheap, without a model, and honest about not knowing.

Scripts tell Chinese, Japanese, Korean, Russian, Greek, Arabic, Hebrew, Hindi and Thai apart from each other and from
Latin text. Among Latin languages the share of the commonest words decides between seven. Text with few such words (a
table, code) is unknown, and unknown is never a fault. Costs about 10 us for English of 1.5 kB.
"""

import re
from collections.abc import Sequence

_PROFILES: dict[str, str] = {
    "en": "the of and to in is that it was for on as with be by at this from are or an which have has not but were "
    "their they you his its can will been one also he she we there when what how if your these more would",
    "de": "der die das und ist nicht ein eine den dem von zu mit sich auf für auch als wird sind im es werden aus bei "
    "oder wie einen einer eines nach durch kann hat nur noch über wenn aber am zum zur",
    "fr": "le la les des et est un une du que qui dans pour pas sur au par avec ce il elle sont plus aux cette ou nous "
    "vous ne se être leur mais comme ont été ces fait son sa",
    "es": "el la los las de y que en un una es por con para se del al como más su no lo son pero sus está fue este "
    "esta entre cuando muy sin sobre también ser han desde todo",
    "it": "il la le gli di e che è un una per non con del della sono dei nel alla più come si da anche ma questo "
    "questa nella ha ed al dal delle degli essere stato loro",
    "pt": "o a os as de e que do da em um uma para com não por mais dos das se na no como mas ao ele sua ou foi são "
    "pelo pela é seu também ser está isso entre",
    "nl": "de het een en van in is dat op te zijn met voor niet aan er om ook als dan maar bij uit door naar wordt "
    "worden heeft deze dit die kan hij zij werd nog over",
}
STOPWORDS_BY_LANGUAGE: dict[str, frozenset[str]] = {
    # a letter by itself is a label or a variable in any language
    language: frozenset(word for word in words.split() if len(word) > 1 or language == "en")
    for language, words in _PROFILES.items()
}
_ENGLISH = STOPWORDS_BY_LANGUAGE["en"]
#: The commonest words of all other languages together.
_OTHERS = frozenset().union(*(words for language, words in STOPWORDS_BY_LANGUAGE.items() if language != "en"))
#: English words that say nothing of a text's subject.
STOPWORDS_WORDS = (
    "about after again all any because before being between both could did does doing down during each few further "
    "had having here him her hers into just like make many most much must may might other our out over own same "
    "should some such than them then those through too under until up very where while who whom why yours use used "
    "using however therefore thus well make made question answer step example"
)
STOPWORDS: frozenset[str] = _ENGLISH | frozenset(STOPWORDS_WORDS.split())

#: Scripts in the order they are tried. Kana and Hangul come before Han, which Japanese and Korean share with Chinese.
_SCRIPTS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("ja", re.compile("[\u3040-\u30ff]")),
    ("ko", re.compile("[\uac00-\ud7af]")),
    ("zh", re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")),
    ("ru", re.compile("[\u0400-\u04ff]")),
    ("el", re.compile("[\u0370-\u03ff]")),
    ("ar", re.compile("[\u0600-\u06ff]")),
    ("he", re.compile("[\u0590-\u05ff]")),
    ("hi", re.compile("[\u0900-\u097f]")),
    ("th", re.compile("[\u0e00-\u0e7f]")),
)
_LETTER = re.compile(r"[^\W\d_]")
#: Letters looked at: the first ones tell as much as all.
_SAMPLE = 4000
#: Share of letters from which a script names the text. A Chinese letter says more than a Latin one, so a Chinese text
#: with code or names in it still counts. Measured: of 811 Chinese pages, programming among them, two lie below.
SCRIPT_SHARE = 0.15
#: Kana are about half of the letters of Japanese prose; Chinese that quotes a name in kana stays below. Chosen.
_KANA_SHARE = 0.1
#: Share of words that are stop words from which a Latin text has a language. Measured: English pages of prose have 0.3
#: to 0.4 at the median and 0.2 or more at the 5th percentile, pages of tables 0.19, raw HTML 0.03.
LATIN_SHARE = 0.12

#: Words, spread over the sample, from which clearly English text is told. Chosen.
_SPREAD = 60


def detect(text: str, words: Sequence[str]) -> str:
    """Two letters, or "" where neither script nor stop words decide. `words` are the text's, lower-cased."""
    # two and three bytes a character: text with a few marks and accents need not be counted script by script
    if not text.isascii() and len(text[:_SAMPLE].encode("utf-8", "surrogatepass")) > 1.1 * len(text[:_SAMPLE]):
        script = _script(text)
        if script:
            return script
    return _latin(words)


def _latin(words: Sequence[str]) -> str:
    sample = words[:600]
    if len(sample) < 8:
        return ""
    floor = LATIN_SHARE * len(sample)
    # the common case: clearly English by words spread over the whole, which needs no look at the other six
    spread = sample[:: len(sample) // _SPREAD] if len(sample) > 2 * _SPREAD else sample
    if _hits(_ENGLISH, spread) >= 2 * LATIN_SHARE * len(spread):
        return "en"
    english = _hits(_ENGLISH, sample)
    if english >= 2 * floor:
        return "en"
    if len(list(filter(_OTHERS.__contains__, sample))) <= max(english, floor):
        return "en" if english > floor else ""  # no other has as many
    best, language = floor, ""
    for name, profile in STOPWORDS_BY_LANGUAGE.items():
        hits = english if name == "en" else _hits(profile, sample)
        if hits > best:
            best, language = hits, name
    return language


def _hits(profile: frozenset[str], sample: Sequence[str]) -> int:
    """How many words of the sample are in the profile."""
    return len(list(filter(profile.__contains__, sample)))


def _script(text: str) -> str:
    """The language whose script holds enough of the letters, or ""."""
    sample = text[:_SAMPLE]
    letters = len(_LETTER.findall(sample))
    if not letters:
        return ""
    for language, pattern in _SCRIPTS:
        share = len(pattern.findall(sample)) / letters
        if share >= (_KANA_SHARE if language == "ja" else SCRIPT_SHARE):
            return language
    return ""


_NAMES = {
    "english": "en", "eng": "en", "chinese": "zh", "zho": "zh", "chi": "zh", "cmn": "zh", "german": "de", "deu": "de",
    "french": "fr", "fra": "fr", "spanish": "es", "spa": "es", "japanese": "ja", "jpn": "ja",
}  # fmt: skip
_KNOWN = frozenset(STOPWORDS_BY_LANGUAGE) | {language for language, _ in _SCRIPTS}


def short_name(language: str) -> str:
    """The two letters of a language as sources write it: "zh-Hant", "zh_CN", "Chinese" are zh."""
    name = language.strip().lower().replace("_", "-").partition("-")[0]
    return _NAMES.get(name, name)


def known_language(language: str) -> bool:
    """Whether `detect` can tell this language; others are never held against a text."""
    return language in _KNOWN
