/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* What start-up and the fault handler need of the stack. */
#ifndef STACK_H
#define STACK_H

#include <stdbool.h>
#include <stdint.h>

/* Makes an overflow fault, where the core has the means: a stack limit, or a memory protection unit. */
void stack_guard(void);

/* Whether a fault is an overflow. pointer: the stack's at the fault, what the core pushed included; status: the
 * Configurable Fault Status Register. */
bool stack_overflowed(uint32_t pointer, uint32_t status);

#endif
