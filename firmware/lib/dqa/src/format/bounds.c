/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: what of a program is looked at before it is trusted. */
#include "bounds.h"

bool dqa_in_program(const dqa_model *model, uint32_t offset, uint32_t count, uint32_t size) {
  return (offset & 3u) == 0 && offset >= DQA_HEADER_BYTES && offset <= model->size &&
         count <= (model->size - offset) / size;
}

bool dqa_all_zero(const uint8_t *bytes, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    if (bytes[i] != 0) {
      return false;
    }
  }
  return true;
}
