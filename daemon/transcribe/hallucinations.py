"""What Whisper models are known to say where nobody speaks: sign-offs and credits of the subtitles they learnt from.

A list is never a reason by itself: people do say "thank you". `quality` drops such a line only if the model, too,
hears no speech there.
"""

import unicodedata

PHRASES = frozenset(
    """
    bye
    bye bye
    please subscribe
    please subscribe to my channel
    see you in the next video
    see you next time
    so
    subscribe
    subtitles by the amara org community
    thank you
    thank you for watching
    thank you so much
    thank you so much for watching
    thank you very much
    thanks for listening
    thanks for watching
    the end
    transcription by castingwords
    you
    amara org
    avertissement
    merci d avoir regardé cette vidéo
    sous titres réalisés par la communauté d amara org
    sous titrage st 501
    untertitel der amara org community
    untertitel im auftrag des zdf für funk 2017
    untertitelung aufgrund der amara org community
    vielen dank
    vielen dank fürs zuschauen
    gracias
    gracias por ver el video
    subtítulos por la comunidad de amara org
    subtítulos realizados por la comunidad de amara org
    grazie
    grazie a tutti
    sottotitoli creati dalla comunità amara org
    legendas pela comunidade amara org
    obrigado
    ondertitels ingediend door de amara org gemeenschap
    продолжение следует
    субтитры сделал dimatorzok
    字幕由amara org社区提供
    谢谢观看
    请不吝点赞 订阅 转发 打赏支持明镜与点点栏目
    ご視聴ありがとうございました
    시청해주셔서 감사합니다
    """.strip().splitlines()
)


def is_hallucination(text: str) -> bool:
    """Tell whether a line is nothing but one of the phrases, whatever its case and punctuation."""
    letters = "".join(char if unicodedata.category(char)[0] in "LNM" else " " for char in text.lower())
    return " ".join(letters.split()) in _KNOWN


_KNOWN = frozenset(" ".join(phrase.split()) for phrase in PHRASES)
