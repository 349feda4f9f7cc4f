/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: what of a program is looked at before it is trusted. */
#ifndef DQA_BOUNDS_H
#define DQA_BOUNDS_H

#include "format.h"

/* Whether count elements of `size` >= 1 bytes lie in the program at a multiple of 4 behind the header. */
bool dqa_in_program(const dqa_model *model, uint32_t offset, uint32_t count, uint32_t size);

bool dqa_all_zero(const uint8_t *bytes, uint32_t count);

#endif
