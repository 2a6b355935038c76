"""Which language the rules speak for a document, and Chinese wording in two scripts.

Looks at the first 4,000 characters only, so the cost does not grow with the document. The rules know English and
Chinese; everything else is answered with None, and the engine refuses it.
"""

import re
from dataclasses import dataclass

from tilth.generate.engines.extractive.words import words

SAMPLE = 4_000  # characters that decide
DECLARED = 40  # ideographs that make a text Chinese when its source says so

_CJK = re.compile(r"[㐀-鿿]")
_KANA = re.compile(r"[぀-ヿ]")
_LATIN = re.compile(r"[A-Za-z]")
_OTHER = re.compile(r"[Ͱ-῿가-힯]")  # Greek to Georgian, Indic scripts, Hangul
_WORD = re.compile(r"[a-zà-ÿ]+")
_ENGLISH = words("the of and to is that for with are this was it be as you on by from not have")
_FOREIGN = words(
    """
    der die und das den ist nicht ein eine von mit le la les des est et une dans pour que qui el los las del en
    por una con para no se het een van dat il di che per della och att som det os um uma não em na
    """
)
_TRADITIONAL = re.compile(
    "[們個這來時說國對學會與為過後發經將從東車長門問間馬書無風軍見萬義樂歲應聲舊貧題實點開關數處傳載雲當總]"
)
_SIMPLIFIED = re.compile(
    "[们个这来时说国对学会与为过后发经将从东车长门问间马书无风军见万义乐岁应声旧贫题实点开关数处传载云当总]"
)

#: Simplified to traditional, for the characters of our own wording only; a document's text is never changed.
_PAIRS = (
    "问問题題么麼为為这這个個时時间間发發来來说說对對关關于於们們会會应應该該义義务務责責处處数數据據项項类類别別组組变變"
    "从從长長计計总總额額两兩几幾样樣种種写寫内內讲講绍紹举舉图圖骤驟点點开開击擊单單选選择擇运運执執输輸检檢确確认認实實"
    "现現过過进進还還后後与與并並减減约約较較规規条條职職构構备備须須标標准準历歷经經际際当當学學习習释釋读讀请請谁誰称稱"
    "达達记記录錄顺順级級结結论論尽盡动動头頭阶階买買卖賣价價钱錢给給属屬设設让讓观觀测測验驗试試语語词詞译譯东東门門见見"
    "隔隔距距离離围圍净淨积積质質权權线線满滿岁歲块塊边邊号號笔筆归歸万萬亿億带帶层層优優势勢许許环環节節举舉显顯体體"
    "简簡导導维維护護续續终終练練综綜细細紧緊红紅级級纪紀虑慮虽雖难難础礎网網页頁链鏈码碼钮鈕栏欄装裝载載启啟闭閉"
)
_TO_TRADITIONAL = str.maketrans(dict(zip(_PAIRS[::2], _PAIRS[1::2], strict=True)))


@dataclass(frozen=True, slots=True)
class Tongue:
    """The language the rules work in: `name` is "en" or "zh"; `traditional` says which Chinese script."""

    name: str
    traditional: bool = False

    @property
    def chinese(self) -> bool:
        return self.name == "zh"

    def say(self, wording: str) -> str:
        """Our own simplified Chinese wording, in the script of the document."""
        return wording.translate(_TO_TRADITIONAL) if self.traditional else wording


ENGLISH = Tongue("en")


def tongue_of(text: str, declared: str | None) -> Tongue | None:
    """The language of `text`, or None where the rules do not know it.

    `declared` is what the source says. It settles a Latin text (a German one is refused), and never overrules the
    script: a text without Chinese characters is not Chinese, whatever was declared.
    """
    sample = text[:SAMPLE]
    cjk, latin = len(_CJK.findall(sample)), len(_LATIN.findall(sample))
    if len(_OTHER.findall(sample)) > cjk + latin:
        return None
    code = (declared or "").lower().replace("_", "-").split("-")[0]
    kana = len(_KANA.findall(sample))
    # one ideograph says about as much as six Latin letters; a page of code that is declared Chinese may have few
    if (cjk + kana > 0 and (cjk + kana) * 6 >= latin) or (code == "zh" and cjk >= DECLARED):
        if kana * 5 > cjk:  # Japanese; a Chinese text names a few things in kana at most
            return None
        return Tongue("zh", _is_traditional(sample, declared))
    if code and code not in ("en", "eng", "zh", "und", "mul"):
        return None
    return ENGLISH if code in ("en", "eng") or not _is_foreign(sample) else None


def _is_traditional(sample: str, declared: str | None) -> bool:
    traditional, simplified = len(_TRADITIONAL.findall(sample)), len(_SIMPLIFIED.findall(sample))
    if traditional == simplified:
        return (declared or "").lower().startswith(("zh-hant", "zh_hant", "zh-tw", "zh-hk"))
    return traditional > simplified


def _is_foreign(sample: str) -> bool:
    """True where an 80-word Latin text holds more of other languages' smallest words than of English ones."""
    words = _WORD.findall(sample.lower())
    if len(words) < 80:
        return False
    english = sum(word in _ENGLISH for word in words)
    return english < 0.08 * len(words) and sum(word in _FOREIGN for word in words) > english
