"""Have a text spoken, put the sound into a file, and have it written down again.

Shows:      Speech and AudioTranscription; files by their path; subtitles; a chain; OpenAI's own client
Exercises:  muxi_llm/speech.py, muxi_llm/audio_transcription.py, muxi_llm/transport/uploads.py
Run:        python examples/speech_and_transcription.py    (OPENAI_API_KEY, GROQ_API_KEY)
Offline:    python -m examples.offline examples/speech_and_transcription.py
"""

import tempfile
from pathlib import Path

from muxi_llm import AudioTranscription, InvalidRequestError, OpenAI, Speech

TEXT = "The quick brown fox jumps over the lazy dog."
path = Path(tempfile.mkdtemp()) / "fox.wav"

sound = Speech.create(model="openai/gpt-4o-mini-tts", input=TEXT, voice="alloy", response_format="wav")
sound.write_to_file(path)
print(f"{sound.muxi.model}: a WAV file: {path.read_bytes()[:4] == b'RIFF'}")

# In pieces, as they are made:
pieces = Speech.create("openai/gpt-4o-mini-tts", TEXT, "alloy", response_format="wav", stream=True)
print("streamed, the same:", b"".join(pieces) == sound.content)

# A file is sent in pieces too, whatever its size, and anew by each attempt.
transcript = AudioTranscription.create(
    model="groq/whisper-large-v3", file=path, fallback_models=["openai/whisper-1"]
)
print(f"{transcript.muxi.model}: {transcript.text}")

# Groq makes no subtitles; they are written of the times it tells.
print(AudioTranscription.create("groq/whisper-large-v3", path, response_format="srt"))

client = OpenAI()
again = client.audio.transcriptions.create(model="groq/whisper-large-v3", file=path)
print("by OpenAI's client:", again.text)

for wrong in (path.with_name("fix.wav"), b""):
    try:
        AudioTranscription.create("groq/whisper-large-v3", wrong)
    except InvalidRequestError as error:
        print("refused:", error)
