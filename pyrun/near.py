"""What was meant by a name that nobody has: the nearest of those that are known, for people who mistype.

It stands in for `difflib`, whose import takes longer than all that a verb does before it finds nobody of that
name; and two letters that changed places are one mistake here.
"""

from pyrun.typed import Iterable

_LONGEST = 64  # letters of a name that is looked at


def nearest(word: str, known: Iterable[str], shortest: int = 2) -> str:
    """Give the one of *known* that *word* most likely stands for; empty when none is near.

    A mistake in every three letters, one in a shorter word; else the only name that begins so.
    """
    plain, names = word.lower()[:_LONGEST], sorted(set(known))
    if len(plain) < shortest:
        return ""
    most = max(1, len(plain) // 3)
    alike = [name for name in names if abs(len(name) - len(plain)) <= most]
    ranked = sorted((_mistakes(plain, name.lower()), name[:1].lower() != plain[0], name) for name in alike)
    if ranked and ranked[0][0] <= min(most, len(ranked[0][2]) - 1):  # something is still the same
        return ranked[0][2]
    longer = [name for name in names if name.lower().startswith(plain)]
    return longer[0] if len(longer) == 1 else ""


def hint(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """Give the hint of a complaint: did you mean NAME, or else *otherwise*."""
    found = nearest(word, known)
    return f"did you mean {found}?" if found else otherwise


def either(found: list[str], most: int = 4) -> str:
    """Give the hint of a complaint about what may mean several: the first ones of them."""
    more = [f"{len(found) - most} more"] if len(found) > most else []
    return f"which of {', '.join(found[:most] + more)}?"


def _mistakes(one: str, other: str) -> int:
    """Count letters too many, too few, wrong, or changed with their neighbour: the distance of Damerau, restricted."""
    before: list[int] = []
    above = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        line = [row]
        for at, against in enumerate(other, 1):
            cost = min(above[at] + 1, line[at - 1] + 1, above[at - 1] + (letter != against))
            if row > 1 and at > 1 and letter == other[at - 2] and one[row - 2] == against:
                cost = min(cost, before[at - 2] + 1)
            line.append(cost)
        before, above = above, line
    return above[-1]
