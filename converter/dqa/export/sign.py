"""Ed25519 signatures of programs (RFC 8032), which the application checks before it loads a model that came as data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dqa.errors import InputError, ToolError, UnmetError
from dqa.report import program_sha256
from dqa.support import manifest
from dqa.support.files import refuse_same, write_atomically

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PROGRAM, SIGNATURE = "model.dqa", "model.dqa.sig"
SIGNATURE_BYTES = 64
_NEW_KEY = "make one: openssl genpkey -algorithm ed25519 -out key.pem; its public key: openssl pkey -in key.pem -pubout -out public.pem"


def sign(out: Path, key: Path, header: Path | None = None) -> bytes:
    """Writes OUT/model.dqa.sig, the 64 bytes of the signature of all of OUT/model.dqa; returns the 32 bytes of the public key.

    key: a PEM file with an Ed25519 private key, without a password. header: a C header to write, with the public key as an array.
    The signature goes with the conversion: the next one of the same OUT removes it. Raises InputError for a key that is none, where OUT
    holds no program, or holds a signature that dqa did not write; ToolError without the package cryptography.
    """
    private = _private(key)
    data = _program(out)
    public = private.public_key().public_bytes_raw()
    there = manifest.load(out)
    if there is None:
        raise InputError(f"'{out}' was not written by this dqa", hint="run dqa convert first and give its output directory")
    if header is not None:
        refuse_same(header, [key])
        manifest.refuse_listed(header)
    left = manifest.refresh(out, {SIGNATURE: private.sign(data)}, there.kind, program_sha256(out))
    if left:
        raise InputError(f"'{out / SIGNATURE}' was changed since dqa wrote it", hint="move it elsewhere")
    if header is not None:
        write_atomically(header, c_header(public))
    return public


def verify(out: Path, key: Path) -> bytes:
    """The 32 bytes of the public key by which OUT/model.dqa.sig is the signature of OUT/model.dqa.

    key: a PEM file with an Ed25519 public or private key. Raises UnmetError where it is not; InputError, ToolError as `sign`.
    """
    from cryptography.exceptions import InvalidSignature

    public, data = _public(key), _program(out)
    try:
        signature = (out / SIGNATURE).read_bytes()
    except OSError as error:
        raise InputError(f"'{out / SIGNATURE}' cannot be read: {error.strerror}", hint="dqa sign writes it") from error
    try:
        public.verify(signature, data)
    except InvalidSignature as error:
        raise UnmetError(f"'{out / SIGNATURE}' is no signature of model.dqa by the key '{key}'") from error
    return public.public_bytes_raw()


def _program(out: Path) -> bytes:
    try:
        return (out / PROGRAM).read_bytes()
    except OSError as error:
        raise InputError(f"'{out}' holds no program: {PROGRAM}: {error.strerror}", hint="make it with dqa convert ... -o OUT") from error


def _private(key: Path) -> Ed25519PrivateKey:
    from_pem, (kind, _) = _pem()
    found = _read(key, lambda data: from_pem.load_pem_private_key(data, None))
    if not isinstance(found, kind):
        raise InputError(f"'{key}' holds another key than one of Ed25519", hint=_NEW_KEY)
    private: Ed25519PrivateKey = found
    return private


def _public(key: Path) -> Ed25519PublicKey:
    from_pem, (private_kind, public_kind) = _pem()

    def load(data: bytes) -> Any:
        if b"PRIVATE KEY" in data:
            return from_pem.load_pem_private_key(data, None)
        return from_pem.load_pem_public_key(data)

    found = _read(key, load)
    found = found.public_key() if isinstance(found, private_kind) else found
    if not isinstance(found, public_kind):
        raise InputError(f"'{key}' holds another key than one of Ed25519", hint=_NEW_KEY)
    public: Ed25519PublicKey = found
    return public


def _read(key: Path, load: Any) -> Any:
    try:
        return load(key.read_bytes())
    except OSError as error:
        raise InputError(f"key '{key}' cannot be read: {error.strerror}", hint=_NEW_KEY) from error
    except TypeError as error:
        raise InputError(f"key '{key}' has a password", hint="decrypt it first: openssl pkey -in key.pem -out plain.pem") from error
    except Exception as error:  # whatever it finds wrong, of which it has many kinds
        raise InputError(f"'{key}' is no key in PEM form", hint=_NEW_KEY) from error


def _pem() -> tuple[Any, tuple[Any, Any]]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise ToolError("signatures need the package cryptography", hint="pip install 'dqa-convert[sign]'") from error
    return serialization, (ed25519.Ed25519PrivateKey, ed25519.Ed25519PublicKey)


def c_header(public: bytes) -> str:
    """The public key, 32 bytes, as a C array."""
    lines = [", ".join(f"0x{byte:02x}" for byte in public[at : at + 16]) for at in (0, 16)]
    return (
        "/* The key by which models that come as data are checked, written by dqa sign. */\n"
        "#ifndef DQA_PUBLIC_KEY_H\n#define DQA_PUBLIC_KEY_H\n\n#include <stdint.h>\n\n"
        f"static const uint8_t dqa_public_key[32] = {{\n    {lines[0]},\n    {lines[1]}}};\n\n#endif\n"
    )
