/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
#include "update.h"

#include "wake.h"

#include <stdbool.h>
#include <string.h>

#ifdef UPDATE_SIGNED
#include "monocypher-ed25519.h" /* Monocypher, https://monocypher.org, with its optional Ed25519 */
#include "public_key.h"         /* dqa sign --header */

/* The signature lies behind the program, as in: cat model.dqa model.dqa.sig. Nothing of the program is looked at
 * before, but for its size. */
static bool is_signed(const uint8_t *slot, uint32_t size, size_t room) {
  return room - size >= 64 && crypto_ed25519_check(slot + size, dqa_public_key, slot, size) == 0;
}
#else
static bool is_signed(const uint8_t *slot, uint32_t size, size_t room) {
  (void)slot, (void)size, (void)room;
  return true;
}
#endif

/* Whether the application, which was written for `wake`, can feed it and read its answers. */
static bool takes_the_place_of_wake(const dqa_model *model) {
  bool same = model->arena_size <= WAKE_ARENA_SIZE && model->input_count == wake_instance.input_count &&
              model->output_count == wake_instance.output_count;
  for (unsigned i = 0; i < WAKE_INPUT_COUNT; ++i) {
    same = same && dqa_input_size(model, i) == dqa_input_size(&wake_instance, i);
  }
  for (unsigned i = 0; i < WAKE_OUTPUT_COUNT; ++i) {
    same = same && dqa_output_size(model, i) == dqa_output_size(&wake_instance, i);
  }
  return same;
}

dqa_status update_load(dqa_model *model, const uint8_t *slot, size_t room) {
  const uint32_t size = dqa_program_size(slot, room);
  memset(model, 0, sizeof *model);
  if (size == 0) {
    return DQA_ERROR_MAGIC;
  }
  if (!is_signed(slot, size, room)) {
    return DQA_ERROR_CHECKSUM;
  }
  dqa_status status = wake_load();
  status = status == DQA_OK ? dqa_load(model, slot, size, wake_operators, DQA_LAYOUT_INTERNAL) : status;
  if (status == DQA_OK && !takes_the_place_of_wake(model)) {
    memset(model, 0, sizeof *model);
    status = DQA_ERROR_ARGUMENT;
  }
  return status;
}
