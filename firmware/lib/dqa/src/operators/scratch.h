/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: what an operator keeps through its phase: its state, rings of input rows, sums.
 *
 * The state lies at the beginning of the scratch, so that rows can be pushed from outside, call by call. The arena may
 * hold anything, because a layout may overlap buffers or a caller may forget dqa_begin: a state is used only if it is
 * possible. */
#ifndef DQA_SCRATCH_H
#define DQA_SCRATCH_H

#include "../storage/map.h"
#include "../storage/memory.h"
#include "view.h"

/* The first word of a state: its phase is under way; its phase is complete. Memory that holds anything is neither. */
#define DQA_STATE_BEGUN 0x44514173u
#define DQA_STATE_ENDED 0x44514165u

struct dqa_op_state {
  uint32_t mark;
  struct dqa_writer output; /* its row is the next the operator writes */
};
struct dqa_input_state {
  uint32_t offset; /* of row `taken` in a whole map */
  uint32_t taken;  /* rows copied, skipped or accumulated; read where they lie, the rows that are needed no more */
};

/* The arena, the first output and every place in them are aligned to 4 bytes. */
static inline struct dqa_op_state *dqa_state_of(const struct dqa_memory *memory, uint32_t number) {
  return (struct dqa_op_state *)(void *)dqa_scratch_at(memory, number);
}
static inline struct dqa_input_state *dqa_input_state_of(const struct dqa_memory *memory, uint32_t number,
                                                         uint32_t input) {
  return (struct dqa_input_state *)(void *)(dqa_state_of(memory, number) + 1) + input;
}

/* An input of an operator in a run. */
struct dqa_source {
  struct dqa_edge edge;
  struct dqa_view view;
  struct dqa_ring ring;
};
void dqa_find_source(const struct dqa_op *op, uint32_t input, struct dqa_source *source);

/* Nothing produced and nothing read; the padding of the operator's own rows are zero points. */
void dqa_start_op(const struct dqa_memory *memory, uint32_t number);

/* Scratch an operator keeps through its phase, and what it needs while it writes a row (docs/format.md, section 7): the
 * row itself before it is packed, then decoded weights. */
uint32_t dqa_scratch_bytes(const struct dqa_op *op);
uint32_t dqa_transient_bytes(const struct dqa_op *op);

#endif
