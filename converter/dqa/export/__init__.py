"""Folders that build by themselves, with the C of one model or of several: for CMake, Arduino, Zephyr, STM32CubeIDE, PlatformIO."""
