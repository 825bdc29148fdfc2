"""Which passwords are too easy to guess: the commonest, the account's own address, and what is made of such parts.

A list of leaked passwords does not cover the next variation, so a password is taken apart instead:
well-known words (also with digits for letters, or backwards), rows of the keyboard, sequences, repetitions and
years count little, the rest by its length.
"""

import re
import unicodedata
from collections.abc import Iterable

# A password of this many points is not refused. A part that is well known is worth one, whatever its length; other
# letters and digits are worth one each, but a single run of letters is most likely a word: it is worth no more
# than WORD until it is long.
ENOUGH, WORD, LONG_WORD = 11, 9, 12

# What most passwords begin with, in English and German; our own choice, shorter parts before longer ones do no harm.
_WORDS = """
password passwort passwd passphrase kennwort geheim secret pass login admin administrator root user benutzer master
test testing tester demo guest gast default changeme change welcome willkommen hello hallo hi moin servus start
letmein access zugang open sesame iloveyou ichliebedich loveyou love liebe lover forever baby babygirl babyboy honey
schatz schatzi sweetheart princess prinzessin prinz prince angel engel queen king koenig kitty hellokitty
monkey dragon drache tiger lion panther eagle adler bear dog hund cat katze horse pony pferd dolphin delfin butterfly
schmetterling hase maus mouse shadow sunshine sonnenschein sonne sun moon mond star stern stars superstar flower blume
blumen rose summer sommer winter spring fruehling frühling autumn herbst january januar february februar march märz
maerz april june juni july juli august september october oktober november december dezember
monday montag tuesday dienstag wednesday mittwoch thursday donnerstag friday freitag saturday samstag sunday sonntag
football fussball fußball soccer baseball basketball hockey tennis liverpool chelsea arsenal barcelona madrid
bayern schalke dortmund borussia werder hamburg berlin muenchen münchen koeln köln frankfurt stuttgart deutschland
germany london newyork america australia michael jackson thomas andreas daniel alexander alexandra christian stefan
stephan martin peter anna maria jessica jennifer ashley nicole sandra sabine julia charlie jordan robert william
matthew joshua andrew anthony joseph jesus christ god gott superman batman spiderman spongebob pokemon starwars
matrix mustang ferrari porsche mercedes bmw audi volkswagen harley corvette computer internet google facebook
windows microsoft apple samsung system server linux oracle cisco security sicherheit business company firma
office family familie friends freunde bestfriend mother mutter father vater sister schwester brother bruder
chocolate schokolade cookie cheese pepper banana orange apfel coffee kaffee whatever nothing nichts something
trustno freedom freiheit killer hunter ranger soldier warrior ninja pirate wizard magic phoenix thunder silver
golden diamond purple yellow blue green black white rainbow music rockyou metallica blink fuck fuckyou fucker shit
bitch asshole arschloch scheisse scheiße hallowelt helloworld world welt qwerty qwertz asdf zxcv yxcv
abc xyz ficken gewinner winner lucky gluecklich happy birthday geburtstag christmas weihnachten heaven himmel
""".split()  # noqa: SIM905
# What this server is about.
_PRODUCT = (
    "dno",
    "api",
    "graphql",
    "netzentgelt",
    "netzentgelte",
    "hlzf",
    "strom",
    "stromnetz",
    "verteilnetz",
)

_ROWS = (
    "12345678901234567890",
    "abcdefghijklmnopqrstuvwxyz",
    "^1234567890-=",
    "qwertyuiop[]",
    "qwertzuiopü+",
    "asdfghjkl;'",
    "asdfghjklöä#",
    "zxcvbnm,./",
    "yxcvbnm,.-",
    "azertyuiop",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
    "1qay2wsx3edc4rfv5tgb6zhn7ujm8ik,9ol.0pö-",
    "1q2w3e4r5t6y7u8i9o0p",
    "1q2w3e4r5t6z7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
    "qawsedrftgyhujikolp",
    "qaywsxedcrfvtgbzhnujmikolp",
    "qazwsxedcrfvtgbyhnujmikolp",
)
_PATTERNS = "\0".join((*_ROWS, *(row[::-1] for row in _ROWS)))
_LETTERS_FOR = str.maketrans("0134578@$!€", "oleastbasle")
_YEAR = re.compile(r"(?:19|20)[0-9]{2}")
_RUNS = re.compile(r"[^\W\d_]+|\d+|[\W_]+")
# Shorter ones stand in too many innocent words, or come about by chance.
MIN_PART_LENGTH, MIN_ROW_LENGTH = 3, 4


def is_easy(password: str, address: str = "") -> bool:
    """Whether it is among what is tried first, for any account or for the owner of this e-mail address."""
    text = _unit(unicodedata.normalize("NFKC", password))
    return _points(text, {*_WORDS, *_PRODUCT, *_own_words(address)}) < ENOUGH


def _points(text: str, words: Iterable[str]) -> int:
    small = text.lower()
    if len(small) != len(text):  # letters that unfold to several: their case counts for nothing then
        text = small
    known = [False] * len(text)
    parts = _mark_words(known, small, words) + _mark_patterns(known, small)
    rest = "".join("\0" if marked else letter for letter, marked in zip(text, known, strict=True))
    return parts + sum(map(_worth, _RUNS.findall(rest.replace("\0", " "))))


def _worth(run: str) -> int:
    if not run[0].isalnum():
        return len(set(run.replace(" ", "")))
    if run[0].isdigit():
        return len(run)
    # A change from small to capital letters inside ends a word.
    changes = sum(run[at - 1].islower() and run[at].isupper() for at in range(1, len(run)))
    if (
        changes > 1 or len(run) <= WORD or run.lower() == run.upper()
    ):  # or a script in which a letter is a word
        return len(run)
    return WORD + max(0, len(run) - LONG_WORD) // 2


def _mark_words(known: list[bool], small: str, words: Iterable[str]) -> int:
    """How many were found; letters of one are no part of another."""
    found = 0
    for spelling in dict.fromkeys(
        (small, small.translate(_LETTERS_FOR), small.replace("1", "i").translate(_LETTERS_FOR))
    ):
        for word in sorted({*words, *(word[::-1] for word in words)}, key=len, reverse=True):
            at = spelling.find(word)
            while at >= 0:
                if len(word) >= MIN_PART_LENGTH and not any(known[at : at + len(word)]):
                    known[at : at + len(word)] = [True] * len(word)
                    found += 1
                at = spelling.find(word, at + 1)
    return found


def _mark_patterns(known: list[bool], small: str) -> int:
    found = at = 0
    while at < len(small):
        end = _end_of_row(small, at)
        if end - at < MIN_ROW_LENGTH:
            year = _YEAR.match(small, at)
            end = year.end() if year is not None else _end_of_one_letter(small, at)
        if end - at < MIN_PART_LENGTH or any(known[at:end]):
            at += 1
            continue
        known[at:end] = [True] * (end - at)
        found += 1
        at = end
    return found


def _end_of_row(small: str, at: int) -> int:
    end = at + 1
    while end < len(small) and small[at : end + 1] in _PATTERNS:
        end += 1
    return end


def _end_of_one_letter(small: str, at: int) -> int:
    end = at + 1
    while end < len(small) and small[end] == small[at]:
        end += 1
    return end


def _unit(text: str) -> str:
    """What is repeated, where all of it is a repetition."""
    at = (text + text).find(text, 1)
    return text[:at]


def _own_words(address: str) -> set[str]:
    """The address, and what stands between its signs."""
    small = unicodedata.normalize("NFKC", address).lower()
    local, _, domain = small.partition("@")
    parts = {small, local, domain, *re.split(r"[\W_]+", small), *re.findall(r"[^\W\d_]+", small)}
    parts |= {re.sub(r"[\W_]+", "", part) for part in (small, local, domain)}
    return {part for part in parts if len(part) >= MIN_PART_LENGTH}
