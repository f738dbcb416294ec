"""`typed`, of sound."""

from functools import cached_property
from typing import Literal, Required, TypeAlias, Unpack, overload

from openai import AsyncStream, Omit, Stream
from openai._legacy_response import HttpxBinaryResponseContent
from openai._types import FileTypes, SequenceNotStr
from openai.resources import audio
from openai.resources.audio import speech, transcriptions, translations
from openai.types import AudioResponseFormat
from openai.types.audio import (
    TranscriptionInclude,
    TranscriptionStreamEvent,
    speech_create_params,
    transcription_create_params,
)

from muxi_llm import sounds
from muxi_llm.clients.typed import Arguments

Transcribed: TypeAlias = (
    sounds.Transcription | sounds.TranscriptionVerbose | sounds.TranscriptionDiarized | str
)
Translated: TypeAlias = sounds.Translation | sounds.TranslationVerbose | str

class SoundArguments(Arguments, total=False):
    file: Required[FileTypes]
    prompt: str | Omit
    temperature: float | Omit

class TranscriptionArguments(SoundArguments, total=False):
    chunking_strategy: transcription_create_params.ChunkingStrategy | Omit | None
    include: list[TranscriptionInclude] | Omit
    keywords: SequenceNotStr[str] | Omit
    known_speaker_names: SequenceNotStr[str] | Omit
    known_speaker_references: SequenceNotStr[str] | Omit
    language: str | Omit
    languages: SequenceNotStr[str] | Omit
    timestamp_granularities: list[Literal["word", "segment"]] | Omit

class SpeechArguments(Arguments, total=False):
    input: Required[str]
    voice: Required[speech_create_params.Voice]
    instructions: str | Omit
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] | Omit
    speed: float | Omit
    stream_format: Literal["sse", "audio"] | Omit

class Transcriptions(transcriptions.Transcriptions):
    @overload
    def create(
        self,
        *,
        response_format: Literal["json"] | Omit = ...,
        stream: Literal[False] | Omit | None = ...,
        **arguments: Unpack[TranscriptionArguments],
    ) -> sounds.Transcription: ...
    @overload
    def create(
        self,
        *,
        response_format: Literal["verbose_json"],
        stream: Literal[False] | Omit | None = ...,
        **arguments: Unpack[TranscriptionArguments],
    ) -> sounds.TranscriptionVerbose: ...
    @overload
    def create(
        self,
        *,
        response_format: Literal["diarized_json"],
        stream: Literal[False] | Omit | None = ...,
        **arguments: Unpack[TranscriptionArguments],
    ) -> sounds.TranscriptionDiarized: ...
    @overload
    def create(
        self,
        *,
        response_format: Literal["text", "srt", "vtt"],
        stream: Literal[False] | Omit | None = ...,
        **arguments: Unpack[TranscriptionArguments],
    ) -> str: ...
    @overload
    def create(
        self,
        *,
        response_format: AudioResponseFormat | Omit = ...,
        stream: Literal[False] | Omit | None = ...,
        **arguments: Unpack[TranscriptionArguments],
    ) -> Transcribed: ...
    @overload
    def create(
        self,
        *,
        stream: Literal[True],
        response_format: AudioResponseFormat | Omit = ...,
        **arguments: Unpack[TranscriptionArguments],
    ) -> Stream[TranscriptionStreamEvent]: ...
    @overload
    def create(
        self,
        *,
        stream: bool,
        response_format: AudioResponseFormat | Omit = ...,
        **arguments: Unpack[TranscriptionArguments],
    ) -> Transcribed | Stream[TranscriptionStreamEvent]: ...

class Translations(translations.Translations):
    @overload
    def create(
        self,
        *,
        response_format: Literal["json"] | Omit = ...,
        **arguments: Unpack[SoundArguments],
    ) -> sounds.Translation: ...
    @overload
    def create(
        self,
        *,
        response_format: Literal["verbose_json"],
        **arguments: Unpack[SoundArguments],
    ) -> sounds.TranslationVerbose: ...
    @overload
    def create(
        self,
        *,
        response_format: Literal["text", "srt", "vtt"],
        **arguments: Unpack[SoundArguments],
    ) -> str: ...
    @overload
    def create(
        self,
        *,
        response_format: Literal["json", "text", "srt", "verbose_json", "vtt"] | Omit = ...,
        **arguments: Unpack[SoundArguments],
    ) -> Translated: ...

class Speech(speech.Speech):
    def create(self, **arguments: Unpack[SpeechArguments]) -> HttpxBinaryResponseContent: ...

class Audio(audio.Audio):
    @cached_property
    def transcriptions(self) -> Transcriptions: ...
    @cached_property
    def translations(self) -> Translations: ...
    @cached_property
    def speech(self) -> Speech: ...

class AsyncTranscriptions(transcriptions.AsyncTranscriptions):
    @overload
    async def create(
        self,
        *,
        response_format: Literal["json"] | Omit = ...,
        stream: Literal[False] | Omit | None = ...,
        **arguments: Unpack[TranscriptionArguments],
    ) -> sounds.Transcription: ...
    @overload
    async def create(
        self,
        *,
        response_format: Literal["verbose_json"],
        stream: Literal[False] | Omit | None = ...,
        **arguments: Unpack[TranscriptionArguments],
    ) -> sounds.TranscriptionVerbose: ...
    @overload
    async def create(
        self,
        *,
        response_format: Literal["diarized_json"],
        stream: Literal[False] | Omit | None = ...,
        **arguments: Unpack[TranscriptionArguments],
    ) -> sounds.TranscriptionDiarized: ...
    @overload
    async def create(
        self,
        *,
        response_format: Literal["text", "srt", "vtt"],
        stream: Literal[False] | Omit | None = ...,
        **arguments: Unpack[TranscriptionArguments],
    ) -> str: ...
    @overload
    async def create(
        self,
        *,
        response_format: AudioResponseFormat | Omit = ...,
        stream: Literal[False] | Omit | None = ...,
        **arguments: Unpack[TranscriptionArguments],
    ) -> Transcribed: ...
    @overload
    async def create(
        self,
        *,
        stream: Literal[True],
        response_format: AudioResponseFormat | Omit = ...,
        **arguments: Unpack[TranscriptionArguments],
    ) -> AsyncStream[TranscriptionStreamEvent]: ...
    @overload
    async def create(
        self,
        *,
        stream: bool,
        response_format: AudioResponseFormat | Omit = ...,
        **arguments: Unpack[TranscriptionArguments],
    ) -> Transcribed | AsyncStream[TranscriptionStreamEvent]: ...

class AsyncTranslations(translations.AsyncTranslations):
    @overload
    async def create(
        self,
        *,
        response_format: Literal["json"] | Omit = ...,
        **arguments: Unpack[SoundArguments],
    ) -> sounds.Translation: ...
    @overload
    async def create(
        self,
        *,
        response_format: Literal["verbose_json"],
        **arguments: Unpack[SoundArguments],
    ) -> sounds.TranslationVerbose: ...
    @overload
    async def create(
        self,
        *,
        response_format: Literal["text", "srt", "vtt"],
        **arguments: Unpack[SoundArguments],
    ) -> str: ...
    @overload
    async def create(
        self,
        *,
        response_format: Literal["json", "text", "srt", "verbose_json", "vtt"] | Omit = ...,
        **arguments: Unpack[SoundArguments],
    ) -> Translated: ...

class AsyncSpeech(speech.AsyncSpeech):
    async def create(self, **arguments: Unpack[SpeechArguments]) -> HttpxBinaryResponseContent: ...

class AsyncAudio(audio.AsyncAudio):
    @cached_property
    def transcriptions(self) -> AsyncTranscriptions: ...
    @cached_property
    def translations(self) -> AsyncTranslations: ...
    @cached_property
    def speech(self) -> AsyncSpeech: ...
