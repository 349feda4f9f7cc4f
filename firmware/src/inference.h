/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* One inference after the other: the input comes in pieces, the output goes in pieces, and what the runtime does
 * between them is measured, without the traffic. */
#ifndef INFERENCE_H
#define INFERENCE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Loads the model, once; gives a dqa_status or RUNTIME_REFUSED. The sizes are 0 unless it is DQA_OK. */
int inference_load(void);

/* Bytes of all inputs, and of all outputs, one after the other in the program's order. */
uint32_t inference_input_size(void);
uint32_t inference_output_size(void);

/* Bytes of the input in place, from its start. */
uint32_t inference_written(void);

/* Takes count bytes that begin at offset, at most inference_written, and end inside the input. Pushed rows cannot be
 * written again: offset is then inference_written, or 0, which begins anew. Gives a status of the runtime, which
 * begins, and takes every row that is complete; after an error nothing is in place. */
int inference_write(uint32_t offset, const uint8_t *bytes, uint32_t count);

/* Runs when the whole input is in place, which it uses up; gives a status of the runtime. */
int inference_run(void);

/* Counter ticks of the last inference: of the run, and of the beginning and the rows where they are pushed. */
uint64_t inference_ticks(void);

/* Whether an inference came to its end since the last write; copies out count bytes of the output from offset. */
bool inference_done(void);
void inference_read(uint32_t offset, uint8_t *bytes, uint32_t count);

/* The most bytes of stack that the runtime took for loading or for an inference. */
uint32_t inference_stack(void);

#ifdef __cplusplus
}
#endif
#endif
