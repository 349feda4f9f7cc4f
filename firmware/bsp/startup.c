/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Start-up of any Cortex-M: vectors, FPU, .data and .bss; sleeping; no board knowledge. */
#include "board.h"
#include "stack.h"

/* From link.ld. */
extern uint32_t link_stack_top[];
extern uint32_t link_data_start[], link_data_end[], link_data_image[];
extern uint32_t link_bss_start[], link_bss_end[];
extern void (*link_init_start[])(void), (*link_init_end[])(void);

/* System control block. */
#define SCB_VTOR REGISTER(0xE000ED08)
#define SCB_CPACR REGISTER(0xE000ED88)
#define NVIC_ISER(n) REGISTER(0xE000E100 + 4 * (n))
#define NVIC_ICER(n) REGISTER(0xE000E180 + 4 * (n))
#define NVIC_ICPR(n) REGISTER(0xE000E280 + 4 * (n))

void reset_handler(void);
void fault_handler(void);
void systick_handler(void);

/* Only the core's own exceptions: the firmware never takes a device's interrupt, it only sleeps until one is pending.
 */
typedef void (*vector)(void);
__attribute__((section(".vectors"), used)) const vector vectors[16] = {
    (vector)(uintptr_t)link_stack_top,
    reset_handler,
    fault_handler,
    fault_handler,
    fault_handler,
    fault_handler,
    fault_handler,
    fault_handler,
    fault_handler,
    fault_handler,
    fault_handler,
    fault_handler,
    fault_handler,
    fault_handler,
    fault_handler,
    systick_handler,
};

__attribute__((weak)) void systick_handler(void) {}

__attribute__((noinline, noreturn)) static void start(void) {
  uint32_t *word;
  const uint32_t *image = link_data_image;
  for (word = link_data_start; word < link_data_end;)
    *word++ = *image++;
  for (word = link_bss_start; word < link_bss_end;)
    *word++ = 0;
  for (void (**init)(void) = link_init_start; init < link_init_end;)
    (*init++)();
  main();
  for (;;)
    __asm volatile("wfi");
}

/* The FPU (and MVE) must be on before any code the compiler may vectorize. */
__attribute__((noreturn)) void reset_handler(void) {
  __asm volatile("cpsid i" ::: "memory");
  SCB_VTOR = (uint32_t)(uintptr_t)vectors;
  SCB_CPACR |= 0xFu << 20;
  __asm volatile("dsb\nisb" ::: "memory");
  stack_guard();
  start();
}

static bool in_exception(void) {
  uint32_t number;
  __asm volatile("mrs %0, ipsr" : "=r"(number));
  return number != 0;
}

void wait_for_interrupt(unsigned irq) {
  if (in_exception()) /* after a fault no interrupt wakes the core: the caller polls */
    return;
  NVIC_ISER(irq / 32) = 1u << irq % 32;
  __asm volatile("dsb\nwfi" ::: "memory");
  NVIC_ICER(irq / 32) = 1u << irq % 32;
}

void forget_interrupt(unsigned irq) {
  NVIC_ICPR(irq / 32) = 1u << irq % 32;
  __asm volatile("dsb" ::: "memory");
}

uint32_t static_ram(void) {
  return (uint32_t)((uintptr_t)link_data_end - (uintptr_t)link_data_start + (uintptr_t)link_bss_end -
                    (uintptr_t)link_bss_start);
}
