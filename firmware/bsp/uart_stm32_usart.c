/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* USART of the first generation (STM32F1, F2, F4). Pins and the peripheral's clock are board_open's business. */
#include "board.h"

#ifdef DQA_UART_STM32_USART

enum { OVERRUN = 1 << 3, RX_NOT_EMPTY = 1 << 5, TX_EMPTY = 1 << 7 };
enum { RX_ENABLE = 1 << 2, TX_ENABLE = 1 << 3, RX_INTERRUPT_ENABLE = 1 << 5, UART_ENABLE = 1 << 13 };
enum { PATIENCE = 10000000 };

#define STATUS REGISTER(DQA_UART_BASE + 0x00)
#define DATA REGISTER(DQA_UART_BASE + 0x04)
#define BAUD_RATE REGISTER(DQA_UART_BASE + 0x08)
#define CONTROL_1 REGISTER(DQA_UART_BASE + 0x0C)

void uart_open(uint32_t core_hz) {
  uint32_t bus_hz = core_hz / DQA_UART_CLOCK_DIVIDER;
  BAUD_RATE = (bus_hz + DQA_UART_BAUD / 2) / DQA_UART_BAUD;
  CONTROL_1 = UART_ENABLE | TX_ENABLE | RX_ENABLE | RX_INTERRUPT_ENABLE;
}

uint8_t uart_read(void) {
  for (;;) {
    forget_interrupt(DQA_UART_IRQ);
    /* reading DATA after STATUS also clears an overrun: the lost byte shows as a bad checksum */
    if (STATUS & (RX_NOT_EMPTY | OVERRUN))
      return (uint8_t)DATA;
    wait_for_interrupt(DQA_UART_IRQ);
  }
}

bool uart_write(const uint8_t *bytes, size_t size) {
  for (size_t i = 0; i < size; i++) {
    for (uint32_t patience = PATIENCE; !(STATUS & TX_EMPTY);) {
      if (--patience == 0)
        return false;
    }
    DATA = bytes[i];
  }
  return true;
}

#endif
