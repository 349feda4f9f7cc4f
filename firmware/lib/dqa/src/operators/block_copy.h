/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: what lies under the kernel at output pixels from x on, into the room of their block: the windows of 3, 4
 * or 5 pixels, the columns that 4 pixels share. For the parts that write rows with blocks of each. */
#ifndef DQA_BLOCK_COPY_H
#define DQA_BLOCK_COPY_H

#include "block_gather.h"

#ifdef DQA_BLOCKS

void dqa_gather_3(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, uint32_t *room);
void dqa_gather_4(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, uint32_t *room);
void dqa_gather_5(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, uint32_t *room);
void dqa_gather_shared(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, uint32_t *room);

#endif
#endif
