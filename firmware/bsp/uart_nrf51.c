/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* UART of the nRF51 (BBC micro:bit), byte by byte. */
#include "board.h"

#ifdef DQA_UART_NRF51

#include "uart_nrf.h"

enum { ENABLED = 4, RX_READY_INTERRUPT = 1 << 2 };

#define RX_READY REGISTER(DQA_UART_BASE + 0x108)
#define TX_READY REGISTER(DQA_UART_BASE + 0x11C)
#define RX_DATA REGISTER(DQA_UART_BASE + 0x518)
#define TX_DATA REGISTER(DQA_UART_BASE + 0x51C)

void uart_open(uint32_t core_hz) {
  (void)core_hz;
  nrf_open_uart(ENABLED, RX_READY_INTERRUPT);
  START_RX = 1;
  START_TX = 1;
}

uint8_t uart_read(void) {
  for (;;) {
    forget_interrupt(DQA_UART_IRQ);
    if (RX_READY)
      break;
    wait_for_interrupt(DQA_UART_IRQ);
  }
  RX_READY = 0; /* before the byte is taken: the next one in the FIFO sets it again */
  return (uint8_t)RX_DATA;
}

bool uart_write(const uint8_t *bytes, size_t size) {
  for (size_t i = 0; i < size; i++) {
    TX_READY = 0;
    TX_DATA = bytes[i];
    for (uint32_t patience = UART_PATIENCE; !TX_READY;) {
      if (--patience == 0)
        return false;
    }
  }
  return true;
}

#endif
