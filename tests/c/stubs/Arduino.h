/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* A stand-in for an Arduino core, as far as the sketch of an export needs it: one loop, printed to the host's output.
 */
#ifndef ARDUINO_H
#define ARDUINO_H

#include <stdio.h>

struct HostSerial {
  void begin(unsigned long) {}
  void println(const char *text) { puts(text); }
};

static HostSerial Serial;

static inline void delay(unsigned long) {}

void setup();
void loop();

#ifdef STAND_IN_MAIN
int main() {
  setup();
  loop();
  return 0;
}
#endif

#endif
