/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Profiling firmware, compiled with DQA_PROFILE, the number of the program's operators: what each of them did in the
 * last run. */
#ifndef PROFILE_H
#define PROFILE_H

#include <stdint.h>

#ifdef DQA_PROFILE

/* ticks: of the board's counter, while it ran. rows: that it made; crc: CRC-32 of their values, before they are stored.
 */
typedef struct {
  uint64_t ticks;
  uint32_t rows;
  uint32_t crc;
} profile_record;

void profile_reset(void);
const profile_record *profile_of(uint32_t op);

#else

static inline void profile_reset(void) {}

#endif
#endif
