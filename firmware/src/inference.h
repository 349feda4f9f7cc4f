/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* One inference after the other: the input comes in pieces, the output goes in pieces, and what the runtime does
 * between them is measured, without the traffic. The host numbers its runs, so that no piece is taken for another's. */
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

/* Begins a run under the host's number for it; what was in place of another is forgotten. */
void inference_begin(uint32_t run);
/* Whether this is the run that began last. */
bool inference_is(uint32_t run);

/* Bytes of its input in place, from its start. */
uint32_t inference_written(void);

/* Takes the next count bytes of the input, at most those that are missing. Gives a status of the runtime, which takes
 * every pushed row that is complete; after an error nothing is in place. */
int inference_write(const uint8_t *bytes, uint32_t count);

/* Runs when the whole input is in place; gives a status of the runtime. After an error nothing is in place. */
int inference_run(void);
/* Whether the run came to its end; its output is there until the next begins. */
bool inference_done(void);
/* Copies out count bytes of the output from offset. */
void inference_read(uint32_t offset, uint8_t *bytes, uint32_t count);

/* CRC-32 of the input in place, continued from the program's, and of the output, continued from the whole input's: one
 * number that only this program with this input gives. */
uint32_t inference_input_crc(void);
uint32_t inference_output_crc(void);

/* Counter ticks of the run: also of the beginning and the rows where they are pushed; and its rows whose errors did not
 * fit, or RUNTIME_NOT_KNOWN. */
uint64_t inference_ticks(void);
uint32_t inference_dropped_rows(void);

/* The most bytes of stack that the runtime took for loading or for an inference. */
uint32_t inference_stack(void);

#ifdef __cplusplus
}
#endif
#endif
