"""dqa sign, dqa verify: signatures of models that reach a device as data."""

from __future__ import annotations

from pathlib import Path

import click

from dqa.cli.common import check_place, out_argument, output_options, talk, write_json


@click.command()
@out_argument
@click.option("--key", type=click.Path(path_type=Path), required=True, metavar="KEY.pem", help="Ed25519 private key.")
@click.option("--header", type=click.Path(path_type=Path), metavar="FILE.h", help="Write the public key as a C array.")
@output_options
def sign(out: Path, key: Path, header: Path | None, quiet: bool, json_path: Path | None) -> None:
    """Sign the program of OUT, a directory of `dqa convert`, with Ed25519: writes OUT/model.dqa.sig, 64 bytes."""
    from dqa.export import sign as signing

    if header is not None:
        check_place("--header", header, (key,))
    public = signing.sign(out, key, header)
    write_json({"signature": str(out / signing.SIGNATURE), "public_key": public.hex()}, json_path)
    if talk(quiet, json_path):
        print(f"wrote {out / signing.SIGNATURE}; the public key: {public.hex()}")


@click.command()
@out_argument
@click.option("--key", type=click.Path(path_type=Path), required=True, metavar="KEY.pem", help="Ed25519 public (or private) key.")
@output_options
def verify(out: Path, key: Path, quiet: bool, json_path: Path | None) -> None:
    """Check OUT/model.dqa.sig, as a device does before it loads the model. Exits with 1 if it is not by the key."""
    from dqa.export import sign as signing

    public = signing.verify(out, key)
    write_json({"signature": str(out / signing.SIGNATURE), "public_key": public.hex()}, json_path)
    if talk(quiet, json_path):
        print(f"{out / signing.SIGNATURE} is by {public.hex()}")
