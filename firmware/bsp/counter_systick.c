/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* SysTick on the core's clock, extended by its interrupt: counts the same cycles as the DWT's CYCCNT, but on every
 * Cortex-M, on emulators, and without end. */
#include "board.h"

#ifdef DQA_COUNTER_SYSTICK

enum { ENABLE = 1 << 0, INTERRUPT = 1 << 1, CORE_CLOCK = 1 << 2, LAST = 0xFFFFFF };

#define CONTROL REGISTER(0xE000E010)
#define RELOAD REGISTER(0xE000E014)
#define VALUE REGISTER(0xE000E018)
#define INTERRUPT_STATE REGISTER(0xE000ED04)
#define SYSTICK_PENDING (1u << 26)
#define SYSTICK_FORGET (1u << 25)

void systick_handler(void);

static volatile uint32_t wraps;

void systick_handler(void) { wraps++; }

uint32_t counter_hz(uint32_t core_hz) { return core_hz; }

void counter_start(void) {
  wraps = 0;
  RELOAD = LAST;
  VALUE = 0;
  CONTROL = CORE_CLOCK | INTERRUPT | ENABLE;
  __asm volatile("cpsie i" ::: "memory");
}

uint64_t counter_elapsed(void) {
  uint32_t before, value;
  do { /* again if it wrapped meanwhile */
    before = wraps;
    value = VALUE;
  } while (before != wraps);
  return ((uint64_t)before << 24) + (LAST - value);
}

uint64_t counter_stop(void) {
  __asm volatile("cpsid i" ::: "memory");
  CONTROL = CORE_CLOCK;
  uint32_t value = VALUE;
  if (INTERRUPT_STATE & SYSTICK_PENDING) {
    wraps++;
    INTERRUPT_STATE = SYSTICK_FORGET;
  }
  return ((uint64_t)wraps << 24) + (LAST - value);
}

#endif
