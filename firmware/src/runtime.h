/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* What runs the model: the executor alone (runtime_standalone.c), or TensorFlow Lite Micro (runtime_tflm.cc). */
#ifndef RUNTIME_H
#define RUNTIME_H

#include "dqa.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A status beside those of dqa_status: the interpreter refused the model, or its run. */
enum { RUNTIME_REFUSED = 255 };

/* Once, before all else. Unless it gives DQA_OK there are no inputs and outputs. Gives a dqa_status or RUNTIME_REFUSED.
 */
int runtime_load(void);
/* Tensors, and where they lie; a run uses the inputs up, an output is valid until the next input is written. */
unsigned runtime_inputs(void);
unsigned runtime_outputs(void);
uint8_t *runtime_input(unsigned index, uint32_t *size); /* NULL if its rows are pushed */
const uint8_t *runtime_output(unsigned index, uint32_t *size);
/* Runs, or where rows are pushed ends the run after the last of them. */
int runtime_run(void);

/* Where the rows of the only input are pushed: the bytes of a row, 0 elsewhere; the place to put the next one; what
 * begins a run; and what takes the row at that place. */
uint32_t runtime_row_size(void);
uint8_t *runtime_row(void);
int runtime_begin(void);
int runtime_push(void);

/* Rows whose errors did not fit, since the start. */
uint32_t runtime_dropped_rows(void);
/* Bytes of the arena, and the program's checksum. */
uint32_t runtime_arena_size(void);
uint32_t runtime_crc(void);

#ifdef __cplusplus
}
#endif
#endif
