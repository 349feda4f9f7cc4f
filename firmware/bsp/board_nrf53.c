/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* nRF5340, its application core, all of it secure as after reset: 128 MHz, crystal oscillator, cache. */
#include "board.h"

#ifdef DQA_SOC_NRF53

enum { TRIMS = 32, FULL_CLOCK = 0 };

#define CACHE_ENABLE REGISTER(0x50001500)
#define START_CRYSTAL REGISTER(0x50005000)
#define CRYSTAL_STARTED REGISTER(0x50005100)
#define CRYSTAL_SOURCE REGISTER(0x50005514)
#define CLOCK_DIVIDER REGISTER(0x50005558)
#define PROTECTION_DISABLE REGISTER(0x50006544)
#define SECURE_PROTECTION_DISABLE REGISTER(0x5000654C)
#define PROTECTION_WANTED REGISTER(0x00FF8000)
#define SECURE_PROTECTION_WANTED REGISTER(0x00FF801C)
#define TRIM_ADDRESS(i) REGISTER(0x00FF0300 + 8u * (i))
#define TRIM_VALUE(i) REGISTER(0x00FF0304 + 8u * (i))
#define PORT_SET(pin) REGISTER(0x50842508 + (pin) / 32u * 0x300u)
#define PORT_DIRECTION_SET(pin) REGISTER(0x50842518 + (pin) / 32u * 0x300u)

/* What Nordic's start-up code does first: the factory's trimming, and the debug port as UICR says (a reset locks it).
 */
static void open_chip(void) {
  for (uint32_t i = 0; i < TRIMS && TRIM_ADDRESS(i) != 0 && TRIM_ADDRESS(i) != 0xFFFFFFFF; i++)
    REGISTER(TRIM_ADDRESS(i)) = TRIM_VALUE(i);
  PROTECTION_DISABLE = PROTECTION_WANTED;
  SECURE_PROTECTION_DISABLE = SECURE_PROTECTION_WANTED;
}

uint32_t board_open(void) {
  open_chip();
  CLOCK_DIVIDER = FULL_CLOCK; /* half of it after reset */
  CACHE_ENABLE = 1;
  CRYSTAL_SOURCE = 1;
  CRYSTAL_STARTED = 0;
  START_CRYSTAL = 1;
  (void)comes(&CRYSTAL_STARTED, 1, 1);                    /* without it the clock is as fast, but less exact */
  PORT_SET(DQA_UART_TX_PIN) = 1u << DQA_UART_TX_PIN % 32; /* the line idles high before the UARTE drives it */
  PORT_DIRECTION_SET(DQA_UART_TX_PIN) = 1u << DQA_UART_TX_PIN % 32;
  return comes(&CLOCK_DIVIDER, 3, FULL_CLOCK) ? DQA_CLOCK_HZ : DQA_CLOCK_HZ / 2;
}

#endif
