/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* What a board gives the firmware. The numbers come from boards/<board>.json as -D flags:
 * DQA_BOARD, DQA_CLOCK_HZ, DQA_UART_* and DQA_COUNTER_*; one driver of each kind is compiled in by its name. */
#ifndef BOARD_H
#define BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where a test gives the drivers registers of its own it defines both. */
#ifndef REGISTER
#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define BARRIER() __asm volatile("dsb\nisb" ::: "memory")
#endif

/* Whether the bits of mask become value within a while; a board whose clock does not come up must still speak. */
static inline bool comes(volatile uint32_t *reg, uint32_t mask, uint32_t value) {
  for (uint32_t patience = 1000000; patience; patience--) {
    if ((*reg & mask) == value)
      return true;
  }
  return false;
}

/* Sets up clocks and pins; returns the core clock in Hz that came of it. Every wait ends. */
uint32_t board_open(void);

/* Opens the port at DQA_UART_BAUD, 8N1, no flow control. core_hz: what board_open returned. */
void uart_open(uint32_t core_hz);
/* Waits, asleep, for a byte. */
uint8_t uart_read(void);
/* Sends bytes, which must lie in RAM (DMA reads them on some boards); false if the port does not take them. */
bool uart_write(const uint8_t *bytes, size_t size);
/* How often uart_write looks whether the port takes a byte. */
enum { UART_PATIENCE = 10000000 };

/* How a counter counts: DQA_COUNTER_KIND of the board. */
enum { COUNTER_FPGAIO = 1, COUNTER_SYSTICK = 2 };
/* The ticks between start and stop at counter_hz(core_hz). No interrupt but the counter's own runs in between. */
void counter_start(void);
uint64_t counter_stop(void);
/* Those since start, while it counts on. */
uint64_t counter_elapsed(void);
uint32_t counter_hz(uint32_t core_hz);

/* Sleeps until the interrupt is pending; call it with interrupts masked, and look at the device before and after. */
void wait_for_interrupt(unsigned irq);
/* Makes an earlier interrupt of the device forgotten. */
void forget_interrupt(unsigned irq);

/* Bytes of the stack. */
uint32_t stack_size(void);
/* The depth of calls: paint, call, and look how many bytes below the caller's own frame were used, 64 at least. If the
 * lowest word of the stack was, depth reports an overflow and does not return. */
void stack_paint(void);
uint32_t stack_depth(void);
/* Bytes of .data, .bss and the arena. */
uint32_t static_ram(void);

/* Called by start-up. */
int main(void);
/* Called on any fault, with a fresh stack and never twice; does not return. overflow: of the stack, and detail its
 * bytes; else detail is the Configurable Fault Status Register. */
__attribute__((noreturn)) void on_fault(bool overflow, uint32_t detail);

#ifdef __cplusplus
}
#endif
#endif
