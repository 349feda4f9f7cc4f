/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* UARTE of the nRF52 and nRF53: DMA, one byte at a time for receiving (the receiver's FIFO holds what comes meanwhile).
 */
#include "board.h"

#ifdef DQA_UART_NRF_UARTE

#include "uart_nrf.h"

enum { ENABLED = 8, RX_END_INTERRUPT = 1 << 4 };

#define STOP_TX REGISTER(DQA_UART_BASE + 0x00C)
#define RX_END REGISTER(DQA_UART_BASE + 0x110)
#define TX_END REGISTER(DQA_UART_BASE + 0x120)
#define ERROR_SOURCE REGISTER(DQA_UART_BASE + 0x480)
#define RX_POINTER REGISTER(DQA_UART_BASE + 0x534)
#define RX_MAX REGISTER(DQA_UART_BASE + 0x538)
#define TX_POINTER REGISTER(DQA_UART_BASE + 0x544)
#define TX_MAX REGISTER(DQA_UART_BASE + 0x548)

static volatile uint8_t received;

/* RX_END is cleared last: while it is set no byte comes between here and START_RX that nobody would fetch. */
static void receive(void) {
  RX_POINTER = (uint32_t)(uintptr_t)&received;
  RX_MAX = 1;
  RX_END = 0;
  START_RX = 1;
}

void uart_open(uint32_t core_hz) {
  (void)core_hz;
  nrf_open_uart(ENABLED, RX_END_INTERRUPT);
  receive();
}

uint8_t uart_read(void) {
  for (;;) {
    forget_interrupt(DQA_UART_IRQ);
    if (RX_END)
      break;
    wait_for_interrupt(DQA_UART_IRQ);
  }
  ERROR_SOURCE = ERROR_SOURCE; /* write to clear: a lost byte shows as a bad checksum */
  uint8_t byte = received;
  receive();
  return byte;
}

bool uart_write(const uint8_t *bytes, size_t size) {
  TX_END = 0;
  TX_POINTER = (uint32_t)(uintptr_t)bytes;
  TX_MAX = (uint32_t)size;
  BARRIER();
  START_TX = 1;
  for (uint32_t patience = UART_PATIENCE; !TX_END;) {
    if (--patience == 0)
      return false;
  }
  STOP_TX = 1;
  return true;
}

#endif
