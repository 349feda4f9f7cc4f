/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* CMSDK APB UART of Arm's MPS boards. */
#include "board.h"

#ifdef DQA_UART_CMSDK

enum { TX_FULL = 1 << 0, RX_FULL = 1 << 1, RX_OVERRUN = 1 << 3 };
enum { TX_ENABLE = 1 << 0, RX_ENABLE = 1 << 1, RX_INTERRUPT_ENABLE = 1 << 3 };
enum { RX_INTERRUPT = 1 << 1 };

#define DATA REGISTER(DQA_UART_BASE + 0x00)
#define STATE REGISTER(DQA_UART_BASE + 0x04)
#define CTRL REGISTER(DQA_UART_BASE + 0x08)
#define INTERRUPT_CLEAR REGISTER(DQA_UART_BASE + 0x0C)
#define BAUD_DIVIDER REGISTER(DQA_UART_BASE + 0x10)

void uart_open(uint32_t core_hz) {
  BAUD_DIVIDER = core_hz / DQA_UART_BAUD;
  CTRL = TX_ENABLE | RX_ENABLE | RX_INTERRUPT_ENABLE;
}

uint8_t uart_read(void) {
  for (;;) {
    INTERRUPT_CLEAR = RX_INTERRUPT;
    forget_interrupt(DQA_UART_IRQ);
    if (STATE & RX_FULL)
      break;
    wait_for_interrupt(DQA_UART_IRQ);
  }
  uint8_t byte = (uint8_t)DATA;
  STATE = RX_OVERRUN; /* a lost byte shows as a bad checksum */
  return byte;
}

bool uart_write(const uint8_t *bytes, size_t size) {
  for (size_t i = 0; i < size; i++) {
    for (uint32_t patience = UART_PATIENCE; STATE & TX_FULL;) {
      if (--patience == 0)
        return false;
    }
    DATA = bytes[i];
  }
  return true;
}

#endif
