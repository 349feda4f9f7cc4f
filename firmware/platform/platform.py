# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The dqa authors
"""A PlatformIO platform that needs nothing from PlatformIO's registry when SCons and the compiler are installed."""

import json
import shutil
from importlib import metadata
from pathlib import Path

from platformio.package.manager.core import get_core_package_dir
from platformio.public import PlatformBase

TOOLCHAIN = "toolchain-gccarmnoneeabi"


class SimcortexmPlatform(PlatformBase):
    def configure_default_packages(self, options, targets):
        self.packages[TOOLCHAIN]["optional"] = shutil.which("arm-none-eabi-gcc") is not None
        if get_core_package_dir("tool-scons", auto_install=False) is None:
            self._offer_installed_scons()
        return super().configure_default_packages(options, targets)

    def _offer_installed_scons(self):
        """Makes the SCons of this Python known as PlatformIO's own tool-scons, which is the same program.

        PlatformIO numbers SCons 4.11.1 as 4.41101.0. If the versions do not match it downloads its own, as usual.
        """
        try:
            numbers = [int(part) for part in metadata.version("scons").split(".")]
        except (metadata.PackageNotFoundError, ValueError):
            return
        major, minor, patch = (*numbers, 0, 0)[:3]
        version = f"4.{major}{minor:02}{patch:02}.0"
        shim = Path(self.config.get("platformio", "core_dir")) / "dqa" / f"tool-scons-{version}"
        shim.mkdir(parents=True, exist_ok=True)
        spec = {"owner": "platformio", "id": None, "name": "tool-scons", "requirements": None, "uri": None}
        package = {"name": "tool-scons", "version": version, "description": "The installed SCons"}
        (shim / "package.json").write_text(json.dumps(package), encoding="utf-8")
        (shim / ".piopm").write_text(json.dumps({"type": "tool", "name": "tool-scons", "version": version, "spec": spec}), encoding="utf-8")
        (shim / "scons.py").write_text("from SCons.Script import main\n\nmain()\n", encoding="utf-8")
        self.pm.install(f"tool-scons=symlink://{shim}", skip_dependencies=True)
