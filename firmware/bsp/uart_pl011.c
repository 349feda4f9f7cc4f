/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Arm's PL011 (Raspberry Pi Pico, Stellaris). Pins, reset and the peripheral's clock are board_open's business. */
#include "board.h"

#ifdef DQA_UART_PL011

enum { RX_EMPTY = 1 << 4, TX_FULL = 1 << 5 };
enum { WORDS_OF_8 = 3 << 5, FIFOS = 1 << 4 };
enum { UART_ENABLE = 1 << 0, TX_ENABLE = 1 << 8, RX_ENABLE = 1 << 9 };
enum { RX_INTERRUPT = 1 << 4, RX_IDLE_INTERRUPT = 1 << 6 };

#define DATA REGISTER(DQA_UART_BASE + 0x00)
#define FLAGS REGISTER(DQA_UART_BASE + 0x18)
#define BAUD_WHOLE REGISTER(DQA_UART_BASE + 0x24)
#define BAUD_FRACTION REGISTER(DQA_UART_BASE + 0x28)
#define LINE REGISTER(DQA_UART_BASE + 0x2C)
#define CONTROL REGISTER(DQA_UART_BASE + 0x30)
#define FIFO_LEVEL REGISTER(DQA_UART_BASE + 0x34)
#define INTERRUPT_ENABLE REGISTER(DQA_UART_BASE + 0x38)
#define INTERRUPT_CLEAR REGISTER(DQA_UART_BASE + 0x44)

void uart_open(uint32_t core_hz) {
  uint32_t divider = (4 * (core_hz / DQA_UART_CLOCK_DIVIDER) + DQA_UART_BAUD / 2) / DQA_UART_BAUD; /* in 1/64 */
  CONTROL = 0;
  BAUD_WHOLE = divider / 64;
  BAUD_FRACTION = divider % 64;
  LINE = WORDS_OF_8 | FIFOS; /* takes the divider over */
  FIFO_LEVEL = 0;
  INTERRUPT_ENABLE = RX_INTERRUPT | RX_IDLE_INTERRUPT; /* four bytes, or fewer and then none for a while */
  CONTROL = UART_ENABLE | TX_ENABLE | RX_ENABLE;
}

uint8_t uart_read(void) {
  for (;;) {
    INTERRUPT_CLEAR = RX_INTERRUPT | RX_IDLE_INTERRUPT;
    forget_interrupt(DQA_UART_IRQ);
    if (!(FLAGS & RX_EMPTY))
      return (uint8_t)DATA;
    wait_for_interrupt(DQA_UART_IRQ);
  }
}

bool uart_write(const uint8_t *bytes, size_t size) {
  for (size_t i = 0; i < size; i++) {
    for (uint32_t patience = UART_PATIENCE; FLAGS & TX_FULL;) {
      if (--patience == 0)
        return false;
    }
    DATA = bytes[i];
  }
  return true;
}

#endif
