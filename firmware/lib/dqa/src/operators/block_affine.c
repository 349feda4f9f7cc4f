/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: what the blocks of an output row with affine codes share. */
#include "block_affine.h"

#ifdef DQA_BLOCKS

void dqa_affine_row(const struct dqa_op *op, uint32_t y, uint32_t word_bytes, dqa_write_block write, int8_t *out) {
  const uint32_t n = op->block, words = dqa_affine_groups(dqa_block_values(op)),
                 values = dqa_align(dqa_block_values(op));
  int32_t totals[DQA_MAX_BLOCK];
  struct dqa_block block;
  dqa_block_begin(op, words, DQA_AFFINE_UNROLLED, word_bytes, 2u * DQA_AFFINE_INPUTS * n * words, write, &block);
  block.least = dqa_affine_least(op);
  block.totals = totals;
  if (values % DQA_AFFINE_INPUTS != 0) {
    memset(dqa_room_of(op) + 2 * n * values, 0, 2 * n * 4);
  }
  dqa_block_row(op, y, &block, out);
}

#endif
