/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: rows that never end (docs/format.md, section 6): counters that begin again before they overflow. */
#ifndef DQA_ENDLESS_H
#define DQA_ENDLESS_H

#include "flow.h"

/* Rows of the input after which all counters may be so much lower; 0: the program is not made for rows without end. */
static inline uint32_t dqa_period(const dqa_model *model) { return dqa_u32(model->bytes + DQA_HEADER_PERIOD); }

/* What programs with a period need: of the entry dqa_part_endless of their operator table. */
struct dqa_endless {
  /* Whether a checked program may run without end: loaded as one whose rows end. */
  bool (*valid)(const dqa_model *model);
  /* Takes a period of rows from all counters; false if one has not come so far. Slots of rings stay what they are. */
  bool (*turn_back)(const struct dqa_run *run);
};

/* NULL if the table of operators has no such entry. */
static inline const struct dqa_endless *dqa_endless_of(const dqa_model *model) {
  const struct dqa_operator *const entry = model->operators[DQA_PART_ENDLESS];
  return entry == NULL ? NULL : entry->brings.endless;
}

#endif
