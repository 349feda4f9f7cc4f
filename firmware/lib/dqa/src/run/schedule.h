/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: phases: their operators run as their data flows. */
#ifndef DQA_SCHEDULE_H
#define DQA_SCHEDULE_H

#include "step.h"

/* Makes the phase that begins at an operator the run's, and begins it. */
void dqa_start_phase(struct dqa_run *run, uint32_t first_op);

/* Runs the phase until it is complete or no operator can go on. */
enum dqa_progress dqa_run_phase(const struct dqa_run *run);

/* Runs the phases from an operator on; the first is under way. Adds the dropped rows. */
dqa_status dqa_run_to_end(struct dqa_run *run, uint32_t *dropped);

/* Whether a run came to its end, by the state of the last operator, and makes it that none did. */
bool dqa_has_ended(const struct dqa_run *run);
void dqa_forget_end(const struct dqa_run *run);

/* Where rows are endless: marks as an end that the last row completed an answer, or takes the mark away. */
void dqa_mark_answer(const struct dqa_run *run, bool answered);

#endif
