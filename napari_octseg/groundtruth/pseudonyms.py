"""Pseudonyms: the same person is always called the same, and nobody can tell who."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import unicodedata
from pathlib import Path

from napari_octseg.errors import LabelError, ReadError, WriteError
from napari_octseg.groundtruth.locking import cannot_write, locked
from napari_octseg.groundtruth.names import name_from

_FOLDER_VARIABLE = "OCTSEG_SECRETS"
_FILE = "pseudonyms.key"
_N_BYTES = 32
_DIGITS = 8
_MARK_DIGITS = 16
_PSEUDONYM = re.compile(rf"[PG]-[0-9a-f]{{{_DIGITS}}}")

# The secret behind each pseudonym that this program has made since it started.
_made: dict[str, bytes] = {}


def pseudonym_of(patient_key: str) -> str:
    """Pseudonym of a patient, such as ``P-3f9a21c7``.

    An HMAC-SHA256 of the key with a secret of this user's, which is made when it is
    first needed and never leaves `secret_path`: without it nobody can find the patient
    by trying names. Two computers that share the secret give the same pseudonyms.

    Parameters
    ----------
    patient_key
        Name, number, or whatever is the same for all scans of the patient; spaces
        around it and capital letters do not matter. A pseudonym stays as it is.

    Raises
    ------
    LabelError
        If it is empty.
    ReadError, WriteError
        If the secret cannot be read or made.
    """
    return _pseudonym("P", patient_key, "patient")


def is_pseudonym(key: str, letter: str = "P") -> bool:
    """Whether this is the pseudonym of a patient (P), or of a grader (G), already."""
    return bool(_PSEUDONYM.fullmatch(key)) and key.startswith(letter)


def grader_pseudonym(grader: str) -> str:
    """Pseudonym of who graded, such as ``G-3f9a21c7``; see `pseudonym_of`."""
    return _pseudonym("G", grader, "grader")


def secret_mark(data_set_id: str, pseudonym: str = "") -> str | None:
    """What a data set knows a secret by, 16 digits; it does not tell the secret.

    An HMAC-SHA256 of the id of the data set, so that the marks of two data sets do not
    tell that one person keeps both.

    Parameters
    ----------
    data_set_id
        Of the data set.
    pseudonym
        Of the secret with which this program made it, None if it did not: it was chosen
        from a list, typed, or read from a file. By default of the secret of this user.

    Raises
    ------
    ReadError, WriteError
        If the secret of this user cannot be read or made.
    """
    secret = _made.get(pseudonym) if pseudonym else _secret()
    if secret is None:
        return None
    message = f"data set\n{data_set_id}".encode()
    return hmac.new(secret, message, hashlib.sha256).hexdigest()[:_MARK_DIGITS]


def secret_path() -> Path:
    """File of the secret: in the folder that OCTSEG_SECRETS names, or the user's."""
    chosen = os.environ.get(_FOLDER_VARIABLE)
    if chosen:
        return Path(chosen).expanduser() / _FILE
    import platformdirs

    folder = platformdirs.user_data_dir("napari-octseg", appauthor=False)
    return Path(folder) / "secrets" / _FILE


def _pseudonym(letter: str, key: str, what: str) -> str:
    known_by = unicodedata.normalize("NFKC", key).strip()
    if not known_by:
        raise LabelError(
            f"A {what} without a name",
            allowed=f"anything that tells this {what} from others",
            todo=f"give a name or number of the {what}; only a pseudonym is kept",
        )
    if is_pseudonym(key, letter):
        return key
    # As importers name patients: the same person is called the same either way.
    message = f"{what}\n{name_from(known_by).casefold()}".encode()
    secret = _secret()
    found = hmac.new(secret, message, hashlib.sha256).hexdigest()
    pseudonym = f"{letter}-{found[:_DIGITS]}"
    _made[pseudonym] = secret
    return pseudonym


def _secret() -> bytes:
    path = secret_path()
    if not path.is_file():
        _make_secret(path)
    try:
        secret = bytes.fromhex(path.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise _unusable(path, str(error)) from error
    if len(secret) != _N_BYTES:
        raise _unusable(path, f"{len(secret)} bytes")
    return secret


def _make_secret(path: Path) -> None:
    """Write a new secret, unless another program has just done so."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path.with_suffix(".lock")):
            if path.exists():
                return
            draft = path.with_suffix(".draft")
            draft.unlink(missing_ok=True)
            # For the owner's eyes from the first byte on.
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(secrets.token_hex(_N_BYTES))
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, path)
    except WriteError:
        raise
    except OSError as error:
        raise cannot_write(path.parent, error) from error


def _unusable(path: Path, reason: str) -> ReadError:
    return ReadError(
        f"The secret of the pseudonyms, {path}, cannot be used ({reason})",
        allowed=f"a file of {2 * _N_BYTES} hexadecimal digits",
        todo="take it from a backup; if it is lost, delete it: a new one is made, and "
        "patients get other pseudonyms from then on",
    )
