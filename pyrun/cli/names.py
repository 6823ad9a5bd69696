"""Names for containers that were given none: a property and somebody who built what we stand on."""

import os

_PROPERTIES = (
    "able agile ample apt astute avid bold brave bright brisk calm candid clear clever cool deft eager exact fair "
    "famed fine firm frank free fresh gentle glad grand great happy hardy honest humble ideal jolly keen kind lively "
    "loyal lucid merry mild modest neat nimble noble patient plain polite prime proud quick quiet ready sharp sincere "
    "smart solid sound stable steady still sunny sure swift tidy tough true upbeat valid vivid warm wise witty zesty"
).split()
_PEOPLE = (
    "allman baran bellovin berners bina boggs bush cailliau cerf clark cohen comer crocker cunningham davies deering "
    "dijkstra engelbart feinler floyd hagino hamilton heart hopper huitema jacobson jinmei joy kahn karels kempf "
    "kernighan kirstein kleinrock knuth kuznetsov liskov lovelace mcilroy metcalfe mockapetris morris mullender "
    "perlman pike plummer postel pouzin reynolds ritchie roberts rose russell saltzer stallman stevens thompson "
    "tomlinson torvalds turing tweedie vixie wheeler wirth zimmermann"
).split()


def random_name() -> str:
    """Give a name such as ``quiet_perlman``; the four hex digits make it one of 300 million."""
    number = int.from_bytes(os.urandom(6), "big")
    number, suffix = divmod(number, 1 << 16)
    number, person = divmod(number, len(_PEOPLE))
    return f"{_PROPERTIES[number % len(_PROPERTIES)]}_{_PEOPLE[person]}_{suffix:04x}"
