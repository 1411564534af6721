import json
import time
from typing import Any

import pytest

from tests.triage.llm.fake import KEY, FakeModel, Plan, dead_url, fake_model, said
from triage.llm.endpoint import Endpoint
from triage.llm.providers import Misconfigured, Rejected, Reply, Transient, Turn, ask

ALL = ("ollama", "anthropic", "openai")
SCHEMA = {"type": "object"}


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def question(model: FakeModel, provider: str, **fields: Any) -> Reply:
    return ask(model.endpoint(provider, **fields), "Be brief.", [Turn("user", "Hello?")], SCHEMA)


@pytest.mark.parametrize("provider", ALL)
def test_a_model_is_asked_in_its_own_format_and_its_answer_is_read(provider: str) -> None:
    with fake_model(said("Yes.")) as model:
        reply = question(model, provider)

    assert reply.text == "Yes."
    assert (reply.tokens_in, reply.tokens_out) == (321, 45)
    assert reply.model.startswith("tiny")
    assert reply.milliseconds > 0
    [asked] = model.asked
    assert asked.body["model"] == "tiny"
    assert not asked.body.get("stream")
    assert "Be brief." in asked.text
    assert "Hello?" in asked.text


def test_each_provider_gets_the_key_where_it_expects_it() -> None:
    found = {}
    for provider in ALL:
        with fake_model() as model:
            question(model, provider)
        found[provider] = model.asked[0]

    anthropic = found["anthropic"].headers  # which of the two depends on the SDK's version
    assert KEY in (anthropic.get("x-api-key"), anthropic.get("authorization", "")[len("Bearer ") :])
    assert found["anthropic"].path == "/v1/messages"
    assert "anthropic-version" in found["anthropic"].headers
    assert found["openai"].headers["authorization"] == f"Bearer {KEY}"
    assert found["openai"].path == "/chat/completions"
    assert found["ollama"].path == "/api/chat"
    assert found["ollama"].body["format"] == SCHEMA


def test_without_a_key_none_is_sent() -> None:
    with fake_model() as model:
        question(model, "ollama", api_key="")

    assert "authorization" not in model.asked[0].headers


@pytest.mark.parametrize("provider", ALL)
@pytest.mark.parametrize("status", [429, 500, 503, 529])
def test_an_overloaded_model_may_answer_later(provider: str, status: int) -> None:
    busy = Plan(raw=b'{"error": {"message": "busy"}}', status=status, headers={"Retry-After": "7"})
    with fake_model(busy) as model, pytest.raises(Transient, match="busy") as caught:
        question(model, provider)

    assert caught.value.retry_after == 7
    assert len(model.asked) == 1  # the row is tried again, not the call


@pytest.mark.parametrize("provider", ALL)
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, Misconfigured),
        (403, Misconfigured),
        (404, Misconfigured),
        (400, Rejected),
        (413, Rejected),
    ],
)
def test_what_will_never_work_says_so_and_names_no_key(
    provider: str, status: int, kind: type[Exception]
) -> None:
    body = json.dumps({"error": {"message": f"Incorrect key {KEY} of ann@example.com"}}).encode()
    with fake_model(Plan(raw=body, status=status)) as model, pytest.raises(kind) as caught:
        question(model, provider)

    assert str(status) in str(caught.value)
    assert KEY not in str(caught.value)
    assert "ann@" not in str(caught.value)


@pytest.mark.parametrize("provider", ALL)
def test_a_redirect_is_not_followed(provider: str) -> None:
    elsewhere = Plan(raw=b"", status=302, headers={"Location": "http://169.254.169.254/"})
    with fake_model(elsewhere) as model, pytest.raises((Misconfigured, Transient)):
        question(model, provider)

    assert len(model.asked) == 1


@pytest.mark.parametrize("provider", ALL)
@pytest.mark.parametrize(
    "bad",
    [
        Plan(raw=b"<html>502 Bad Gateway</html>"),
        Plan(raw=b"[]"),
        Plan(raw=b"{}"),
        Plan(raw=b"null"),
        Plan(text="Half an answer", cut=40),
        Plan(raw=b"\xff\xfe\x00", headers={"Content-Type": "text/plain"}),
    ],
    ids=["html", "list", "empty", "null", "cut", "bytes"],
)
def test_garbage_and_half_answers_are_worth_another_try(provider: str, bad: Plan) -> None:
    with fake_model(bad) as model, pytest.raises(Transient):
        question(model, provider)


@pytest.mark.parametrize("provider", ALL)
def test_nobody_at_the_address_is_worth_another_try(provider: str) -> None:
    endpoint = Endpoint(provider, dead_url(), "tiny", KEY, 2.0)

    with pytest.raises(Transient, match="connection"):
        ask(endpoint, "s", [Turn("user", "u")], SCHEMA)


@pytest.mark.parametrize("provider", ALL)
@pytest.mark.parametrize("slow", [Plan(text="x", delay=20), Plan(text="x", drip=0.05)])
def test_a_slow_model_costs_no_more_than_its_seconds(provider: str, slow: Plan) -> None:
    started = time.monotonic()

    with fake_model(slow) as model, pytest.raises(Transient, match="time|seconds"):
        question(model, provider, seconds=0.4)

    assert time.monotonic() - started < 3


@pytest.mark.parametrize("provider", ALL)
@pytest.mark.parametrize("status", [200, 500])
def test_a_huge_answer_is_not_read_to_its_end(provider: str, status: int) -> None:
    huge = Plan(raw=b"x" * 3_000_000, status=status)

    with fake_model(huge) as model, pytest.raises(Transient, match="bytes"):
        question(model, provider)


def test_a_refusal_is_final() -> None:
    refusal = {"content": [], "stop_reason": "refusal", "usage": {}}
    filtered = {"choices": [{"message": {"content": None}, "finish_reason": "content_filter"}]}
    for provider, body in (("anthropic", refusal), ("openai", filtered)):
        with fake_model(Plan(raw=json.dumps(body).encode())) as model, pytest.raises(Rejected):
            question(model, provider)


def test_an_endpoint_shows_no_key() -> None:
    endpoint = Endpoint("openai", "http://x", "m", KEY)

    assert KEY not in repr(endpoint)
    assert KEY not in endpoint.name
