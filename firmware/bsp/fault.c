/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Any fault of any Cortex-M: finds out what it was and tells the firmware. */
#include "board.h"
#include "stack.h"

#define FAULT_STATUS REGISTER(0xE000ED28)
#define FLOAT_CONTEXT REGISTER(0xE000EF34)

void fault_handler(void);

/* pointer: the stack's when the fault came. */
__attribute__((used, noreturn)) static void report_fault(uint32_t pointer) {
#ifdef __ARM_FP
  FLOAT_CONTEXT &= ~1u; /* registers still to be saved would go to where the stack was */
#endif
  const uint32_t status = FAULT_STATUS;
  const bool overflow = stack_overflowed(pointer, status);
  on_fault(overflow, overflow ? stack_size() : status);
}

/* The stack may be what failed: from here on a fresh one. */
__attribute__((naked)) void fault_handler(void) {
  __asm volatile("cpsid i\n"
                 "mrs r0, msp\n"
                 "ldr r1, =link_stack_top\n"
                 "mov sp, r1\n"
                 "bl report_fault\n");
}
