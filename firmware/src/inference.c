/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
#include "inference.h"

#include <string.h>

#include "board.h"
#include "profile.h"
#include "runtime.h"

static uint32_t input_size, output_size;
static bool begun, done;
static uint32_t number; /* of the run that began last */
static uint32_t written;
static uint32_t input_crc, output_crc;
static uint32_t dropped_before, dropped;
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

void inference_begin(uint32_t run) {
  number = run;
  begun = true;
  done = false;
  written = 0;
}

bool inference_is(uint32_t run) { return begun && number == run; }

uint32_t inference_written(void) { return written; }

bool inference_done(void) { return done; }

uint32_t inference_input_crc(void) { return input_crc; }

uint32_t inference_output_crc(void) { return output_crc; }

uint64_t inference_ticks(void) { return ticks; }

uint32_t inference_dropped_rows(void) { return dropped; }

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

int inference_write(const uint8_t *bytes, uint32_t count) {
  if (written == 0) {
    ticks = 0;
    profile_reset();
    input_crc = runtime_crc();
    dropped_before = runtime_dropped_rows();
  }
  input_crc = dqa_crc32(input_crc, bytes, count);
  int status = DQA_OK;
  if (runtime_row_size())
    status = push_rows(written, bytes, count);
  else
    copy_in(written, bytes, count);
  written = status == DQA_OK ? written + count : 0;
  return status;
}

int inference_run(void) {
  int status = measured(runtime_run);
  done = status == DQA_OK;
  if (!done) {
    written = 0;
    return status;
  }
  dropped = runtime_dropped_rows();
  if (dropped != RUNTIME_NOT_KNOWN)
    dropped -= dropped_before;
  output_crc = input_crc;
  for (unsigned i = 0; i < runtime_outputs(); i++) {
    uint32_t size;
    const uint8_t *output = runtime_output(i, &size);
    output_crc = dqa_crc32(output_crc, output, size);
  }
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
