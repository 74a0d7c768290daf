"""Sounds in which nobody speaks, made by calculation: what no transcript may find words in.

Each is a function of a random generator and a number of samples at 16 kHz that returns floats; `sound` brings them to
a level and to int16. The same name always gives the same samples.
"""

import zlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
Samples = NDArray[np.int16]
Floats = NDArray[np.float64]
Rng = np.random.Generator


def sound(name: str, seconds: float = 8.0, peak_db: float = -9.0) -> Samples:
    """Return one of `SOUNDS` with its highest sample at `peak_db`, in dB of full scale."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    values = SOUNDS[name](rng, round(seconds * RATE))
    loudest = float(np.abs(values).max()) or 1.0
    return np.asarray(np.round(values / loudest * 32767 * 10 ** (peak_db / 20)), dtype=np.int16)


def tone(seconds: float, peak_db: float) -> Samples:
    """Return a steady tone."""
    waves = np.round(_tone(440.0, round(seconds * RATE)) * 32767 * 10 ** (peak_db / 20))
    return np.asarray(waves, dtype=np.int16)


def _time(count: int) -> Floats:
    return np.arange(count) / RATE


def _tone(hertz: float | Floats, count: int) -> Floats:
    """Return a sine; `hertz` may change from sample to sample."""
    return np.sin(2 * np.pi * np.cumsum(np.broadcast_to(hertz, count)) / RATE)


def _coloured(rng: Rng, count: int, slope: float) -> Floats:
    """Return noise whose power falls with frequency to the power of `slope`: 0 white, 1 pink, 2 brown, -1 blue."""
    spectrum = np.fft.rfft(rng.normal(size=count))
    hertz = np.fft.rfftfreq(count, 1 / RATE)
    spectrum *= np.maximum(hertz, 20.0) ** (-slope / 2)
    spectrum[0] = 0
    return np.fft.irfft(spectrum, count)


def _band(values: Floats, low: float, high: float) -> Floats:
    """Return what lies between two frequencies."""
    spectrum, hertz = np.fft.rfft(values), np.fft.rfftfreq(len(values), 1 / RATE)
    spectrum[(hertz < low) | (hertz > high)] = 0
    return np.fft.irfft(spectrum, len(values))


def _noise(low: float, high: float) -> Callable[[Rng, int], Floats]:
    return lambda rng, count: _band(rng.normal(size=count), low, high)


def _on_off(values: Floats, on_s: float, off_s: float) -> Floats:
    """Return the values in bursts, with ramps of 5 ms."""
    gate = (_time(len(values)) % (on_s + off_s) < on_s).astype(float)
    ramp = np.ones(RATE // 200) / (RATE // 200)
    return values * np.convolve(gate, ramp, "same")


def _strewn(count: int, at: Floats, event: Callable[[], Floats]) -> Floats:
    """Return short events added up at some times, in seconds."""
    whole = np.zeros(count)
    for second in at:
        begin, values = round(second * RATE), event()
        end = min(count, begin + len(values))
        if begin < end:
            whole[begin:end] += values[: end - begin]
    return whole


def _decay(seconds: float, half_life_s: float) -> Floats:
    return 0.5 ** (_time(round(seconds * RATE)) / half_life_s)


def _every(count: int, period_s: float, rng: Rng, jitter_s: float = 0.0) -> Floats:
    """Return the times of something that happens again and again."""
    times = np.arange(0.2, count / RATE, period_s)
    return np.sort(np.maximum(0, times + rng.uniform(-jitter_s, jitter_s, len(times))))


def _notes(hertz: list[float], length_s: float, count: int, partials: int = 4) -> Floats:
    """Return a melody of plucked notes, over and over."""
    events = iter(range(count))

    def note() -> Floats:
        base, shape = hertz[next(events) % len(hertz)], _decay(length_s * 1.5, length_s / 3)
        return shape * sum(_tone(base * n, len(shape)) / n for n in range(1, partials + 1))

    return _strewn(count, np.arange(0, count / RATE, length_s), note)


def _tune(_rng: Rng, count: int) -> Floats:
    return _notes([262, 294, 330, 349, 392, 392, 440, 440, 392], 0.4, count)


def _music_box(_rng: Rng, count: int) -> Floats:
    return _notes([1047, 1319, 1568, 1319, 1175, 1397], 0.25, count, partials=2)


def _chords(_rng: Rng, count: int) -> Floats:
    root = 220.0 * 2.0 ** (np.floor(_time(count) * 2) % 5 / 12.0)
    return np.asarray(sum(_tone(root * ratio, count) for ratio in (1.0, 1.25, 1.5)))


def _organ(_rng: Rng, count: int) -> Floats:
    root = 110.0 * 2.0 ** (np.floor(_time(count) / 2) % 4 * 5 / 12.0)
    return np.asarray(sum(_tone(root * n, count) / n for n in (1, 2, 3, 4, 6, 8)))


def _strings(_rng: Rng, count: int) -> Floats:
    """Many partials with vibrato, as bowed strings have: what is nearest to a voice."""
    pitch = 196.0 * 2.0 ** (np.floor(_time(count)) % 3 * 4 / 12.0) * (1 + 0.01 * _tone(5.5, count))
    return np.asarray(sum(_tone(pitch * n, count) / n for n in range(1, 16)))


def _drums(rng: Rng, count: int) -> Floats:
    kick = _strewn(count, _every(count, 0.5, rng), lambda: _decay(0.3, 0.05) * _tone(60.0, round(0.3 * RATE)))
    snare = _strewn(
        count, _every(count, 1.0, rng) + 0.5, lambda: _decay(0.2, 0.03) * rng.normal(size=round(0.2 * RATE))
    )
    return kick * 2 + snare * 0.5


def _band_playing(rng: Rng, count: int) -> Floats:
    return _chords(rng, count) + 2 * _drums(rng, count) + _notes([523, 587, 659, 784], 0.5, count)


def _dtmf(rng: Rng, count: int) -> Floats:
    """Telephone keys: two tones each."""
    keys = [(low, high) for low in (697, 770, 852, 941) for high in (1209, 1336, 1477)]
    size = round(0.12 * RATE)
    pressed = iter(rng.integers(0, len(keys), count).tolist())

    def key() -> Floats:
        low, high = keys[next(pressed)]
        return _tone(low, size) + _tone(high, size)

    return _strewn(count, _every(count, 0.3, rng), key)


def _ringing(_rng: Rng, count: int) -> Floats:
    return _on_off(_tone(440.0, count) + _tone(480.0, count), 2.0, 2.0)


def _old_telephone(_rng: Rng, count: int) -> Floats:
    bell = (_tone(1150.0, count) + _tone(1380.0, count)) * (1 + _tone(20.0, count))
    return _on_off(bell, 1.0, 1.5)


def _siren(_rng: Rng, count: int) -> Floats:
    return _tone(900 + 400 * _tone(0.4, count), count)


def _sweep(_rng: Rng, count: int) -> Floats:
    return _tone(50.0 * 150.0 ** (_time(count) / (count / RATE)), count)


def _modem(rng: Rng, count: int) -> Floats:
    bits = np.repeat(rng.integers(0, 2, count // 53 + 1), 53)[:count]
    return _tone(np.where(bits == 1, 1300.0, 2100.0), count)


def _applause(rng: Rng, count: int) -> Floats:
    claps = np.sort(rng.uniform(0, count / RATE, 60 * count // RATE))
    return _strewn(
        count, claps, lambda: rng.uniform(0.2, 1) * _decay(0.05, 0.006) * rng.normal(size=round(0.05 * RATE))
    )


def _rain(rng: Rng, count: int) -> Floats:
    drops = np.sort(rng.uniform(0, count / RATE, 200 * count // RATE))
    splash = _strewn(count, drops, lambda: rng.uniform(0, 1) * _decay(0.01, 0.001) * rng.normal(size=RATE // 100))
    return splash + 3 * _coloured(rng, count, 0.5) / np.sqrt(count / 100)


def _thunder(rng: Rng, count: int) -> Floats:
    rumble = _band(_coloured(rng, count, 2.0), 20, 200)
    return np.asarray(rumble * (0.2 + np.abs(_band(rng.normal(size=count), 0.05, 0.5)) * 30))


def _wind(rng: Rng, count: int) -> Floats:
    gusts = np.abs(_band(rng.normal(size=count), 0.05, 0.6))
    return _coloured(rng, count, 1.5) * (0.3 + gusts / gusts.max())


def _waves(rng: Rng, count: int) -> Floats:
    return _coloured(rng, count, 1.0) * (1.1 + _tone(0.12, count)) ** 2


def _dog(rng: Rng, count: int) -> Floats:
    """Barks: a short falling growl with partials and breath."""
    size = round(0.22 * RATE)

    def bark() -> Floats:
        pitch = np.linspace(rng.uniform(450, 600), 250, size)
        tones = sum(_tone(pitch * n, size) / n**0.7 for n in range(1, 9))
        return np.hanning(size) * (tones + 0.5 * rng.normal(size=size))

    return _strewn(count, _every(count, 0.7, rng, 0.15), bark)


def _cat(rng: Rng, count: int) -> Floats:
    size = round(0.9 * RATE)

    def meow() -> Floats:
        pitch = 500 + 250 * np.hanning(size)
        return np.hanning(size) * sum(_tone(pitch * n, size) / n for n in range(1, 8))

    return _strewn(count, _every(count, 2.0, rng, 0.3), meow)


def _birds(rng: Rng, count: int) -> Floats:
    size = round(0.12 * RATE)

    def chirp() -> Floats:
        return np.hanning(size) * _tone(np.linspace(rng.uniform(2500, 4500), rng.uniform(3500, 6500), size), size)

    return _strewn(count, np.sort(rng.uniform(0, count / RATE, 4 * count // RATE)), chirp)


def _crickets(_rng: Rng, count: int) -> Floats:
    return _on_off(_tone(4500.0, count) * (1 + _tone(60.0, count)), 0.3, 0.5)


def _fan(rng: Rng, count: int) -> Floats:
    blades = 1 + 0.3 * _tone(24.0, count)
    return _coloured(rng, count, 1.0) / np.sqrt(count) * 40 * blades + 0.3 * _tone(120.0, count)


def _engine(rng: Rng, count: int) -> Floats:
    """A motor that revs up and down: many partials of a low pitch."""
    speed = 45 + 20 * _tone(0.15, count)
    return sum(_tone(speed * n, count) / n**0.8 for n in range(1, 25)) + 0.3 * rng.normal(size=count)


def _train(rng: Rng, count: int) -> Floats:
    joints = _strewn(count, np.sort(np.r_[_every(count, 0.9, rng), _every(count, 0.9, rng) + 0.15]),
                     lambda: _decay(0.15, 0.02) * rng.normal(size=round(0.15 * RATE)))  # fmt: skip
    return joints + _coloured(rng, count, 1.5) / 40


def _clicks(rng: Rng, count: int) -> Floats:
    return _strewn(count, np.sort(rng.uniform(0, count / RATE, 3 * count // RATE)), lambda: _decay(0.004, 0.0005))


def _vinyl(rng: Rng, count: int) -> Floats:
    pops = np.sort(rng.uniform(0, count / RATE, 15 * count // RATE))
    return _strewn(count, pops, lambda: rng.uniform(0, 1) * _decay(0.003, 0.0004)) + 0.02 * rng.normal(size=count)


def _keyboard(rng: Rng, count: int) -> Floats:
    def key() -> Floats:
        return rng.uniform(0.5, 1) * _decay(0.06, 0.008) * _band(rng.normal(size=round(0.06 * RATE)), 800, 6000)

    return _strewn(count, _every(count, 0.17, rng, 0.07), key) + 0.002 * rng.normal(size=count)


def _clock(rng: Rng, count: int) -> Floats:
    return _strewn(count, _every(count, 0.5, rng), lambda: _decay(0.03, 0.003) * _tone(2600.0, round(0.03 * RATE)))


def _footsteps(rng: Rng, count: int) -> Floats:
    return _strewn(count, _every(count, 0.6, rng, 0.05),
                   lambda: _decay(0.15, 0.02) * _band(rng.normal(size=round(0.15 * RATE)), 60, 900))  # fmt: skip


def _hum(_rng: Rng, count: int) -> Floats:
    return np.asarray(sum(_tone(50.0 * n, count) / n for n in (1, 2, 3, 5, 7)))


def _breaths(rng: Rng, count: int) -> Floats:
    size = round(1.2 * RATE)
    return _strewn(count, _every(count, 2.2, rng, 0.2),
                   lambda: np.hanning(size) * _band(rng.normal(size=size), 300, 4000))  # fmt: skip


def _snoring(rng: Rng, count: int) -> Floats:
    size = round(1.3 * RATE)

    def snore() -> Floats:
        pulses = sum(_tone(38.0 * n, size) / n**0.3 for n in range(1, 30))
        return np.hanning(size) * (pulses + rng.normal(size=size))

    return _strewn(count, _every(count, 3.0, rng, 0.2), snore)


def _water(rng: Rng, count: int) -> Floats:
    """A stream: many small rising bubbles."""
    size = round(0.05 * RATE)

    def bubble() -> Floats:
        low = rng.uniform(400, 1500)
        return _decay(0.05, 0.012) * _tone(np.linspace(low, low * 1.4, size), size)

    return _strewn(count, np.sort(rng.uniform(0, count / RATE, 50 * count // RATE)), bubble)


def _paper(rng: Rng, count: int) -> Floats:
    rustle = np.abs(_band(rng.normal(size=count), 1, 12)) ** 2
    return _band(rng.normal(size=count), 1500, 7500) * rustle / rustle.max()


SOUNDS: dict[str, Callable[[Rng, int], Floats]] = {
    "digital silence": lambda _rng, count: np.zeros(count),
    "white noise": lambda rng, count: _coloured(rng, count, 0.0),
    "pink noise": lambda rng, count: _coloured(rng, count, 1.0),
    "brown noise": lambda rng, count: _coloured(rng, count, 2.0),
    "blue noise": lambda rng, count: _coloured(rng, count, -1.0),
    "radio hiss": _noise(300, 3400),
    "tune": _tune, "music box": _music_box, "chords": _chords, "organ": _organ, "strings": _strings, "drums": _drums,
    "band": _band_playing, "dtmf": _dtmf, "ringing tone": _ringing, "old telephone": _old_telephone, "siren": _siren,
    "sweep": _sweep, "modem": _modem, "beep": lambda _rng, count: _on_off(_tone(1000.0, count), 0.2, 0.8),
    "hum": _hum, "fan": _fan, "engine": _engine, "train": _train, "applause": _applause, "rain": _rain,
    "thunder": _thunder, "wind": _wind, "waves": _waves, "water": _water, "dog": _dog, "cat": _cat, "birds": _birds,
    "crickets": _crickets, "clicks": _clicks, "vinyl": _vinyl, "keyboard": _keyboard, "clock": _clock,
    "footsteps": _footsteps, "paper": _paper, "breaths": _breaths, "snoring": _snoring,
}  # fmt: skip
