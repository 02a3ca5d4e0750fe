"""Names of scans and patients: what others wrote, in characters that are allowed."""

from __future__ import annotations

import hashlib
import re
import unicodedata

_ALLOWED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_OTHER = re.compile(r"[^A-Za-z0-9._-]+")
_DIGITS = 8
# Capitals of it are SS, so that it is no other name without regard to them.
_SHARP_S = str.maketrans({"ß": "ss", "ẞ": "SS"})


def name_from(text: str) -> str:
    """`text` as the name of a scan or patient: letters, digits and ``. _ -``.

    A name that is allowed stays as it is. Of others the characters that are not become
    ``_``, and a hash tells those apart that are alike then: ``M_ller-`` and eight
    digits. It is the same however accents are encoded, and whatever the capitals.
    """
    told = unicodedata.normalize("NFKC", text).strip().translate(_SHARP_S)
    if _ALLOWED.fullmatch(told):
        return told
    readable = _OTHER.sub("_", told).lstrip("._-") or "scan"
    if not told:
        return readable
    known_by = unicodedata.normalize("NFKC", told.casefold()).encode()
    if len(readable) == 1:  # a letter and a hash would look like a pseudonym
        readable += "_"
    return f"{readable}-{hashlib.sha256(known_by).hexdigest()[:_DIGITS]}"
