"""Which sentences and list items tell a reader to do something, in English and Chinese."""

import re

from tilth.generate.engines.extractive import sentences
from tilth.generate.engines.extractive.words import words

VERBS = words(
    """
    add adjust allow apply arrange ask assign attach avoid bake boil bring browse build bundle buy calculate call
    change check choose clean clear click clone close collect combine commit compare compile complete compute
    configure confirm connect contact convert cook cool copy count cover create customize cut declare define
    delete deploy design determine develop disable discard display divide document download drag drain draw drop
    edit enable encourage engage ensure enter establish estimate evaluate examine execute expand explore export
    express extract fill filter find fix focus fold follow format gather generate get give go grind hang heat hold
    identify implement import improve include increase initialize insert inspect install invite join keep label
    launch learn leave let limit link list listen load locate log look make manage mark measure merge minimize mix
    monitor mount move multiply name navigate offer open order organize pack pass paste pay perform pick place
    plan plot plug pour practice prepare press preserve print promote propose protect provide publish pull
    purchase push put query raise read record reduce refer register release reload remove rename repeat replace
    report request reserve reset resize restart restore return review rinse roll rotate run save scan schedule
    search see select send separate serve set share show shut simplify sketch solve sort specify split start stay
    steam stir stop store strip submit subscribe subtract sum switch sync take talk tell test think tie train
    transfer translate treat try turn type understand uninstall unpack unzip update upgrade upload use validate
    verify view visit wait walk wash watch weigh wipe work wrap write
    """
)
#: Verbs that are as often nouns: they instruct only before an object that a noun would not take.
_NOUNS = words(
    """
    book call change check clean complete copy count cover cut design document download draw drop estimate export
    fill filter fix fold format give go hang heat hold import include increase label launch limit link list load
    log look mark measure mix monitor mount move name offer open order pack pass pay plan plot press print
    purchase push query raise read record release report request return review roll run scan schedule search set
    share show sketch sort split start stay steam store switch take talk test tie train transfer treat try turn
    type update upload use view visit wait walk wash watch work wrap
    """
)
#: Verbs that speeches and arguments use as well; prose that leans on them tells nobody what to do.
_SOFT = words(
    """
    let see look talk think tell hear consider go give take suppose note recall imagine remember listen stay try
    keep leave
    """
)
_OBJECT = re.compile(
    r"(?:the|a|an|your|this|these|each|all|any|it|them|up|out|in|on|to|for|with|at|as|from|into|that|every|its|one|both)\b|[`“\"\d$]"
)
_NOT_OBJECT = words("is are was were has had of and does did can may will would should s’ 's on in by that")
_ADVICE = re.compile(
    r"You (?:should|must|can|need to|will need to|have to|might want to|may want to) (?:also |now |first |then )?(\w+)"
)
_SEQUENCE = re.compile(
    r"(?:First|Firstly|Second|Secondly|Third|Thirdly|Next|Then|Finally|Lastly|To begin|After that|Now),? "
)
_PURPOSE = re.compile(
    r"(?:To [a-z]+ [^,.]{3,80}|If [^,.]{3,80}|When [^,.]{3,60}|Once [^,.]{3,60}|Before [^,.]{3,60}|After "
    r"[^,.]{3,60}), (\w+)( \S+)"
)
_LEAD = re.compile(r"(?:Please|Always|Never|Do not|Don’t|Don't|Simply|Just|Carefully|Gently) (\w*)")
_ARCHAIC = re.compile(r"\b(?:thou|thee|thy|thine|ye|hath|doth|shalt)\b|[“”]")
_WORD = re.compile(r"[A-Za-z]+")

_ACTS_ZH = (
    "打开|打開|点击|點擊|单击|双击|输入|輸入|运行|執行|执行|下载|安装|选择|選擇|使用|利用|创建|建立|新建|添加|删除|修改|设置|配置|启动|停止|重启|"
    "查看|检查|确认|复制|粘贴|保存|上传|登录|注册|调用|编写|编译|导入|列出|显示|顯示|生成|构建|连接|加载|提取|转换|移动|重命名|搜索|更新|升级|"
    "卸载|指定|定义|初始化|计算|遍历|比较|记录|获取|读取|写入|避免|尽量|准备|清洗|训练|评估|部署|测试|验证|放入|加入|煮|递归|枚举|求出|找到|"
    "预览|模拟|发送|播放|监听|关闭|禁用|启用|切换|合并|拆分|压缩|解压|克隆|提交|推送|拉取|格式化|编辑|搭建|申请|阅读|学习|画出|写出|重复"
)
_ACT_ZH = re.compile(
    rf"(?:请(?!注意|看)|請(?!注意)|将(?!来|军|士|领|帅)|把(?!握)|不要|在.{{1,20}}?(?:中|里|上)(?:点击|输入|运行|执行|选择|添加|设置)|{_ACTS_ZH})"
)
_SEQUENCE_ZH = re.compile(
    r"(?:首先|其次|然后|然後|接着|接著|再次|接下来|随后|最后|最後|第[一二三四五六七]步)[，,：:]?(?:我们|你|可以|需要|应该|应|要|就可以|再){0,3}"
)


def tells(sentence: str, chinese: bool) -> bool:
    """True for a whole sentence of prose that tells the reader to do something."""
    if len(sentence) > (120 if chinese else 320) or not sentences.whole(sentence, chinese):
        return False
    if chinese:
        sequence = _SEQUENCE_ZH.match(sentence)
        return _ACT_ZH.match(sentence, sequence.end() if sequence else 0) is not None and "是" not in sentence[:12]
    return _imperative(sentence)


def _imperative(sentence: str) -> bool:
    if sentence[0] in '"“' or sentence.endswith("!") or _ARCHAIC.search(sentence):
        return False
    sequence = _SEQUENCE.match(sentence)
    body = sentence[sequence.end() :] if sequence else sentence
    first, second = _two(body)
    if first in _SOFT:
        return False
    if first in VERBS:
        return second not in _NOT_OBJECT and (first not in _NOUNS or _OBJECT.match(second) is not None)
    advice = _ADVICE.match(sentence)
    if advice is not None:
        return advice[1].lower() in VERBS and advice[1].lower() not in _SOFT
    purpose = _PURPOSE.match(sentence)
    if purpose is not None:
        return purpose[1] in VERBS - _SOFT and _OBJECT.match(purpose[2].strip()) is not None
    lead = _LEAD.match(sentence)
    return sentence.startswith(("Make sure", "Be sure")) or (lead is not None and lead[1] in VERBS - _SOFT)


def _two(text: str) -> tuple[str, str]:
    """The first two words, the first in lower case without marks."""
    words = text.split(None, 2)
    first = words[0].strip('“"*`,.:').lower() if words else ""
    return first, words[1].lower() if len(words) > 1 else ""


def instructs(text: str, chinese: bool) -> bool:
    """True for a list item or heading that tells the reader to do something; shorter forms than prose has."""
    if chinese:
        sequence = _SEQUENCE_ZH.match(text)
        return _ACT_ZH.match(text, sequence.end() if sequence else 0) is not None
    first, second = _two(text)
    if first in VERBS:
        return bool(second) and second not in _NOT_OBJECT and not text.startswith("List item")
    return len(text) > 20 and _imperative(text)


def instruction_of(heading: str) -> bool:
    """True for an English heading in the imperative: a verb that is no noun as well, and an object."""
    words = heading.split()
    first, second = _two(heading)
    if not 2 <= len(words) <= 12 or heading.endswith("?"):
        return False
    return (
        first in VERBS
        and second not in _NOT_OBJECT | {"for", "to"}
        and (first not in _NOUNS or _OBJECT.match(second) is not None)
    )
