/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
#include "runtime.h"

#ifndef DQA_RUNTIME_TFLM

#include "model.h"

int runtime_load(void) { return dqa_model_load(); }

unsigned runtime_inputs(void) { return dqa_model_instance.input_count; }

unsigned runtime_outputs(void) { return dqa_model_instance.output_count; }

uint8_t *runtime_input(unsigned index, uint32_t *size) {
  *size = dqa_input_size(&dqa_model_instance, index);
  return dqa_input(&dqa_model_instance, dqa_model_arena, index);
}

const uint8_t *runtime_output(unsigned index, uint32_t *size) {
  *size = dqa_output_size(&dqa_model_instance, index);
  return (const uint8_t *)dqa_output(&dqa_model_instance, dqa_model_arena, index);
}

#if DQA_MODEL_PUSHED

static uint8_t row[DQA_MODEL_INPUT_ROW_SIZE];

uint32_t runtime_row_size(void) { return sizeof row; }

uint8_t *runtime_row(void) { return row; }

int runtime_begin(void) { return dqa_model_begin(); }

int runtime_push(void) { return dqa_model_push_row(row); }

int runtime_run(void) { return dqa_model_end(NULL); }

#else

uint32_t runtime_row_size(void) { return 0; }

uint8_t *runtime_row(void) { return NULL; }

int runtime_begin(void) { return DQA_ERROR_ARGUMENT; }

int runtime_push(void) { return DQA_ERROR_ARGUMENT; }

int runtime_run(void) { return dqa_model_run(NULL); }

#endif

uint32_t runtime_dropped_rows(void) { return dqa_model_dropped_rows; }

uint32_t runtime_arena_size(void) { return DQA_MODEL_ARENA_SIZE; }

uint32_t runtime_crc(void) { return DQA_MODEL_CRC32; }

#endif
