/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: what a profiler sees of a run. Compiled with DQA_PROFILE the caller defines these; else there is nothing
 * of them in the code. */
#ifndef DQA_PROFILE_H
#define DQA_PROFILE_H

#include <stdint.h>

#ifdef DQA_PROFILE

#ifdef __cplusplus
extern "C" {
#endif

/* An operator begins to go on, and stops. */
void dqa_profile_enter(uint32_t op);
void dqa_profile_leave(uint32_t op);
/* In between: it made its next output row, which is not stored yet. */
void dqa_profile_row(uint32_t op, const int8_t *values, uint32_t count);

#ifdef __cplusplus
}
#endif

#else

static inline void dqa_profile_enter(uint32_t op) { (void)op; }
static inline void dqa_profile_leave(uint32_t op) { (void)op; }
static inline void dqa_profile_row(uint32_t op, const int8_t *values, uint32_t count) {
  (void)op;
  (void)values;
  (void)count;
}

#endif
#endif
