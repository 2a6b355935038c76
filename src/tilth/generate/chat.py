"""Chat templates: messages to the text that a model was trained to see.

Templates come with models and are programs; they run in Jinja's sandbox, which denies attributes and mutation.
Message contents are data and never parsed as template syntax. A template's clock is fixed, so that a prompt does not
change with the day it was rendered on.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from tilth.base.errors import ConfigError, MissingExtra

Messages = Sequence[tuple[str, str]]

#: What `strftime_now` of a template sees: the date that Llama 3's own template falls back to.
_CLOCK: Final = datetime(2024, 7, 26)


def find_template(folder: Path, config: dict[str, Any]) -> str | None:
    """The chat template of a model folder: chat_template.jinja, else the one in tokenizer_config.json."""
    file = folder / "chat_template.jinja"
    if file.is_file():
        return file.read_text(encoding="utf-8")
    found = config.get("chat_template")
    if isinstance(found, list):  # several named templates; the plain one is called default
        named = {entry.get("name"): entry.get("template") for entry in found if isinstance(entry, dict)}
        found = named.get("default")
    return found if isinstance(found, str) else None


def special_names(config: dict[str, Any]) -> dict[str, str]:
    """bos_token, eos_token and so on of tokenizer_config.json as plain strings."""
    names = {}
    for key in ("bos_token", "eos_token", "unk_token", "pad_token"):
        value = config.get(key)
        text = value.get("content") if isinstance(value, dict) else value
        if isinstance(text, str):
            names[key] = text
    return names


def compile_template(source: str, names: dict[str, str], where: str) -> Callable[[Messages], str]:
    """A function from messages to the prompt, with the opening of the assistant's turn at its end.

    Raises MissingExtra where Jinja is not installed and ConfigError where the template does not compile; the function
    raises ConfigError where the template refuses the messages.
    """
    try:
        from jinja2 import TemplateError
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ImportError as error:
        raise MissingExtra(f"the chat template of {where}", "jinja2", "local") from error

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, autoescape=False, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["strftime_now"] = _CLOCK.strftime
    environment.globals["raise_exception"] = _refuse
    try:
        template = environment.from_string(source)
    except TemplateError as error:
        raise ConfigError(f"expected a chat template in {where}; Jinja says: {error}") from error

    def render(messages: Messages) -> str:
        turns = [{"role": role, "content": content} for role, content in messages]
        try:
            return str(template.render(messages=turns, add_generation_prompt=True, **names))
        except (TemplateError, TypeError, ValueError) as error:  # a template is a program and may fail as one
            raise ConfigError(f"the chat template of {where} refuses these messages: {error}") from error

    return render


def _to_json(value: Any, indent: int | None = None) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 if indent else None).decode()


def _refuse(message: str) -> str:
    """What a template calls where it does not take the messages."""
    raise ValueError(message)
