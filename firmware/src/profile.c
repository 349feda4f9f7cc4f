/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
#include "profile.h"

#ifdef DQA_PROFILE

#include <string.h>

#include "../lib/dqa/src/run/profile.h"
#include "board.h"
#include "dqa.h"

static profile_record records[DQA_PROFILE];
static uint64_t since;    /* when the operator's time began to count */
static uint64_t overhead; /* ticks that an interval with nothing in it takes */

void profile_reset(void) { memset(records, 0, sizeof records); }

const profile_record *profile_of(uint32_t op) { return &records[op]; }

static void stop(uint32_t op) {
  uint64_t passed = counter_elapsed() - since;
  records[op].ticks += passed > overhead ? passed - overhead : 0;
}

static void start(void) { since = counter_elapsed(); }

void dqa_profile_enter(uint32_t op) {
  if (overhead == 0) {
    start();
    overhead = counter_elapsed() - since;
  }
  (void)op;
  start();
}

void dqa_profile_leave(uint32_t op) { stop(op); }

void dqa_profile_row(uint32_t op, const int8_t *values, uint32_t count) {
  stop(op);
  records[op].crc = dqa_crc32(records[op].crc, values, count);
  records[op].rows++;
  start();
}

#endif
