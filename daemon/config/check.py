"""What is wrong with a configuration whose keys are right each by itself."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from daemon.config.alert_limits import wrong_limits
from daemon.config.elsewhere import EngineElsewhere
from daemon.config.engines import NO_DEVICE, ONNX, WHISPER, knows_english_only
from daemon.config.onnx_models import FOR_WHISPER, lacking
from daemon.config.presets import PRESETS
from daemon.config.secret import read_key, read_secret
from daemon.config.settings import Settings

SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://.", re.IGNORECASE)
KnownAddress = Callable[[str], bool]
"""Whether messages can be sent to a URL; `daemon.monitor.notifications.is_known`."""


@dataclass(frozen=True, slots=True)
class Problem:
    """An error that shows only when several keys are seen together."""

    key: str
    reason: str
    others: tuple[str, ...] = ()
    """The other keys that it takes; where one of them is wrong by itself, there may be no problem at all."""

    def depends_on(self, wrong: str) -> bool:
        """Return whether the problem may be the work of a key that is wrong by itself."""
        return any(key == wrong or key.startswith((f"{wrong}.", f"{wrong}[")) for key in (self.key, *self.others))


def check(settings: Settings, known_address: KnownAddress | None = None) -> Iterator[Problem]:
    """Yield every problem of settings whose keys are right each by itself.

    Args:
        settings: with absolute paths, so that a folder that is listed twice is noticed.
        known_address: None where nothing will be sent, and the library need not be loaded.
    """
    yield from _doubled_folders(settings)
    yield from _more_than_english(settings)
    yield from _models_of_languages(settings)
    yield from _onnx(settings)
    yield from _crossed_subtitles(settings)
    monitor = settings.monitor
    if monitor.gpu_temperature_pause_c and monitor.resume_c >= monitor.gpu_temperature_pause_c:
        yield Problem(
            "monitor.gpu_temperature_resume_c",
            f"must be below gpu_temperature_pause_c ({monitor.gpu_temperature_pause_c:g}), not {monitor.resume_c:g}",
            ("monitor.gpu_temperature_pause_c",),
        )
    for rule, reason in wrong_limits(monitor):
        keys = [f"monitor.rules.{rule.name}.fire"]
        keys += [f"monitor.{rule.key}"] if rule.key else []
        keys += ["monitor.interval_seconds"] if rule.in_intervals else []
        yield Problem(f"monitor.rules.{rule.name}.clear", reason, tuple(keys))
    for table, urls in (("monitor", monitor.notify), ("hooks", settings.hooks.notify)):
        for index, url in enumerate(urls):
            # Named by its place: the URL holds a password.
            if reason := _unknown_address(url, known_address):
                yield Problem(f"{table}.notify[{index}]", reason)
    yield from _after_success(settings)
    yield from _api_folder(settings)
    yield from _webhook(settings, will_send=known_address is not None)
    yield from _engines_elsewhere(settings, will_send=known_address is not None)


def _unknown_address(url: str, known_address: KnownAddress | None) -> str:
    """Return why no messages can be sent to a URL, or "" if they can."""
    if not SCHEME.match(url):
        return "is not an Apprise URL such as 'mailto://...', 'json://...', 'ntfy://...'"
    if known_address is not None and not known_address(url):
        return "is not a URL that Apprise can use; https://github.com/caronc/apprise/wiki has the forms"
    return ""


def _after_success(settings: Settings) -> Iterator[Problem]:
    for index, watch in enumerate(settings.watch):
        key = f"watch[{index}]"
        if watch.after_success == "delete" and not watch.after_success_days:
            reason = "must be more than 0 with after_success = 'delete': after how many days recordings are deleted"
            yield Problem(f"{key}.after_success_days", reason, (f"{key}.after_success",))
        done = watch.path / watch.done_folder
        inner = [other.path for other in settings.watch if watch.path in other.path.parents]
        if watch.after_success == "move" and any(done.is_relative_to(path) for path in inner):
            reason = f"{done} is in a folder that is watched itself"
            yield Problem(f"{key}.done_folder", reason, (f"{key}.after_success",))


def _api_folder(settings: Settings) -> Iterator[Problem]:
    folder = Path(settings.web.api_folder)
    if settings.web.api_folder and not any(folder.is_relative_to(watch.path) for watch in settings.watch):
        yield Problem("web.api_folder", f"{folder} is neither a watched folder nor in one", ("watch",))


def _webhook(settings: Settings, *, will_send: bool) -> Iterator[Problem]:
    hooks, key = settings.hooks, "hooks.webhook_secret_file"
    if hooks.webhook_url and not hooks.webhook_secret_file:
        yield Problem(key, "is needed with webhook_url: a file with the secret to sign with", ("hooks.webhook_url",))
    elif hooks.webhook_url and will_send:
        # Who only reads the configuration may have no right to the secret.
        try:
            read_secret(Path(hooks.webhook_secret_file))
        except ValueError as error:
            yield Problem(key, str(error))


def _doubled_folders(settings: Settings) -> Iterator[Problem]:
    paths = [watch.path for watch in settings.watch]
    for path in sorted({path for path in paths if paths.count(path) > 1}):
        yield Problem("watch", f"{path} is listed twice")


def _crossed_subtitles(settings: Settings) -> Iterator[Problem]:
    limits = settings.subtitles
    for low, high in (("cue_min_seconds", "cue_max_seconds"), ("chars_per_second", "chars_per_second_max")):
        least, most = getattr(limits, low), getattr(limits, high)
        if least > most:
            reason = f"must be at least {low} ({least:g}), not {most:g}"
            yield Problem(f"subtitles.{high}", reason, (f"subtitles.{low}",))


def _hears_english_only(settings: Settings) -> bool:
    return settings.model.engine == WHISPER and knows_english_only(settings.model.name)


def _models_of_languages(settings: Settings) -> Iterator[Problem]:
    for code, language in settings.languages.items():
        key = f"languages.{code}.model"
        if not language.model or not settings.has_own_engine:
            continue
        if settings.model.engine != WHISPER:
            yield Problem(key, f"only model.engine '{WHISPER}' has several models", ("model.engine",))
        elif _hears_english_only(settings):
            reason = (
                f"model.name {settings.model.name!r} hears nothing but English, so it cannot tell when to use another "
                "model; use a multilingual one such as 'base'"
            )
            yield Problem(key, reason, ("model.name",))


def _more_than_english(settings: Settings) -> Iterator[Problem]:
    for index, watch in enumerate(settings.watch if settings.has_own_whisper else ()):
        place, name = (f"watch[{index}].model", watch.model) if watch.model else ("model.name", settings.model.name)
        if knows_english_only(name) and (watch.language not in ("auto", "en") or watch.task != "transcribe"):
            yield Problem(
                f"watch[{index}]",
                f"the folder {watch.path} asks for language {watch.language!r}, task {watch.task!r}, but "
                f"{place.removeprefix(f'watch[{index}].')} {name!r} knows English only; use a multilingual model such "
                "as 'base'",
                (place, "model.engine", f"watch[{index}].language", f"watch[{index}].task"),
            )


def _onnx(settings: Settings) -> Iterator[Problem]:
    model = settings.model
    if model.engine != ONNX:
        return
    if model.preset != "none" and PRESETS[model.preset].device == "cuda":
        reason = f"is for Whisper models: with engine {ONNX!r} leave it out, or use 'cpu' or 'edge'"
        yield Problem("model.preset", reason, ("model.engine",))
    if model.compute_type in FOR_WHISPER:
        reason = f"is for Whisper models: with engine {ONNX!r} it is auto, int8, float16 or float32"
        yield Problem("model.compute_type", reason, ("model.engine",))
    for index, watch in enumerate(settings.watch):
        if reason := lacking(watch.model or model.name, watch.language, watch.task):
            place = f"watch[{index}].model" if watch.model else "model.name"
            yield Problem(
                f"watch[{index}]",
                f"the folder {watch.path} asks for language {watch.language!r}, task {watch.task!r}, but {reason}",
                (place, "model.engine", f"watch[{index}].language", f"watch[{index}].task"),
            )


def _engines_elsewhere(settings: Settings, *, will_send: bool) -> Iterator[Problem]:
    urls = [engine.url for engine in settings.engines]
    for index, engine in enumerate(settings.engines):
        key = f"engines[{index}]"
        if engine.url in urls[:index]:
            yield Problem(f"{key}.url", f"is that of engines[{urls.index(engine.url)}], too", ("engines",))
        yield from _secret_files(key, engine) if will_send else ()
    if will_send and settings.cluster.token_file:
        yield from _key_file("cluster.token_file", settings.cluster.token_file)
    yield from _beside_engines_elsewhere(settings) if settings.has_own_engine else ()
    yield from _without_engine_here(settings) if not settings.has_engine_here else ()


def _secret_files(key: str, engine: EngineElsewhere) -> Iterator[Problem]:
    # Who only reads the configuration may have no right to them.
    if engine.api_key_file:
        yield from _key_file(f"{key}.api_key_file", engine.api_key_file)
    if engine.ca_file and not os.access(engine.ca_file, os.R_OK):
        yield Problem(f"{key}.ca_file", f"{engine.ca_file} cannot be read: it must hold certificates in PEM")


def _key_file(key: str, file: str) -> Iterator[Problem]:
    try:
        read_key(Path(file))
    except ValueError as error:
        yield Problem(key, str(error))


def _without_engine_here(settings: Settings) -> Iterator[Problem]:
    nowhere = f"nothing here could load it, as model.device is {NO_DEVICE!r}; engines elsewhere have one model"
    if not settings.engines and not settings.has_own_engine:
        reason = f"{NO_DEVICE!r} is for machines whose engines are elsewhere, and there is no [[engines]] or [cluster]"
        yield Problem("model.device", reason, ("engines", "cluster.address"))
    for index, watch in enumerate(settings.watch):
        if watch.model:
            yield Problem(f"watch[{index}].model", nowhere, ("model.device",))
    if settings.model.others:
        yield Problem("model.others", nowhere, ("model.device",))
    for code, language in settings.languages.items():
        if language.model and not settings.has_own_engine:
            yield Problem(f"languages.{code}.model", nowhere, ("model.device",))


def _beside_engines_elsewhere(settings: Settings) -> Iterator[Problem]:
    """Yield what keeps chunks of one recording from going to engines here and elsewhere."""
    model = settings.model
    if settings.engines and model.engine == ONNX:
        reason = f"cannot share recordings with model.engine {ONNX!r}; set model.device = {NO_DEVICE!r} or take it out"
        yield Problem("engines", reason, ("model.engine", "model.device"))
    for index, engine in enumerate(settings.engines):
        name = engine.model or model.name
        if model.engine == WHISPER and knows_english_only(name) != knows_english_only(model.name):
            reason = f"{name!r} does not know the languages of model.name {model.name!r}, and they share recordings"
            yield Problem(f"engines[{index}].model", reason, ("model.name", "model.engine", "model.device"))
