/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: one run of a program, and how far its operators are.
 *
 * Operators of one phase run together, phases one after the other. */
#ifndef DQA_FLOW_H
#define DQA_FLOW_H

#include "../operators/scratch.h"

struct dqa_run {
  struct dqa_memory memory;
  uint32_t pushed_rows;      /* rows pushed so far, this one too */
  uint32_t first_op, end_op; /* operators of the phase */
};

/* The edge that an operator writes. */
uint32_t dqa_op_output(const dqa_model *model, uint32_t number);

bool dqa_finished(const struct dqa_run *run, uint32_t number);

/* Rows of an edge that have been written or pushed, for an operator that reads it. */
uint32_t dqa_rows_available(const struct dqa_run *run, uint32_t reader, uint32_t edge, uint32_t height);

/* The first row of an edge of `height` rows that operator `first` of the phase or one behind it may still ask for; its
 * height if none does. */
uint32_t dqa_first_needed(const struct dqa_run *run, uint32_t first, uint32_t edge, uint32_t height);

/* Makes the phase that begins at an operator the run's. */
void dqa_find_phase(struct dqa_run *run, uint32_t first_op);

#endif
