"""Signatures: made by dqa, checked by dqa and by OpenSSL, and refused where a bit differs."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from builders.cli import Shell
from builders.exports import converted
from dqa.support import manifest

pytest.importorskip("cryptography")


def keys(folder: Path, algorithm: str = "ed25519") -> tuple[Path, Path]:
    """A private and a public key, as files."""
    from cryptography.hazmat.primitives import serialization as to
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    private = ed25519.Ed25519PrivateKey.generate() if algorithm == "ed25519" else ec.generate_private_key(ec.SECP256R1())
    folder.mkdir(exist_ok=True)
    one, other = folder / "key.pem", folder / "public.pem"
    one.write_bytes(private.private_bytes(to.Encoding.PEM, to.PrivateFormat.PKCS8, to.NoEncryption()))
    other.write_bytes(private.public_key().public_bytes(to.Encoding.PEM, to.PublicFormat.SubjectPublicKeyInfo))
    return one, other


@pytest.fixture
def out(tmp_path: Path) -> Path:
    found = converted(tmp_path, "tiny")
    manifest.create(found, "conversion")
    return found


def test_what_is_signed_is_verified(out: Path, tmp_path: Path, dqa: Shell) -> None:
    key, public = keys(tmp_path / "keys")
    header = tmp_path / "public_key.h"
    done = dqa("sign", out, "--key", key, "--header", header)
    assert done.code == 0, done.err
    assert (out / "model.dqa.sig").stat().st_size == 64
    (said,) = re.findall(r"public key: ([0-9a-f]{64})", done.out)
    assert bytes(int(byte, 16) for byte in re.findall(r"0x(\w\w)", header.read_text())).hex() == said
    for one in (key, public):
        done = dqa("verify", out, "--key", one)
        assert done.code == 0 and said in done.out
    assert dqa("sign", out, "--key", key, "-q").out == ""  # again
    assert "model.dqa.sig" not in manifest.users(out)  # and goes with the conversion
    other = keys(tmp_path / "others")[1]
    assert "is no signature of model.dqa by the key" in dqa.refuses("verify", out, "--key", other, code=1).err
    data = bytearray((out / "model.dqa").read_bytes())
    data[-1] ^= 1
    (out / "model.dqa").write_bytes(data)
    assert "is no signature of model.dqa" in dqa.refuses("verify", out, "--key", public, code=1).err


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_openssl_makes_the_keys_and_verifies(out: Path, tmp_path: Path, dqa: Shell) -> None:
    text = (Path(__file__).parents[2] / "docs" / "updating_a_model.md").read_text()
    commands = [line.partition("#")[0].split() for line in re.findall(r"^ {4}(openssl .*)$", text, re.MULTILINE)]
    assert len(commands) == 2
    for command in commands:
        subprocess.run(command, cwd=tmp_path, check=True)
    assert dqa("sign", out, "--key", tmp_path / "key.pem").code == 0
    names = [str(path) for path in (tmp_path / "public.pem", out / "model.dqa", out / "model.dqa.sig")]
    check = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", names[0], "-rawin", "-in", names[1], "-sigfile", names[2]]
    assert b"Verified Successfully" in subprocess.run(check, capture_output=True, check=True).stdout


def test_what_cannot_be_signed_or_is_no_key_is_refused(out: Path, tmp_path: Path, dqa: Shell) -> None:
    from cryptography.hazmat.primitives import serialization as to

    key, public = keys(tmp_path / "keys")
    assert "No such file" in dqa.refuses("sign", out, "--key", tmp_path / "none.pem").err
    assert "is no key" in dqa.refuses("sign", out, "--key", public).err
    assert "is no key" in dqa.refuses("sign", out, "--key", out / "model.dqa").err
    for number, one in enumerate(keys(tmp_path / "curve", "p256")):
        assert "another key than one of Ed25519" in dqa.refuses(("sign", "verify")[number], out, "--key", one).err
    loaded = to.load_pem_private_key(key.read_bytes(), None)
    locked = tmp_path / "locked.pem"
    locked.write_bytes(loaded.private_bytes(to.Encoding.PEM, to.PrivateFormat.PKCS8, to.BestAvailableEncryption(b"secret")))
    assert "has a password" in dqa.refuses("sign", out, "--key", locked).err
    assert "model.dqa.sig' cannot be read" in dqa.refuses("verify", out, "--key", public).err
    assert "and would be overwritten" in dqa.refuses("sign", out, "--key", key, "--header", key).err
    assert "holds no program" in dqa.refuses("sign", tmp_path / "absent", "--key", key).err
    (out / "model.dqa.sig").write_bytes(b"mine")
    assert "names that dqa needs" in dqa.refuses("sign", out, "--key", key).err
    (out / manifest.NAME).unlink()
    assert "was not written by this dqa" in dqa.refuses("sign", out, "--key", key).err
