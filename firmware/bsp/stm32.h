/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* What the families of STM32 have in common: ports, 16 pins each, numbered one after the other (PG7 is 6 * 16 + 7). */
#ifndef STM32_H
#define STM32_H

#include "board.h"

#define STM32_PORT(pin) ((pin) / 16u)

/* Connects a pin to its alternate function, with a pull-up: an open line idles. Its port must have its clock. */
static inline void stm32_open_pin(uintptr_t ports, unsigned pin, unsigned alternate) {
  uintptr_t port = ports + 0x400u * STM32_PORT(pin);
  unsigned at = pin % 16;
  volatile uint32_t *mode = &REGISTER(port), *pull = &REGISTER(port + 0x0C);
  volatile uint32_t *function = &REGISTER(port + (at < 8 ? 0x20u : 0x24u));
  *function = (*function & ~(0xFu << 4 * (at % 8))) | (uint32_t)alternate << 4 * (at % 8);
  *pull = (*pull & ~(3u << 2 * at)) | 1u << 2 * at;
  *mode = (*mode & ~(3u << 2 * at)) | 2u << 2 * at;
}

/* Enables clocks; they run a few cycles after the write, which reading it back takes. */
static inline void stm32_enable(volatile uint32_t *reg, uint32_t bits) {
  *reg |= bits;
  (void)*reg;
}

/* Connects both pins of the UART; the bits of port_clocks are those of the ports. */
static inline void stm32_open_uart_pins(uintptr_t ports, volatile uint32_t *port_clocks) {
  stm32_enable(port_clocks, 1u << STM32_PORT(DQA_UART_TX_PIN) | 1u << STM32_PORT(DQA_UART_RX_PIN));
  stm32_open_pin(ports, DQA_UART_TX_PIN, DQA_UART_ALTERNATE);
  stm32_open_pin(ports, DQA_UART_RX_PIN, DQA_UART_ALTERNATE);
}

#endif
