"""Token counts: exact by a small encoding built here, estimates against figures OpenAI has published."""

from __future__ import annotations

import base64
import copy
import hashlib
import inspect
import pickle
import struct
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
import tiktoken
import tiktoken.registry
import tiktoken_ext.openai_public
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionMessage

from muxi_llm.utils import token_counter
from muxi_llm.utils.token_counter import (
    TokenCount,
    count_tokens,
    num_tokens_from_messages,
    num_tokens_from_string,
)
from tests.support.patience import LIFETIME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BPE = "https://openaipublic.blob.core.windows.net/encodings/"


def size(*texts: str) -> int:
    """Tokens of texts in the encodings below: one a byte."""
    return sum(len(text.encode()) for text in texts)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """An empty cache folder and no encoding loaded, whatever this machine has."""
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    loaded = dict(tiktoken.registry.ENCODINGS)
    tiktoken.registry.ENCODINGS.clear()
    yield tmp_path
    tiktoken.registry.ENCODINGS.clear()
    tiktoken.registry.ENCODINGS.update(loaded)


@pytest.fixture
def exact(offline: Path) -> None:
    """Encodings of one token a byte under names of tiktoken's, as if a user had fetched them."""
    assert not any(offline.iterdir())
    ranks = {bytes([byte]): byte for byte in range(256)}
    for name in ("o200k_base", "cl100k_base", "o200k_harmony", "r50k_base"):
        tiktoken.registry.ENCODINGS[name] = tiktoken.Encoding(
            name=name, pat_str=r"(?s:.+)", mergeable_ranks=ranks, special_tokens={"<|endoftext|>": 256}
        )


def facts(count: TokenCount) -> tuple[int, bool]:
    """The number, and whether it is estimated."""
    return int(count), count.estimated


# ------------------------------------------------------------------------------------- the number itself


def test_a_count_is_an_int() -> None:
    """A count adds, compares and formats as a plain int; one of the caller's own making claims nothing."""
    count = count_tokens("hello world")
    assert (count, count + 1, f"{count}", type(count + 1)) == (2, 3, "2", int)
    assert (TokenCount(5).estimated, TokenCount(5).method) == (True, "estimate")


def test_marks_survive_copies(exact: None) -> None:
    """Copies and pickles of a count still tell how it was made."""
    count = count_tokens("abc")
    for clone in (copy.copy(count), copy.deepcopy(count), pickle.loads(pickle.dumps(count))):
        assert (clone, clone.method, clone.estimated) == (3, "tiktoken:o200k_base", False)


# ------------------------------------------------------------------------------------- exact or estimated


MODELS = """
o200k_base: gpt-4o gpt-4o-2024-11-20 gpt-4.1 gpt-4.1-mini-2025-04-14 gpt-4.5-preview-2025-02-27 GPT-4o gpt-5
o200k_base: gpt-5-nano gpt-5.4-mini gpt-5.9-of-the-future o1 o1-preview o3-mini o4 o4-mini-2025-04-16 gpt-realtime
o200k_base: gpt-audio-mini chatgpt-4o-latest openai/gpt-5 azure/gpt-4o openrouter/openai/gpt-4o:free
o200k_base: ft:gpt-4o-mini-2024-07-18:org::id openai/ft:gpt-4.1-2025-04-14:org::id
cl100k_base: gpt-4 gpt-4-0613 gpt-4-turbo-2024-04-09 gpt-3.5-turbo ft:gpt-3.5-turbo:org azure/gpt-35-turbo
cl100k_base: text-embedding-3-small ft:gpt-4:org::id
o200k_harmony: groq/openai/gpt-oss-120b
r50k_base: davinci
none: anthropic/claude-sonnet-4-5 gemini/gemini-2.5-pro groq/llama-3.3-70b mistral/mistral-large-latest gpt4all
none: azure/my-deployment openrouter/meta-llama/llama-4 gpt-j-6b gpt-image-1 openai/ /
"""
PAIRS = [(row.split(":")[0], model) for row in MODELS.strip().split("\n") for model in row.split()[1:]]


@pytest.mark.parametrize(("encoding", "model"), [*PAIRS, ("o200k_base", None)])
def test_models_are_counted_by_their_encoding(encoding: str, model: str | None, exact: None) -> None:
    """However a model is written, its loaded encoding makes counts exact; models without one are estimated."""
    count, known = count_tokens("naïve", model), encoding != "none"
    assert count.method == (f"tiktoken:{encoding}" if known else "estimate")
    assert facts(count) == ((6, False) if known else (2, True))


@pytest.mark.parametrize("model", [*(model for _, model in PAIRS), None, ""])
def test_without_an_encoding_counts_are_estimates(model: str | None) -> None:
    """With nothing loaded and nothing cached every model's count is an estimate, and the same one."""
    count = count_tokens("hello world", model)
    assert (facts(count), count.method) == ((2, True), "estimate")


def test_odd_text_is_counted(exact: None) -> None:
    """Neither the spelling of a special token nor invalid Unicode is refused."""
    assert count_tokens("<|endoftext|>") == size("<|endoftext|>")
    assert count_tokens("a\ud800") == 4


def cached(folder: Path, name: str, content: bytes) -> Path:
    """A file where tiktoken looks for a cached encoding."""
    path = folder / hashlib.sha1(f"{BPE}{name}.tiktoken".encode()).hexdigest()
    path.write_bytes(content)
    return path


def test_a_damaged_cache_file_is_left_alone(offline: Path) -> None:
    """A damaged file gives an estimate; tiktoken, which would delete it and fetch anew, is not asked."""
    path = cached(offline, "o200k_base", b"aGVsbG8= 0\n")
    assert count_tokens("hello world").estimated
    assert path.read_bytes() == b"aGVsbG8= 0\n"


@pytest.mark.parametrize("name", ["o200k_base", "cl100k_base"])
def test_the_files_are_those_tiktoken_reads(name: str) -> None:
    """Address and digest of an encoding's file are those of the installed tiktoken."""
    source = inspect.getsource(getattr(tiktoken_ext.openai_public, name))
    assert f"{BPE}{name}.tiktoken" in source
    assert token_counter._SHA256[name] in source


@pytest.mark.parametrize("variable", ["TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR", None])
def test_a_whole_cache_file_is_found(
    variable: str | None, offline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file with the right digest counts as at hand, in any of the folders tiktoken may look into."""
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR")
    monkeypatch.delenv("DATA_GYM_CACHE_DIR", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(offline))
    folder = offline / "data-gym-cache"
    folder.mkdir()
    if variable:
        monkeypatch.setenv(variable, str(folder))
    assert not token_counter._on_disk("o200k_base")
    cached(folder, "o200k_base", b"content")
    monkeypatch.setitem(token_counter._SHA256, "o200k_base", hashlib.sha256(b"content").hexdigest())
    known = [
        name for name in ("o200k_base", "o200k_harmony", "r50k_base", "") if token_counter._on_disk(name)
    ]
    assert known == ["o200k_base", "o200k_harmony"]


def test_a_cache_turned_off_means_an_estimate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty folder name turns tiktoken's cache off: files of the working folder are not taken for it."""
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    monkeypatch.chdir(tmp_path)
    cached(tmp_path, "o200k_base", b"content")
    monkeypatch.setitem(token_counter._SHA256, "o200k_base", hashlib.sha256(b"content").hexdigest())
    assert count_tokens("hello").estimated


def test_counting_offline_never_touches_the_network() -> None:
    """In a process where any socket is an error, an estimate still comes, and requests is not imported."""
    code = (
        "import socket, sys\n"
        "def refuse(*_): raise AssertionError('network')\n"
        "socket.socket.connect = refuse; socket.getaddrinfo = refuse\n"
        "from muxi_llm.utils.token_counter import count_tokens\n"
        "assert 'tiktoken' not in sys.modules\n"
        "assert count_tokens([{'role': 'user', 'content': 'hi'}], 'gpt-5').estimated\n"
        "assert 'requests' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=LIFETIME)


# ------------------------------------------------------------------------------------- estimates of text


# openai.com/index/hello-gpt-4o, "Language tokenization": tokens in o200k_base, and the sentence.
SENTENCES = """
33 હેલો, મારું નામ જીપીટી-4o છે. હું એક નવા પ્રકારનું ભાષા મોડલ છું. તમને મળીને સારું લાગ્યું!
45 నమస్కారము, నా పేరు జీపీటీ-4o. నేను ఒక్క కొత్త రకమైన భాషా మోడల్ ని. మిమ్మల్ని కలిసినందుకు సంతోషం!
35 வணக்கம், என் பெயர் ஜிபிடி-4o. நான் ஒரு புதிய வகை மொழி மாடல். உங்களை சந்தித்ததில் மகிழ்ச்சி!
33 नमस्कार, माझे नाव जीपीटी-4o आहे| मी एक नवीन प्रकारची भाषा मॉडेल आहे| तुम्हाला भेटून आनंद झाला!
31 नमस्ते, मेरा नाम जीपीटी-4o है। मैं एक नए प्रकार का भाषा मॉडल हूँ। आपसे मिलकर अच्छा लगा!
33 ہیلو، میرا نام جی پی ٹی-4o ہے۔ میں ایک نئے قسم کا زبان ماڈل ہوں، آپ سے مل کر اچھا لگا!
26 مرحبًا، اسمي جي بي تي-4o. أنا نوع جديد من نموذج اللغة، سررت بلقائك!
32 سلام، اسم من جی پی تی-۴او است. من یک نوع جدیدی از مدل زبانی هستم، از ملاقات شما خوشبختم!
23 Привет, меня зовут GPT-4o. Я — новая языковая модель, приятно познакомиться!
27 안녕하세요, 제 이름은 GPT-4o입니다. 저는 새로운 유형의 언어 모델입니다, 만나서 반갑습니다!
30 Xin chào, tên tôi là GPT-4o. Tôi là một loại mô hình ngôn ngữ mới, rất vui được gặp bạn!
24 你好，我的名字是GPT-4o。我是一种新型的语言模型，很高兴见到你!
26 こんにちは、私の名前はGPT-4oです。私は新しいタイプの言語モデルです。初めまして！
30 Merhaba, benim adım GPT-4o. Ben yeni bir dil modeli türüyüm, tanıştığımıza memnun oldum!
28 Ciao, mi chiamo GPT-4o. Sono un nuovo tipo di modello linguistico, piacere di conoscerti!
29 Hallo, mein Name is GPT-4o. Ich bin ein neues KI-Sprachmodell. Es ist schön, dich kennenzulernen.
26 Hola, me llamo GPT-4o. Soy un nuevo tipo de modelo de lenguaje, ¡es un placer conocerte!
27 Olá, meu nome é GPT-4o. Sou um novo tipo de modelo de linguagem, é um prazer conhecê-lo!
28 Bonjour, je m'appelle GPT-4o. Je suis un nouveau type de modèle de langage, c'est un plaisir de vous rencontrer!
24 Hello, my name is GPT-4o. I'm a new type of language model, it's nice to meet you!
"""  # noqa: RUF001
LANGUAGES = [(int(line.split()[0]), line.partition(" ")[2]) for line in SENTENCES.strip().split("\n")]


@pytest.mark.parametrize(("tokens", "sentence"), LANGUAGES)
def test_estimates_are_within_a_third_of_published_counts(tokens: int, sentence: str) -> None:
    """In each of the twenty languages OpenAI has published a count for."""
    assert 0.8 <= count_tokens(sentence) / tokens <= 1.34


def test_estimates_are_right_on_the_whole() -> None:
    """Over all twenty languages the errors cancel out to within a twentieth."""
    estimates = sum(count_tokens(sentence) for _, sentence in LANGUAGES)
    assert len(LANGUAGES) == 20
    assert estimates / sum(tokens for tokens, _ in LANGUAGES) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        *(("", 0), ("a", 1), (" ", 1), ("hello world", 2), ("1234567", 3), ("\r\n", 1), ("NASA", 1)),
        *(("a  b", 3), ("    indented", 2), ("one\n\n\ntwo", 3), (" " * 640, 10), ("\x00", 1)),
        *(("camelCaseName", 3), ("snake_case_name", 3), ("漢字漢字", 4), ("🙂🙂", 2), ("a\ud800", 2)),
        *(("2 + 2 = 4", 7), ("お誕生日おめでとう", 7)),  # 7 and 9 in cl100k_base, by OpenAI's cookbook
    ],
)
def test_estimates_of_small_texts(text: str, tokens: int) -> None:
    """Words, digits by three, spaces by the run, Han and emoji by the character."""
    assert count_tokens(text, "claude") == tokens


def test_english_prose_has_some_four_characters_a_token() -> None:
    """OpenAI's rule of thumb holds for the module's own prose."""
    prose = " ".join(filter(None, (token_counter.__doc__, count_tokens.__doc__)))
    assert 3.5 < len(prose) / count_tokens(prose) < 4.8


@pytest.mark.parametrize("unit", ["a", " ", "\n", "!", "漢", "aB1", " \n", "é", "=-", "0"])
def test_estimating_takes_linear_time(unit: str) -> None:
    """A million characters of anything take well under a second or two, even on a slow machine."""
    began = time.thread_time()
    assert count_tokens(unit * (1_000_000 // len(unit)), "claude") > 0
    assert time.thread_time() - began < 2


ALPHABET = "aB1 \n\t!_-.éß漢あ한дع🙂"
TEXTS = st.one_of(
    st.text(), st.text(ALPHABET, max_size=200), st.sampled_from([text for _, text in LANGUAGES])
)


@given(TEXTS)
def test_an_estimate_is_bounded_by_length(text: str) -> None:
    """Nothing for nothing, at most one token a character, at least one per 64; the same for every model."""
    count = count_tokens(text, "claude")
    assert len(text) / 64 <= count <= len(text)
    assert count == count_tokens(text, "gemini/gemini-2.5-pro") == count_tokens(text)


@given(TEXTS, TEXTS)
def test_an_estimate_grows_with_the_text(one: str, other: str) -> None:
    """A text costs as much as its parts, but for a token or two where they meet."""
    together, apart = count_tokens(one + other), count_tokens(one) + count_tokens(other)
    assert apart - 2 <= together <= apart + 1
    assert together >= max(count_tokens(one), count_tokens(other)) - 1


# ------------------------------------------------------------------------------------- chats


# The example of OpenAI's cookbook, "How to count tokens with tiktoken": 124 tokens in o200k_base.
COOKBOOK = """
system||You are a helpful, pattern-following assistant that translates corporate jargon into plain English.
system|example_user|New synergies will help drive top-line growth.
system|example_assistant|Things working well together will increase revenue.
system|example_user|Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage.
system|example_assistant|Let's talk later when we're less busy about how to do better.
user||This late pivot means we don't have time to boil the ocean for the client deliverable.
"""
JARGON = [
    {"role": role, "content": content} | ({"name": name} if name else {})
    for role, name, content in (line.split("|") for line in COOKBOOK.strip().split("\n"))
]
CALLS = [{"id": "call_1", "type": "function", "function": {"name": "now", "arguments": '{"zone":"UTC"}'}}]
BLOB = "x" * 999


def said(*parts: dict[str, Any], **fields: Any) -> list[dict[str, Any]]:
    """A chat of one message: of these parts, or with these fields."""
    return [{"role": "user", **({"content": list(parts)} if parts else {}), **fields}]


def test_the_cookbooks_chat_is_estimated_well() -> None:
    """Within a tenth of the 124 tokens OpenAI bills for it."""
    assert count_tokens(JARGON, "gpt-4o") == pytest.approx(124, rel=0.1)


def test_the_cookbooks_chat_is_framed_by_its_rules(exact: None) -> None:
    """Three tokens a message, one a name, three for the reply, and every string's own."""
    texts = size(*(text for message in JARGON for text in message.values()))
    assert facts(count_tokens(JARGON, "gpt-4o")) == (texts + 3 * 6 + 4 + 3, False)


@pytest.mark.parametrize(
    ("fields", "tokens"),
    [
        ({"content": "hi"}, size("hi")),
        ({"content": "hi", "name": "Ann"}, size("hi", "Ann") + 1),
        ({"content": "hi", "name": None}, size("hi")),
        ({"content": None}, 0),
        ({"content": ""}, 0),
        ({"content": []}, 0),
        ({}, 0),
        ({"content": None, "refusal": "no", "tool_calls": None}, size("no")),
        ({"content": [{"type": "text", "text": "hi"}]}, size("hi")),
        ({"content": [{"type": "refusal", "refusal": "no"}]}, size("no")),
        ({"content": "42", "tool_call_id": "call_1"}, size("42")),
    ],
)
def test_messages_with_published_rules_are_exact(fields: dict[str, Any], tokens: int, exact: None) -> None:
    """Text in any of its shapes costs its own tokens; ids and absent fields cost nothing."""
    assert facts(count_tokens(said(**fields), "gpt-4o")) == (size("user") + tokens + 3 + 3, False)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"tool_calls": CALLS}, 'type function function name now arguments {"zone":"UTC"}'),
        ({"function_call": {"name": "now", "arguments": "{}"}}, "name now arguments {}"),
        ({"reasoning_content": "because"}, "because"),
        ({"thinking_blocks": [{"thinking": "hm", "signature": BLOB}]}, "thinking hm"),
        ({"audio": {"id": "audio_1"}}, ""),
        (
            {"content": [{"type": "input_audio", "input_audio": {"data": BLOB, "format": "wav"}}]},
            "format wav",
        ),
        ({"content": [{"type": "file", "file": {"file_data": BLOB, "filename": "a"}}]}, "filename a"),
        ({"content": [{"type": "novel"}]}, "type novel"),
        ({"content": [{"text": "untyped"}]}, "text untyped"),
    ],
)
def test_what_has_no_published_rule_is_a_guess(fields: dict[str, Any], words: str, exact: None) -> None:
    """Words count, ids and opaque data do not, and the whole is called an estimate."""
    count = count_tokens(said(**fields), "gpt-4o")
    assert facts(count) == (size("user", words.replace(" ", "")) + 6, True)
    assert count.method == "tiktoken:o200k_base"


def test_the_clients_own_messages_are_counted(exact: None) -> None:
    """An answer of the openai client, put back into the chat as it is, costs what its dict does."""
    answer = ChatCompletionMessage(role="assistant", content="yes")
    assert facts(count_tokens([answer])) == facts(count_tokens([{"role": "assistant", "content": "yes"}]))


def test_messages_may_come_from_a_generator() -> None:
    """Any iterable of messages will do, none included, and the caller's objects are left as they were."""
    before = copy.deepcopy(JARGON)
    assert count_tokens(message for message in JARGON) == count_tokens(JARGON)
    assert (before, count_tokens([])) == (JARGON, 3)


def test_a_chat_in_an_encoding_without_chat_rules_is_a_guess(exact: None) -> None:
    """gpt-oss has an encoding, but its chat format is not the one the accounting is published for."""
    assert not count_tokens("hi", "gpt-oss-20b").estimated
    assert count_tokens(said(content="hi"), "gpt-oss-20b").estimated


@given(st.lists(st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": TEXTS})))
def test_a_chat_costs_more_than_its_contents(chat: list[dict[str, str]]) -> None:
    """The contents, three tokens and a role a message, and the reply's priming; in parts or not."""
    contents = sum(count_tokens(message["content"]) for message in chat)
    parts = [message | {"content": [{"type": "text", "text": message["content"]}]} for message in chat]
    assert (
        count_tokens(chat) == contents + (3 + 1) * len(chat) + sum(m["role"] == "assistant" for m in chat) + 3
    )
    assert count_tokens(parts) == count_tokens(chat)


def test_the_named_functions_are_count_tokens() -> None:
    """`num_tokens_from_string` and `num_tokens_from_messages` give the same counts and marks."""
    assert facts(num_tokens_from_string(text="hello world", model="claude")) == (2, True)
    assert facts(num_tokens_from_messages(messages=JARGON, model="gpt-4o")) == facts(count_tokens(JARGON))


# ------------------------------------------------------------------------------------- tools


def function(properties: Any = None, **fields: Any) -> dict[str, Any]:
    """A tool `f` with these properties."""
    parameters = {"type": "object", "properties": properties, "required": [], "additionalProperties": False}
    return {"type": "function", "function": {"name": "f", "parameters": parameters, **fields}}


# The cookbook's second example: with its two messages 101 tokens in o200k_base, 105 in cl100k_base.
PLACE = {"type": "string", "description": "The city and state, e.g. San Francisco, CA"}
UNIT = {
    "type": "string",
    "description": "The unit of temperature to return",
    "enum": ["celsius", "fahrenheit"],
}
WEATHER = function(
    {"location": PLACE, "unit": UNIT},
    name="get_current_weather",
    description="Get the current weather in a given location",
)
WEATHER_TEXT = (
    "get_current_weather:Get the current weather in a given location"
    "location:string:The city and state, e.g. San Francisco, CA"
    "unit:string:The unit of temperature to returncelsiusfahrenheit"
)
QUESTION = [
    *said(content="You are a helpful assistant that can answer to questions about the weather."),
    *said(content="What's the weather like in San Francisco?"),
]


def test_the_cookbooks_tool_is_estimated_well() -> None:
    """Within a tenth of the 101 tokens OpenAI bills for it and two messages."""
    assert count_tokens(QUESTION, "gpt-4o", tools=[WEATHER]) == pytest.approx(101, rel=0.1)


@pytest.mark.parametrize(("model", "start"), [("gpt-4o", 7), ("gpt-4", 10)])
def test_the_cookbooks_tool_is_counted_by_its_rules(model: str, start: int, exact: None) -> None:
    """Function, properties, enum and end cost what the cookbook says, beside the text it says."""
    count = count_tokens(QUESTION, model, tools=[WEATHER])
    tool = start + 3 + 2 * 3 + (-3 + 2 * 3) + 12 + size(WEATHER_TEXT)
    assert facts(count) == (count_tokens(QUESTION, model) + tool, False)


@pytest.mark.parametrize(
    ("tool", "words", "tokens"),
    [
        (function(), "f", 0),
        (function({}), "f", 0),
        (function(parameters=None), "f", 0),
        (function(description="Does it.", strict=True), "f:Does it", 0),
        (function({"a": {}, "b": True}), "fab", 3 + 2 * 3),
        (function({"a": {"enum": [1, None]}}), "fa1None", 3 + 3 + 3),
    ],
)
def test_plain_functions_are_exact(tool: dict[str, Any], words: str, tokens: int, exact: None) -> None:
    """A function without description, parameters or types costs what is there."""
    assert facts(count_tokens("", "gpt-4o", tools=[tool])) == (7 + size(words) + tokens + 12, False)


@pytest.mark.parametrize(
    ("tool", "words", "tokens"),
    [
        (function({"a": {"type": "array", "items": {"type": "string"}}}), "fa:arrayitemstypestring", 6),
        (
            function({"a": {"type": "object", "properties": {"b": {"type": "string"}}}}),
            "fa:objectb:string",
            12,
        ),
        (function(parameters={"$defs": {"x": {"minimum": 1}}}), "f$defsxminimum1", 0),
        ({"type": "web_search"}, "web_search", 0),
        ({"type": "custom", "custom": {"name": "c"}}, "customcustomnamec", 0),
    ],
)
def test_richer_tools_are_a_guess(tool: dict[str, Any], words: str, tokens: int, exact: None) -> None:
    """Nested and unusual schemas and tools that are no functions cost their words, as an estimate."""
    assert facts(count_tokens("", "gpt-4o", tools=[tool])) == (7 + size(words) + tokens + 12, True)


def test_the_list_of_tools_ends_once(exact: None) -> None:
    """A second tool adds its own tokens, not the end of the list; no tools add nothing."""
    counts = [count_tokens("", tools=[function()] * number) for number in (0, 1, 2)]
    assert counts == [count_tokens("", tools=None), 7 + 1 + 12, 2 * (7 + 1) + 12]


# ------------------------------------------------------------------------------------- images


def png(width: int, height: int) -> bytes:
    """The head of a PNG file (w3.org/TR/png, 5.3 and 11.2.2)."""
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", width, height) + bytes(20)


def gif(width: int, height: int) -> bytes:
    """The head of a GIF file (GIF89a, 17 and 18)."""
    return b"GIF89a" + struct.pack("<HH", width, height) + bytes(20)


def segment(marker: int, content: bytes) -> bytes:
    """A segment of a JPEG."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def jpeg(width: int, height: int, frame: int = 0xC0, metadata: bytes = b"Exif") -> bytes:
    """The head of a JPEG file (ITU T.81, B.2): metadata, a thumbnail in it, and tables precede the frame."""
    thumbnail = b"\xff\xd8" + segment(0xC0, struct.pack(">BHHB", 8, 160, 120, 3))
    head = segment(0xE1, metadata + thumbnail) + segment(0xDB, bytes(65)) + segment(0xC4, bytes(20))
    return b"\xff\xd8" + head + segment(frame, struct.pack(">BHHB", 8, height, width, 3) + bytes(9))


def webp(chunk: bytes, content: bytes) -> bytes:
    """The head of a WebP file (RFC 9649)."""
    return b"RIFF" + bytes(4) + b"WEBP" + chunk + struct.pack("<I", len(content)) + content + bytes(20)


def lossy(width: int, height: int) -> bytes:
    """Simple lossy WebP; the two bits above each side are a scale."""
    return webp(b"VP8 ", b"\x00\x00\x00\x9d\x01\x2a" + struct.pack("<HH", width | 0x4000, height | 0x8000))


def lossless(width: int, height: int) -> bytes:
    """Simple lossless WebP: fourteen bits a side, less one."""
    return webp(b"VP8L", b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14 | 1 << 28))


def extended(width: int, height: int) -> bytes:
    """Extended WebP: three bytes a side, less one."""
    return webp(b"VP8X", bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little"))


FORMATS = {
    "png": png,
    "gif": gif,
    "webp, lossy": lossy,
    "webp, lossless": lossless,
    "webp, extended": extended,
    "jpeg": jpeg,
    "jpeg, progressive": lambda width, height: jpeg(width, height, frame=0xC2),
    "jpeg, long metadata": lambda width, height: jpeg(width, height, metadata=bytes(65_000)),
}
LINK = "https://example.com/a.png"


def data_url(content: bytes) -> str:
    """These bytes as a data URL."""
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def image(url: str, model: str = "gpt-4o", **detail: str) -> tuple[int, bool]:
    """What an image adds to a chat, and whether the count is an estimate."""
    tokens, estimated = facts(
        count_tokens(said({"type": "image_url", "image_url": {"url": url, **detail}}), model)
    )
    return tokens - count_tokens(said(), model), estimated


SQUARE = data_url(png(1024, 1024))


@pytest.mark.parametrize("kind", FORMATS)
@given(st.integers(1, 16_383), st.integers(1, 16_383))
def test_sizes_are_read_from_the_header(kind: str, width: int, height: int) -> None:
    """Both sides, from each format's own header."""
    sides = token_counter._sides(data_url(FORMATS[kind](width, height)))
    assert sorted(sides or ()) == sorted((width, height))


@given(st.one_of(st.binary().map(data_url), st.text()))
def test_no_url_breaks_the_count(url: str) -> None:
    """Whatever an image's URL holds, it costs between one tile and the most there is."""
    assert 85 + 170 <= image(url, detail="high")[0] <= 85 + 170 * 8


@pytest.mark.parametrize("kind", FORMATS)
@given(st.integers(0, 60))
def test_cut_off_headers_are_counted_still(kind: str, length: int) -> None:
    """A truncated file costs some number of tiles; nothing is raised."""
    assert 85 + 170 <= image(data_url(FORMATS[kind](600, 600)[:length]), detail="high")[0] <= 85 + 170 * 8


@pytest.mark.parametrize(
    ("width", "height", "tokens"),
    [
        *((1024, 1024, 765), (2048, 4096, 1105)),  # OpenAI's own examples
        *((128, 64, 255), (512, 512, 255), (1, 1, 255)),  # small images are not enlarged
        *((513, 512, 425), (768, 768, 765), (3000, 1500, 85 + 170 * 6)),
        *((4096, 512, 85 + 170 * 4), (10_000, 1, 85 + 170 * 4)),
    ],
)
def test_detailed_images_cost_by_the_tile(width: int, height: int, tokens: int, exact: None) -> None:
    """85 tokens, and 170 for each square of 512 pixels after scaling to 2048 by 768; either way up."""
    assert image(data_url(png(width, height)), detail="high") == (tokens, False)
    assert image(data_url(gif(height, width)), detail="high") == (tokens, False)


@pytest.mark.parametrize("url", [LINK, data_url(png(4096, 8192)), "", "data:image/png;base64,??"])
def test_coarse_images_have_one_price(url: str, exact: None) -> None:
    """Low detail costs 85 tokens whatever the size, known or not."""
    assert image(url, detail="low") == (85, False)


@pytest.mark.parametrize(
    ("model", "low", "high"),
    [
        *(("gpt-4o", 85, 765), ("gpt-4.1-2025-04-14", 85, 765), ("gpt-4o-mini", 2833, 2833 + 4 * 5667)),
        *(("gpt-5", 70, 630), ("o1", 75, 675), ("openai/o3", 75, 675)),
        *(("gpt-5.4-mini", 85, 765), ("claude-sonnet-4-5", 85, 765)),
    ],
)
def test_images_cost_by_the_model(model: str, low: int, high: int) -> None:
    """Each model's rates where OpenAI counts by the tile; the usual ones elsewhere."""
    assert (image(SQUARE, model, detail="low"), image(SQUARE, model, detail="high")) == (
        (low, True),
        (high, True),
    )


@pytest.mark.parametrize(
    ("url", "detail", "model"),
    [
        *((LINK, {"detail": "high"}, "gpt-4o"), (LINK, {}, "gpt-4o"), (SQUARE, {}, "gpt-4o")),
        *((SQUARE, {"detail": "auto"}, "gpt-4o"), (SQUARE, {"detail": "high"}, "gpt-5.4-mini")),
        (data_url(b"no image"), {"detail": "high"}, "gpt-4o"),
        (data_url(jpeg(1024, 1024)[:40]), {"detail": "high"}, "gpt-4o"),
        ("data:image/png;base64,aaaaa=aa", {"detail": "high"}, "gpt-4o"),
    ],
)
def test_images_of_unknown_cost_are_a_guess(
    url: str, detail: dict[str, str], model: str, exact: None
) -> None:
    """Where size, detail or rate is not known, a usual image looked at closely is counted, as an estimate."""
    assert image(url, model, **detail) == (765, True)


def test_a_long_data_url_is_not_decoded_whole() -> None:
    """Counting thirty megabytes of image takes no longer than its header."""
    url = data_url(png(1024, 1024) + bytes(30_000_000))
    began = time.thread_time()
    assert image(url, detail="high")[0] == 765
    assert time.thread_time() - began < 0.5


def test_images_add_up() -> None:
    """Text and images of one message are counted side by side."""
    part = {"type": "image_url", "image_url": {"url": SQUARE, "detail": "high"}}
    text = {"type": "text", "text": "hello world"}
    assert count_tokens(said(text, part, part)) - count_tokens(said()) == 2 + 2 * 765
