/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Reads an input of `wake`, runs the update in flash, or the model in the firmware where there is none, and writes
 * which of them it was (a letter, U or F) and the first output. */
#include "update.h"

#include "wake.h"

#include <stdio.h>
#include <string.h>

/* The part of flash that updates are written to: the linker's, or a fixed place of the board's. */
#ifndef UPDATE_SLOT
#define UPDATE_SLOT ((const uint8_t *)0x00200000)
#endif
#ifndef UPDATE_ROOM
#define UPDATE_ROOM 0x100000u
#endif

int main(void) {
  static uint8_t data[WAKE_INPUT_SIZE];
  dqa_model update;
  const dqa_model *model = &update;
  if (fread(data, 1, sizeof data, stdin) != sizeof data) {
    return 1;
  }
  if (update_load(&update, UPDATE_SLOT, UPDATE_ROOM) != DQA_OK) {
    model = &wake_instance;
    if (wake_load() != DQA_OK) {
      return 2;
    }
  }
  memcpy(dqa_input(model, wake_arena, 0), data, sizeof data);
  if (dqa_run(model, wake_arena, WAKE_ARENA_SIZE, NULL, NULL, NULL) != DQA_OK) {
    return 3;
  }
  putchar(model == &update ? 'U' : 'F');
  return fwrite(dqa_output(model, wake_arena, 0), 1, WAKE_OUTPUT_SIZE, stdout) == WAKE_OUTPUT_SIZE ? 0 : 4;
}
