"""What a job asks for, within what the engine can do."""

import logging
from dataclasses import replace

from daemon.chunk import BOTH, OFF, Options
from daemon.errors import ANOTHER_CTRANSLATE2, BadRecording, Unavailable
from daemon.processes.protocol import Ready

log = logging.getLogger(__name__)

PROMPTS = ("initial_prompt", "hotwords", "condition_on_previous_text", "beam_size")
"""Options that an engine without prompts and a beam does nothing with."""


class Abilities:
    """Fits the options of jobs to the engine, and says once what it cannot do."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def fit(self, options: Options, ready: Ready) -> Options:
        """Return the options that the recording is decoded and transcribed with.

        Raises:
            BadRecording: the engine does not know the language, or cannot do the task.
            Unavailable: the times of words that are asked for cannot be computed on this machine as it is.
        """
        language = ready.languages[0] if len(ready.languages) == 1 else options.language
        if options.language not in ("auto", *ready.languages):
            raise BadRecording(
                f"the engine knows no {options.language!r}, only {', '.join(ready.languages)}",
                "change the folder's language or [model], then transcribed jobs retry",
            )
        if options.task not in ready.tasks:
            what = "transcribe and translate at once" if options.task == BOTH else options.task
            raise BadRecording(
                f"the engine cannot {what}", "change the folder's task or [model], then transcribed jobs retry"
            )
        if language == "auto" and not ready.detects:
            raise BadRecording(
                "the engine cannot tell which language is spoken",
                f"set the folder's language to one of {', '.join(ready.languages)}, then transcribed jobs retry",
            )
        # Who says what is told word by word, where that is possible.
        by_words = options.word_timestamps or (options.speakers != OFF and not ready.word_fault)
        if options.word_timestamps and ready.word_fault:
            raise Unavailable(ready.word_fault, f"{ANOTHER_CTRANSLATE2}; without word_timestamps it can be transcribed")
        if options.word_timestamps and not ready.word_times:
            self._say("times of words: transcripts are made without them")
        if not ready.prompts and (set_in_vain := ", ".join(_prompts(options))):
            self._say(f"prompts and no beam, so this changes nothing: {set_in_vain}")
        return replace(
            options,
            language=language,
            word_timestamps=by_words and ready.word_times,
            condition_on_previous_text=options.condition_on_previous_text and ready.prompts,
            context=options.context if ready.cut_context else "full",
        )

    def _say(self, what: str) -> None:
        if what not in self._told:
            self._told.add(what)
            log.warning("the engine has no %s", what)


def _prompts(options: Options) -> list[str]:
    """Return which of PROMPTS are asked for, if only in one language."""
    usual, of_languages = Options(), options.languages.values()
    return [
        name
        for name in PROMPTS
        if getattr(options, name) != getattr(usual, name) or any(name in values for values in of_languages)
    ]
