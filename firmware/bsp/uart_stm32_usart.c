/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* USARTs of STMicroelectronics: the first generation (STM32F1, F2, F4), the second (F7, H7, L4, U5: ISR, RDR, TDR), and
 * the LPUART, which is as the second but for its divider. Pins and the peripheral's clock are board_open's business. */
#include "board.h"

#if defined(DQA_UART_STM32_USART) || defined(DQA_UART_STM32_USART_V2) || defined(DQA_UART_STM32_LPUART)

enum { OVERRUN = 1 << 3, RX_NOT_EMPTY = 1 << 5, TX_EMPTY = 1 << 7 };
enum { RX_ENABLE = 1 << 2, TX_ENABLE = 1 << 3, RX_INTERRUPT_ENABLE = 1 << 5 };

#ifdef DQA_UART_STM32_USART
enum { UART_ENABLE = 1 << 13, ARRIVED = RX_NOT_EMPTY | OVERRUN, STEPS = 1 };
#define STATUS REGISTER(DQA_UART_BASE + 0x00)
#define RX_DATA REGISTER(DQA_UART_BASE + 0x04)
#define TX_DATA RX_DATA
#define BAUD_RATE REGISTER(DQA_UART_BASE + 0x08)
#define CONTROL_1 REGISTER(DQA_UART_BASE + 0x0C)
#define FORGET_OVERRUN() ((void)0) /* reading the data after the status does it */
#else
#ifdef DQA_UART_STM32_LPUART
enum { STEPS = 256 }; /* of the divider in a clock */
#else
enum { STEPS = 1 };
#endif
enum { UART_ENABLE = 1 << 0, ARRIVED = RX_NOT_EMPTY };
#define CONTROL_1 REGISTER(DQA_UART_BASE + 0x00)
#define BAUD_RATE REGISTER(DQA_UART_BASE + 0x0C)
#define STATUS REGISTER(DQA_UART_BASE + 0x1C)
#define CLEAR REGISTER(DQA_UART_BASE + 0x20)
#define RX_DATA REGISTER(DQA_UART_BASE + 0x24)
#define TX_DATA REGISTER(DQA_UART_BASE + 0x28)
#define FORGET_OVERRUN() (CLEAR = OVERRUN)
#endif

void uart_open(uint32_t core_hz) {
  uint32_t bus_hz = core_hz / DQA_UART_CLOCK_DIVIDER;
  uint32_t whole = bus_hz / DQA_UART_BAUD, rest = bus_hz % DQA_UART_BAUD;
  CONTROL_1 = 0; /* the divider takes a value only while the UART is off */
  BAUD_RATE = whole * STEPS + (rest * STEPS + DQA_UART_BAUD / 2) / DQA_UART_BAUD;
  CONTROL_1 = TX_ENABLE | RX_ENABLE | RX_INTERRUPT_ENABLE | UART_ENABLE;
}

uint8_t uart_read(void) {
  for (;;) {
    forget_interrupt(DQA_UART_IRQ);
    FORGET_OVERRUN(); /* the lost byte shows as a bad checksum */
    if (STATUS & ARRIVED)
      return (uint8_t)RX_DATA;
    wait_for_interrupt(DQA_UART_IRQ);
  }
}

bool uart_write(const uint8_t *bytes, size_t size) {
  for (size_t i = 0; i < size; i++) {
    for (uint32_t patience = UART_PATIENCE; !(STATUS & TX_EMPTY);) {
      if (--patience == 0)
        return false;
    }
    TX_DATA = bytes[i];
  }
  return true;
}

#endif
