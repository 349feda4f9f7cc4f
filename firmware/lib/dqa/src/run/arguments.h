/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: whether what a caller gave can be used. */
#ifndef DQA_ARGUMENTS_H
#define DQA_ARGUMENTS_H

#include "../format/layout.h"

/* Whether a pointer that a caller gave is null, or not aligned to some bytes, a power of 2. */
static inline bool dqa_is_misplaced(const void *pointer, size_t alignment) {
  return pointer == NULL || ((uintptr_t)pointer & (alignment - 1u)) != 0;
}

/* The same of counters of dropped rows, which may be null. */
static inline bool dqa_is_misplaced_counters(const uint32_t *dropped) {
  return dropped != NULL && dqa_is_misplaced(dropped, sizeof *dropped);
}

/* Whether a model was loaded, so that its program may be read. */
bool dqa_is_loaded(const dqa_model *model);

/* The same, and inputs or outputs lie in this arena. */
bool dqa_arena_is_usable(const dqa_model *model, const void *arena);

static inline bool dqa_arena_fits(const dqa_model *model, const void *arena, size_t size) {
  return !dqa_is_misplaced(arena, 4) && size >= model->arena_size;
}

#endif
