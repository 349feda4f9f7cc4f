/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* The free-running 32-bit COUNTER of Arm's MPS boards; its 100 Hz companion counts the wraps. */
#include "board.h"

#ifdef DQA_COUNTER_FPGAIO

#define CLOCK_100_HZ REGISTER(DQA_COUNTER_BASE + 0x14)
#define COUNTER REGISTER(DQA_COUNTER_BASE + 0x18)
#define PRESCALE REGISTER(DQA_COUNTER_BASE + 0x1C)

static uint32_t fine_start, coarse_start;

uint32_t counter_hz(uint32_t core_hz) {
  (void)core_hz;
  return DQA_COUNTER_HZ;
}

void counter_start(void) {
  PRESCALE = 0;
  coarse_start = CLOCK_100_HZ;
  fine_start = COUNTER;
}

uint64_t counter_elapsed(void) {
  uint32_t fine = COUNTER - fine_start;
  uint64_t coarse = (uint64_t)(CLOCK_100_HZ - coarse_start) * (DQA_COUNTER_HZ / 100);
  /* the multiple of 2^32 that brings fine nearest to coarse */
  uint64_t wraps = coarse > fine ? (coarse - fine + (1u << 31)) >> 32 : 0;
  return (wraps << 32) + fine;
}

uint64_t counter_stop(void) { return counter_elapsed(); }

#endif
