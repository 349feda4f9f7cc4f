/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* The host's profiler: how long each operator took, and the values of all rows it made. One run at a time. */
#define _POSIX_C_SOURCE 199309L

#include <stdint.h>
#include <string.h>
#include <time.h>

#include "run/profile.h"

static int8_t *const *sinks; /* for each operator, where its next row goes */
static uint64_t *times;      /* nanoseconds of each */
static uint32_t *rows_made;
static uint64_t since;

void dqa_profile_open(int8_t *const *values, uint64_t *nanoseconds, uint32_t *rows);

void dqa_profile_open(int8_t *const *values, uint64_t *nanoseconds, uint32_t *rows) {
  sinks = values;
  times = nanoseconds;
  rows_made = rows;
}

static uint64_t now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

void dqa_profile_enter(uint32_t op) {
  (void)op;
  since = now();
}

void dqa_profile_leave(uint32_t op) { times[op] += now() - since; }

void dqa_profile_row(uint32_t op, const int8_t *values, uint32_t count) {
  times[op] += now() - since;
  memcpy(sinks[op] + (uint64_t)rows_made[op] * count, values, count);
  rows_made[op]++;
  since = now();
}
