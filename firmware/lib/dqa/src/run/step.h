/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: one operator goes on. */
#ifndef DQA_STEP_H
#define DQA_STEP_H

#include "flow.h"

/* How an operator or a phase stands; of several things the worst counts. */
enum dqa_progress {
  DQA_COMPLETE, /* all rows are written */
  DQA_WAITING,  /* for rows of an input */
  DQA_FULL,     /* for room in a ring */
  DQA_BROKEN    /* its state is impossible: buffers overlap */
};

/* Lets an operator of the phase go on as far as its inputs and the room of its output allow. Adds to *rows those it
 * wrote or took. */
enum dqa_progress dqa_step(const struct dqa_run *run, uint32_t number, uint32_t *rows);

#endif
