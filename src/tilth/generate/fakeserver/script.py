"""The scripted author, solver and annotator behind the fake server: real prompts in, answers with planted errors out.

So the whole of question synthesis runs over HTTP, faults included, with no model behind it. The same seed and the same
prompt get the answer that the scripted engine gives in process.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from tilth.base.errors import ConfigError
from tilth.generate.scripted.chat import read_chat
from tilth.generate.scripted.known import Shelf, load_shelf
from tilth.generate.scripted.script import Script
from tilth.generate.scripted.settings import Scripted


class ScriptedAnswers:
    """Answers of one server. Raises `ConfigError` where the options are wrong or the known files cannot be read."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        try:
            self._settings = Scripted.model_validate(options)
        except ValidationError as error:
            raise ConfigError(f"expected options of the scripted engine under scripted; saw: {error}") from None
        self._shelf: Shelf = load_shelf(self._settings)

    def answer(self, body: Mapping[str, Any]) -> tuple[str, str]:
        """Text and finish reason for the body of a chat request. What is no known task gets a sentence that says so."""
        asked = read_chat(body.get("messages") or (), self._settings)
        if asked is None:
            return "This script answers the shipped prompts of question synthesis only.", "stop"
        seed = body.get("seed")
        script = Script(self._settings, self._shelf, str(body.get("model")))
        seeded = seed if isinstance(seed, int) else None
        said = script.say(asked.task, asked.given, seeded, "", options=_wants_choices(body))
        return (f"This cannot be done: {said.refusal}.", "stop") if said.refusal else (said.text, said.finish)


def _wants_choices(body: Mapping[str, Any]) -> bool:
    """Whether the schema that is asked for, in any of the styles, requires choices."""
    places: list[Any] = [body.get("guided_json")]
    for outer, inner in (("response_format", "json_schema"), ("structured_outputs", "json")):
        value = body.get(outer)
        places.append(value.get(inner) if isinstance(value, Mapping) else None)
    for place in places:
        schema = place.get("schema", place) if isinstance(place, Mapping) else {}
        if isinstance(schema, Mapping) and "choices" in (schema.get("required") or ()):
            return True
    return False
