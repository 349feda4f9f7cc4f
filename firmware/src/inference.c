/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
#include "inference.h"

#include <string.h>

#include "board.h"
#include "runtime.h"

static uint32_t input_size, output_size;
static uint32_t written;
static bool done;
static uint64_t ticks;
static uint32_t most_stack;

/* Calls the runtime; its time and the depth of its stack count. */
static int measured(int (*call)(void)) {
  stack_paint();
  counter_start();
  int status = call();
  ticks += counter_stop();
  uint32_t depth = stack_depth();
  most_stack = depth > most_stack ? depth : most_stack;
  return status;
}

int inference_load(void) {
  int status = measured(runtime_load);
  if (status != DQA_OK)
    return status;
  uint32_t size;
  for (unsigned i = 0; i < runtime_inputs(); i++) {
    runtime_input(i, &size);
    input_size += size;
  }
  for (unsigned i = 0; i < runtime_outputs(); i++) {
    runtime_output(i, &size);
    output_size += size;
  }
  return status;
}

uint32_t inference_input_size(void) { return input_size; }

uint32_t inference_output_size(void) { return output_size; }

uint32_t inference_written(void) { return written; }

uint64_t inference_ticks(void) { return ticks; }

bool inference_done(void) { return done; }

uint32_t inference_stack(void) { return most_stack; }

/* Copies the bytes of the inputs that begin at offset. */
static void copy_in(uint32_t offset, const uint8_t *bytes, uint32_t count) {
  for (unsigned i = 0; count; i++) {
    uint32_t size;
    uint8_t *input = runtime_input(i, &size);
    if (offset < size) {
      uint32_t part = count < size - offset ? count : size - offset;
      memcpy(input + offset, bytes, part);
      bytes += part;
      count -= part;
      offset = 0;
    } else {
      offset -= size;
    }
  }
}

/* Collects rows from the bytes that begin at offset and pushes those that are complete. */
static int push_rows(uint32_t offset, const uint8_t *bytes, uint32_t count) {
  uint32_t row_size = runtime_row_size();
  int status = offset ? DQA_OK : measured(runtime_begin);
  while (count && status == DQA_OK) {
    uint32_t at = offset % row_size;
    uint32_t part = count < row_size - at ? count : row_size - at;
    memcpy(runtime_row() + at, bytes, part);
    bytes += part;
    count -= part;
    offset += part;
    if (at + part == row_size)
      status = measured(runtime_push);
  }
  return status;
}

int inference_write(uint32_t offset, const uint8_t *bytes, uint32_t count) {
  bool pushed = runtime_row_size() > 0;
  done = false;
  if (offset == 0)
    ticks = 0;
  int status = DQA_OK;
  if (pushed)
    status = push_rows(offset, bytes, count);
  else
    copy_in(offset, bytes, count);
  if (status != DQA_OK)
    written = 0;
  else if (offset + count > written || (pushed && offset == 0))
    written = offset + count;
  return status;
}

int inference_run(void) {
  written = 0;
  int status = measured(runtime_run);
  done = status == DQA_OK;
  return status;
}

void inference_read(uint32_t offset, uint8_t *bytes, uint32_t count) {
  for (unsigned i = 0; count; i++) {
    uint32_t size;
    const uint8_t *output = runtime_output(i, &size);
    if (offset < size) {
      uint32_t part = count < size - offset ? count : size - offset;
      memcpy(bytes, output + offset, part);
      bytes += part;
      count -= part;
      offset = 0;
    } else {
      offset -= size;
    }
  }
}
