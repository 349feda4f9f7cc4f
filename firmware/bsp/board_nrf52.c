/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* nRF52840: starts at its full 64 MHz; the crystal oscillator keeps the baud rate and the time figures exact. */
#include "board.h"

#ifdef DQA_SOC_NRF52

#define START_CRYSTAL REGISTER(0x40000000)
#define CRYSTAL_STARTED REGISTER(0x40000100)
#define PART REGISTER(0x10000130)     /* as Nordic's start-up code finds out */
#define REVISION REGISTER(0x10000134) /* which silicon it runs on */
#define PROTECTION_WANTED REGISTER(0x10001208)
#define PROTECTION_DISABLE REGISTER(0x40000558)
#define CODE_CACHE REGISTER(0x4001E540)
#define PORT_SET(pin) REGISTER(0x50000508 + (pin) / 32u * 0x300u)
#define PORT_DIRECTION_SET(pin) REGISTER(0x50000518 + (pin) / 32u * 0x300u)

/* Newer silicon locks its debug port at every reset until the firmware says what UICR says: without this a second
 * flashing would have to erase the chip (recover). Older silicon has no such register. */
static void keep_debug_port_as_configured(void) {
  if (PART == 8 && REVISION >= 3)
    PROTECTION_DISABLE = PROTECTION_WANTED;
}

uint32_t board_open(void) {
  keep_debug_port_as_configured();
  CODE_CACHE = 1;
  CRYSTAL_STARTED = 0;
  START_CRYSTAL = 1;
  (void)comes(&CRYSTAL_STARTED, 1, 1);                    /* without it the clock is as fast, but less exact */
  PORT_SET(DQA_UART_TX_PIN) = 1u << DQA_UART_TX_PIN % 32; /* the line idles high before the UARTE drives it */
  PORT_DIRECTION_SET(DQA_UART_TX_PIN) = 1u << DQA_UART_TX_PIN % 32;
  return DQA_CLOCK_HZ;
}

#endif
