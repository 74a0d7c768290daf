"""The small words of the common languages that tell where a line may end well, and where not. Data.

A phrase begins with a conjunction or a preposition, so a line ends well before one. A conjunction, a preposition or a
determiner leans on what follows it, so no line should end with one. Only words that are hardly ever anything else are
listed: not the English "like", the German "an" of "fängt an" or the French "comme" of "tout comme".
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PhraseWords:
    """The small words of a language, in lower case."""

    openers: frozenset[str]
    """Conjunctions and prepositions."""
    determiners: frozenset[str]
    """Articles, possessives and what else belongs to the noun behind it."""
    titles: frozenset[str] = frozenset()
    """Abbreviations whose full stop ends no sentence, and which lean on what follows."""


def _words(openers: str, determiners: str = "", titles: str = "") -> PhraseWords:
    return PhraseWords(*(frozenset(each.split()) for each in (openers, determiners, titles)))


PHRASE_WORDS = {
    "en": _words(
        "and or but nor so because although though while when where if unless until that which who whose whom than "
        "as of in to for with on at by from into about after before between through during without against among "
        "within under over across toward towards upon since",
        "a an the my your his her its our their this these those every each some any no not very",
        "mr. mrs. ms. dr. st. prof. vs. no. e.g. i.e.",
    ),
    "de": _words(
        "und oder aber denn sondern dass weil wenn ob obwohl während bevor nachdem damit als wie wo der die das in "
        "im mit von vom bei beim nach aus seit zum zur für durch gegen ohne um auf über unter zwischen vor wegen "
        "trotz",
        "ein eine einen einem einer eines des dem den mein meine meinen dein deine sein seine seinen ihr ihre "
        "ihren unser unsere euer diese dieser dieses diesem diesen jede jeder jedes kein keine keinen sehr",
        "dr. prof. hr. fr. st. nr. z.b. d.h. bzw. ca.",
    ),
    "fr": _words(
        "et ou mais donc car ni que quand lorsque si parce puisque quoique dont où qui de du des à au aux en dans "
        "par pour avec sans sous sur chez vers entre contre depuis pendant avant après",
        "un une le la les mon ma mes ton ta tes son sa ses notre nos votre vos leur leurs ce cet cette ces chaque "
        "quelques aucun aucune très ne",
        "m. mme. mlle. dr. st. p.ex.",
    ),
    "es": _words(
        "y e o u pero sino aunque porque que cuando donde si mientras quien cuyo de del a al en con por para sin "
        "sobre entre desde hasta hacia según contra durante tras",
        "un una unos unas el la los las mi mis tu tus su sus nuestro nuestra nuestros nuestras este esta estos "
        "estas ese esa esos esas cada algún ningún muy no",
        "sr. sra. srta. dr. dra. ud. uds.",
    ),
    "it": _words(
        "e ed o ma però perché che quando dove se mentre benché cui di del della dei degli delle dello a al alla "
        "ai agli alle in nel nella nei nelle con per su sul sulla sui sulle da dal dalla dai dalle tra fra senza "
        "verso contro durante",
        "un uno una il lo la i gli le mio mia tuo tua suo sua nostro nostra vostro loro questo questa questi "
        "queste quel quella ogni molto non",
        "sig. sig.ra dott. prof. ecc.",
    ),
    "pt": _words(
        "e ou mas porque que quando onde se enquanto embora de do da dos das em no na nos nas a ao à aos às com "
        "por pelo pela para sem sobre entre desde até contra durante",
        "um uma uns umas o os as meu minha teu tua seu sua nosso nossa este esta estes estas esse essa cada muito não",
        "sr. sra. dr. dra.",
    ),
    "nl": _words(
        "en of maar want dat omdat als wanneer hoewel terwijl voordat nadat waar die van in met voor naar bij uit "
        "sinds door tegen zonder om over onder tussen tijdens vanaf",
        "een de het mijn jouw zijn haar ons onze jullie hun deze dit elke ieder geen heel zeer",
        "dhr. mevr. dr. prof. bijv. d.w.z.",
    ),
    "sv": _words(
        "och eller men att som när om eftersom medan innan där av i med för på till från hos vid genom mot utan "
        "under över mellan efter",
        "en ett den det de min mitt mina din ditt sin sitt vår vårt deras denna detta varje ingen mycket",
        "dr. t.ex. bl.a.",
    ),
    "da": _words(
        "og eller men at som når hvis fordi mens før hvor der af i med for på til fra hos ved gennem mod uden "
        "under over mellem efter",
        "en et den det de min mit mine din dit sin sit vores deres denne dette hver ingen meget",
        "dr. f.eks. bl.a.",
    ),
    "no": _words(
        "og eller men at som når hvis fordi mens før hvor av i med for på til fra hos ved gjennom mot uten under "
        "over mellom etter",
        "en ei et den det de min mitt mine din ditt sin sitt vår vårt deres denne dette hver ingen veldig",
        "dr. f.eks. bl.a.",
    ),
    "pl": _words(
        "i oraz lub albo ale lecz że żeby bo ponieważ gdy kiedy jeśli jeżeli choć który która które gdzie w we z "
        "ze na do od po dla przez przy przed pod nad o u bez między podczas",
        "ten ta to mój moja twój twoja swój jego jej nasz nasza wasz ich każdy każda nie bardzo",
        "dr. prof. np. tzn. ul.",
    ),
    "cs": _words(
        "a i nebo ale že aby protože když pokud jestli který která které kde v ve z ze na do od po pro přes při "
        "před pod nad o u bez mezi během s se k ke",
        "ten ta to můj moje tvůj tvoje svůj jeho její náš naše váš jejich každý každá velmi",
        "dr. prof. např. tzv.",
    ),
    "ru": _words(
        "и или но а что чтобы потому когда если хотя пока который которая которое которые где в во с со на к ко из "
        "от до по для через при перед под над о об у без между",
        "этот эта это эти тот та мой моя твой твоя свой своя его её наш наша ваш ваша их каждый каждая не очень",
        "г. гг. т.е. т.д. ул. др.",
    ),
    "uk": _words(
        "і й та або але що щоб бо тому коли якщо хоча поки який яка яке які де в у з із зі на до від по для через "
        "при перед під над о об без між",
        "цей ця це ці той мій моя твій твоя свій своя його її наш наша ваш ваша їх кожний кожна не дуже",
        "р. рр. т.д. вул. ін.",
    ),
    "tr": _words("ve veya ya ama fakat çünkü eğer ki", "bir bu şu o her hiç çok en", "dr. prof. vb. vs."),
    "ar": _words(
        "و أو لكن لأن إذا عندما حيث التي الذي الذين أن إن ثم في من إلى على عن مع بعد قبل بين خلال حتى",
        "هذا هذه ذلك تلك كل بعض لا لم لن",
    ),
    "he": _words("או אבל כי אם כאשר אשר של על עם אל את מן בין אחרי לפני בלי עד", "כל לא מאוד"),
    "hi": _words("और या लेकिन परन्तु क्योंकि अगर जब कि जो जहाँ", "यह वह ये वे एक हर कोई बहुत", "डॉ. श्री."),
    "zh": _words("但是 因为 所以 如果 虽然 而且 或者 和 与 在 从 对 向", "这 那 每 一 个 不 很"),
}
"""The small words by the code of the language."""

CLINGING = frozenset("的 地 得 了 着 过 们 吗 呢 吧 啊 嘛 个 上 下 里 中".split())
"""Chinese particles, measures and places that cling to the word before them."""
