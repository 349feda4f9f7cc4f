/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* The stack: the guard below it, how deep calls go, and whether it overflowed. */
#include "stack.h"

#include "board.h"

/* From link.ld. */
extern uint32_t link_stack_low[], link_stack_top[];

enum { PAINT = 0xA5C3E187u, OWN_FRAME = 16 /* words */ };

/* Nothing may be accessed in these bytes below the stack, which lies lowest in its memory: a power of 2. */
enum { GUARD = 4096 };

#define MPU_TYPE REGISTER(0xE000ED90)
#define MPU_CONTROL REGISTER(0xE000ED94)
#define MPU_NUMBER REGISTER(0xE000ED98)
#define MPU_BASE REGISTER(0xE000ED9C)
#define MPU_SIZE REGISTER(0xE000EDA0)
#define MPU_REGIONS(type) ((type) >> 8 & 0xFFu)
enum { MPU_ENABLE = 1 << 0, MPU_BACKGROUND = 1 << 2 /* all else stays as it is without the unit */ };
enum { REGION_ENABLE = 1 << 0, REGION_NO_CODE = 1 << 28 };
#define REGION_SIZE ((31u - (uint32_t)__builtin_clz(GUARD) - 1u) << 1) /* 2^(n + 1) bytes; access 0: none */

#define MEMORY_FAULT_ADDRESS REGISTER(0xE000ED34)
#define BUS_FAULT_ADDRESS REGISTER(0xE000ED38)
enum { MEMORY_ADDRESS_VALID = 1 << 7, BUS_ADDRESS_VALID = 1 << 15, STACK_LIMIT_PASSED = 1 << 20 };

static uint32_t address(const uint32_t *word) { return (uint32_t)(uintptr_t)word; }

void stack_guard(void) {
#if __ARM_ARCH >= 8 && __ARM_ARCH_ISA_THUMB == 2
  __asm volatile("msr msplim, %0" ::"r"(link_stack_low)); /* the core compares every new stack pointer */
#else
  if (MPU_REGIONS(MPU_TYPE) == 0 || address(link_stack_low) % GUARD != 0)
    return; /* stack_depth finds it, when the call comes back */
  MPU_NUMBER = 0;
  MPU_BASE = address(link_stack_low) - GUARD;
  MPU_SIZE = REGION_NO_CODE | REGION_SIZE | REGION_ENABLE;
  MPU_CONTROL = MPU_BACKGROUND | MPU_ENABLE;
  __asm volatile("dsb\nisb" ::: "memory");
#endif
}

static bool below_stack(uint32_t at) { return at < address(link_stack_low) && address(link_stack_low) - at <= GUARD; }

bool stack_overflowed(uint32_t pointer, uint32_t status) {
  return pointer < address(link_stack_low) || status & STACK_LIMIT_PASSED ||
         (status & MEMORY_ADDRESS_VALID && below_stack(MEMORY_FAULT_ADDRESS)) ||
         (status & BUS_ADDRESS_VALID && below_stack(BUS_FAULT_ADDRESS));
}

uint32_t stack_size(void) { return (uint32_t)(link_stack_top - link_stack_low) * 4; }

/* On entry the caller's, because nothing is needed before it is asked for. */
static inline uint32_t *stack_pointer(void) {
  uint32_t *here;
  __asm volatile("mov %0, sp" : "=r"(here));
  return here;
}

__attribute__((noinline)) void stack_paint(void) {
  const uint32_t *end = stack_pointer() - OWN_FRAME; /* spares the registers it may have saved */
  for (volatile uint32_t *word = link_stack_low; word < end; word++)
    *word = PAINT;
}

/* The lowest word belongs to nobody: what wrote there went further, or was about to. */
__attribute__((noinline)) uint32_t stack_depth(void) {
  const uint32_t *here = stack_pointer();
  const volatile uint32_t *word = link_stack_low;
  if (*word != PAINT)
    on_fault(true, stack_size());
  while (word < here && *word == PAINT)
    word++;
  return (uint32_t)(here - word) * 4;
}
