/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: whether what a caller gave can be used. */
#include "arguments.h"

bool dqa_is_loaded(const dqa_model *model) {
  return !dqa_is_misplaced(model, sizeof model->bytes) && model->mark == DQA_MODEL_MARK && model->bytes != NULL &&
         model->layout <= DQA_LAYOUT_CONTINUOUS;
}

bool dqa_arena_is_usable(const dqa_model *model, const void *arena) {
  return dqa_is_loaded(model) && dqa_arena_fits(model, arena, model->arena_size);
}
