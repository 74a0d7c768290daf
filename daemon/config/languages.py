"""The language codes that Whisper models know (from the tokenizer of openai/whisper)."""

LANGUAGES = frozenset(
    """
    af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi hr ht
    hu hy id is it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no oc pa pl
    ps pt ro ru sa sd si sk sl sn so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo yue zh
    """.split()
)

WITHOUT_SPACES = frozenset("zh ja th lo my yue bo km".split())
"""Languages that are written without spaces between words."""

ISO_639_2 = dict(
    pair.split("=")
    for pair in """
    afr=af amh=am ara=ar asm=as aze=az bak=ba bel=be bul=bg ben=bn tib=bo bod=bo bre=br bos=bs cat=ca cze=cs ces=cs
    wel=cy cym=cy dan=da ger=de deu=de gre=el ell=el eng=en spa=es est=et baq=eu eus=eu per=fa fas=fa fin=fi fao=fo
    fre=fr fra=fr glg=gl guj=gu hau=ha haw=haw heb=he hin=hi hrv=hr hat=ht hun=hu arm=hy hye=hy ind=id ice=is isl=is
    ita=it jpn=ja jav=jw geo=ka kat=ka kaz=kk khm=km kan=kn kor=ko lat=la ltz=lb lin=ln lao=lo lit=lt lav=lv mlg=mg
    mao=mi mri=mi mac=mk mkd=mk mal=ml mon=mn mar=mr may=ms msa=ms mlt=mt bur=my mya=my nep=ne dut=nl nld=nl nno=nn
    nor=no nob=no oci=oc pan=pa pol=pl pus=ps por=pt rum=ro ron=ro rus=ru san=sa snd=sd sin=si slo=sk slk=sk slv=sl
    sna=sn som=so alb=sq sqi=sq srp=sr sun=su swe=sv swa=sw tam=ta tel=te tgk=tg tha=th tuk=tk tgl=tl tur=tr tat=tt
    ukr=uk urd=ur uzb=uz vie=vi yid=yi yor=yo chi=zh zho=zh cmn=zh
    """.split()
)
"""ISO 639-2 codes, bibliographic and terminological, by which media files name these languages."""


def same_language(tag: str, language: str) -> bool:
    """Tell whether two names mean the same language: codes of two or three letters, with or without a region."""
    one, other = (code.lower().replace("_", "-").partition("-")[0] for code in (tag, language))
    return bool(one) and ISO_639_2.get(one, one) == ISO_639_2.get(other, other)
