"""What the fake server does wrong, and how fast it answers. Declared settings: unknown keys fail."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

#: Faults of the transport. Whether one strikes depends on the request's content and on how often it was sent.
Transport = Literal["429", "500", "503", "hang", "reset", "drop", "cut", "html"]
#: Wrong texts in a sound answer. Whether one strikes depends on the content alone, so a resumed run sees the same text.
WrongText = Literal["empty", "loop"]
Outcome = Literal["ok", "429", "500", "503", "hang", "reset", "drop", "cut", "html", "empty", "loop"]

Probability = Annotated[float, Field(ge=0, le=1)]


class FakeConfig(BaseModel):
    """Settings of one fake server. The defaults answer every request at once and correctly."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = "fake"  # the name that /models lists; any name is answered
    seed: int = 0  # of the fault plan and of the latencies, never of the texts
    answer_bytes: int = Field(1500, gt=0)  # length aimed at
    context: int = Field(0, ge=0)  # tokens of four bytes; a longer prompt gets a 400; 0: no limit
    reasoning: Literal["none", "field", "tag", "open_tag"] = "none"  # open_tag: only the closing </think> is sent

    #: Options of the scripted engine: what then answers the tasks of question synthesis, read back from the messages.
    scripted: dict[str, Any] | None = None

    latency: float = Field(0.0, ge=0)  # seconds from getting a slot to the answer (median)
    latency_spread: float = Field(0.0, ge=0)  # sigma of a log-normal around it; drawn from the content
    slots: int = Field(0, ge=0)  # answers worked on at once; more wait in a queue; 0: no limit

    rate: float = Field(0.0, ge=0)  # requests a second allowed, a token bucket; 0: no limit
    burst: float = Field(0.0, ge=0)  # the bucket's size; 0: what one second allows, at least 1
    retry_after: str = "1"  # the header of each 429 and 503: seconds, "date:SECONDS" for an HTTP date, "" for none

    faults: dict[Transport | WrongText, Probability] = Field(default_factory=dict)
    faults_per_request: int = Field(3, ge=0)  # transport faults one content can meet, so that retries end; 0: no bound
    script: tuple[Outcome, ...] = ()  # outcomes of the first requests in order of arrival, before the plan

    key: str | None = None  # answers 401 to another bearer key
    echo_key: bool = False  # error bodies repeat the Authorization header, as careless proxies do
    prefix: str = "/v1"  # path before /chat/completions
    models_route: bool = True  # False: GET /models is a 404
    server: str = ""  # the Server header; empty: tilth-fake and the version
