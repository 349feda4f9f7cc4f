/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* nRF52: starts at its full 64 MHz; the crystal oscillator keeps the baud rate and the time figures exact. */
#include "board.h"

#ifdef DQA_SOC_NRF52

enum { PATIENCE = 1000000 };

#define START_CRYSTAL REGISTER(0x40000000)
#define CRYSTAL_STARTED REGISTER(0x40000100)
#define PORT_0_SET REGISTER(0x50000508)
#define PORT_0_DIRECTION_SET REGISTER(0x50000518)

uint32_t board_open(void) {
  CRYSTAL_STARTED = 0;
  START_CRYSTAL = 1;
  for (uint32_t patience = PATIENCE; !CRYSTAL_STARTED && --patience;) {
  }
  PORT_0_SET = 1u << DQA_UART_TX_PIN; /* the line idles high before the UARTE drives it */
  PORT_0_DIRECTION_SET = 1u << DQA_UART_TX_PIN;
  return DQA_CLOCK_HZ;
}

#endif
