/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: runs DQA programs (docs/format.md) on Cortex-M and on the host.
 *
 * C99, no heap, no libc beyond string.h, no static data that is written.
 * The caller owns the program (usually flash) and one arena (RAM); both must
 * stay in place while a dqa_model is in use. Reentrant: all state is in the
 * dqa_model and the arena.
 *
 *   dqa_model model;
 *   dqa_status status = dqa_load(&model, program, sizeof program, dqa_all_operators, DQA_LAYOUT_INTERNAL);
 *   if (status == DQA_OK) {
 *     memcpy(dqa_input(&model, arena, 0), image, dqa_input_size(&model, 0));
 *     status = dqa_run(&model, arena, sizeof arena, NULL, NULL, NULL);
 *   }
 *   const int8_t *scores = status == DQA_OK ? dqa_output(&model, arena, 0) : NULL;
 *
 * Null and misaligned pointers and calls out of turn get a status, NULL or 0. A model that was not loaded is refused
 * if it is 0, as static data is; memory that holds anything may look like one by chance. */
#ifndef DQA_H
#define DQA_H

#include "dqa_operators.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Results. Every code has one meaning and at least one test vector. */
typedef enum {
  DQA_OK = 0,
  DQA_ERROR_TRUNCATED = 1, /* fewer bytes than the header or its size field says */
  DQA_ERROR_MAGIC = 2,     /* not a DQA program */
  DQA_ERROR_VERSION = 3,   /* a version this executor does not know */
  DQA_ERROR_CHECKSUM = 4,  /* CRC-32 differs: the bytes changed on their way */
  DQA_ERROR_HEADER = 5,    /* counts, sizes or table offsets of the header; more bytes than its size field says */
  DQA_ERROR_EDGE = 6,      /* an edge's fields or tables */
  DQA_ERROR_TABLE = 7,     /* a Huffman table that is not canonical and complete */
  DQA_ERROR_OPERATOR = 8,  /* an operator's fields, parameters or shapes */
  DQA_ERROR_UNKNOWN_OPERATOR = 9, /* kind not known; operator or coded maps not linked in */
  DQA_ERROR_LAYOUT = 10,          /* a buffer that does not lie inside the arena or the first output */
  DQA_ERROR_ARENA = 11, /* the arena given to dqa_run is too small or null; it or outputs[0] not aligned to 4 bytes */
  DQA_ERROR_ARGUMENT = 12, /* a null pointer where one is needed, an index out of range, a call out of turn */
  DQA_ERROR_STALLED = 13   /* no operator can go on: rings too small, or buffers that overlap */
} dqa_status;

/* Where inputs and outputs live; each has its own placement of buffers. PUSHED: the input comes row by row and lies
 * nowhere, the outputs lie in the arena; a program may be without this layout. CONTINUOUS: buffers lie as in PUSHED,
 * and the rows of the input never end; only of a program that was made for it. */
enum { DQA_LAYOUT_INTERNAL = 0, DQA_LAYOUT_EXTERNAL = 1, DQA_LAYOUT_PUSHED = 2, DQA_LAYOUT_CONTINUOUS = 3 };

/* Operators that may appear in a program, DQA_KIND_<NAME> and dqa_op_<name>, and parts of which they need some,
 * DQA_PART_<NAME> and dqa_part_<name>, of the lists in dqa_operators.h; the rendered table has those that a model
 * uses, so that the linker drops the rest. */
struct dqa_operator;
typedef const struct dqa_operator *const *dqa_operator_table; /* by kind and part, NULL where unused */
#define DQA_KIND(NAME, name, number) DQA_KIND_##NAME = number,
#define DQA_PART(NAME, name) DQA_PART_##NAME,
enum dqa_kind {
  DQA_CODED_MAPS = 0, /* no operator: dqa_coded_maps, if edges are stored so */
  DQA_FOR_EACH_OPERATOR(DQA_KIND) DQA_KINDS_END,
  DQA_BEFORE_PARTS = DQA_KINDS_END - 1,
  DQA_FOR_EACH_PART(DQA_PART) DQA_TABLE_ENTRIES
};
#undef DQA_KIND
#undef DQA_PART
#define DQA_DECLARE(NAME, name, number) extern const struct dqa_operator dqa_op_##name;
DQA_FOR_EACH_OPERATOR(DQA_DECLARE)
#undef DQA_DECLARE
#define DQA_DECLARE(NAME, name) extern const struct dqa_operator dqa_part_##name;
DQA_FOR_EACH_PART(DQA_DECLARE)
#undef DQA_DECLARE
extern const struct dqa_operator dqa_coded_maps;
extern const struct dqa_operator *const dqa_all_operators[DQA_TABLE_ENTRIES];

/* A checked program: nothing but views; 24 bytes on a 32-bit machine. After a refusal all of it is 0. */
typedef struct {
  const uint8_t *bytes;
  dqa_operator_table operators;
  uint32_t size;
  uint16_t edge_count;
  uint16_t op_count;
  uint8_t input_count;
  uint8_t output_count;
  uint8_t layout;
  uint8_t mark; /* that dqa_load filled it */
  uint32_t arena_size;
} dqa_model;

/* Checks all of a program, at any alignment: after DQA_OK no input can make dqa_run read or write outside the program,
 * the arena and the given inputs and outputs. A model may be loaded again, the same program or another. */
dqa_status dqa_load(dqa_model *model, const void *program, size_t size, dqa_operator_table operators, int layout);

/* The size of the program that begins at `program`, as its header says it; 0 where none begins, or where it does not
 * end within `room` bytes. For programs in a part of flash that is larger; all else is for dqa_load to check. */
uint32_t dqa_program_size(const void *program, size_t room);

/* Runs once. The arena is aligned to 4 bytes. inputs[i] and outputs[i] are the caller's buffers of dqa_input_size and
 * dqa_output_size bytes: both with DQA_LAYOUT_EXTERNAL, inputs alone with DQA_LAYOUT_PUSHED (for which the table of
 * operators needs dqa_part_whole_input), else they may be NULL.
 * outputs[0] is aligned to 4 bytes and serves as memory until its values are written.
 * dropped: NULL, or one counter per edge, increased by the number of rows whose errors or low bits did not all fit. */
dqa_status dqa_run(const dqa_model *model, void *arena, size_t arena_size, const void *const *inputs,
                   void *const *outputs, uint32_t *dropped);

/* The same with DQA_LAYOUT_PUSHED, the rows of the input handed over as they come: dqa_begin, then every row from top
 * to bottom, then dqa_end, after which dqa_output is valid. A row has dqa_input_size / height bytes and is needed
 * during the call only. All state is in the arena: nothing else may write there from dqa_begin until the outputs are
 * read. Rows too many, an end too early and a second one are DQA_ERROR_ARGUMENT; after an error, begin again. */
dqa_status dqa_begin(const dqa_model *model, void *arena, size_t arena_size);
dqa_status dqa_push_row(const dqa_model *model, void *arena, const void *row);
dqa_status dqa_end(const dqa_model *model, void *arena, uint32_t *dropped);

/* With DQA_LAYOUT_CONTINUOUS dqa_begin comes once, and rows are pushed for as long as there are any; no dqa_end. After
 * a row that completes an answer dqa_output gives it until the next row is pushed; after all other rows NULL. */

/* Bytes of input or output i, 0 if there is none or no program is loaded. */
uint32_t dqa_input_size(const dqa_model *model, unsigned index);
uint32_t dqa_output_size(const dqa_model *model, unsigned index);

/* Where input or output i lies in the arena (inputs: DQA_LAYOUT_INTERNAL; outputs: not DQA_LAYOUT_EXTERNAL), else NULL.
 * The memory of an input is reused during dqa_run: write it before each run. There are outputs from the end of a run
 * until the next input is written or the next run begins, NULL before. */
void *dqa_input(const dqa_model *model, void *arena, unsigned index);
const int8_t *dqa_output(const dqa_model *model, void *arena, unsigned index);

/* The one requantization: floor((acc * multiplier + 2^(31 + shift)) / 2^(32 + shift)), multiplier >= 0, shift 1 to 31;
 * 0 for others. */
int32_t dqa_requantize(int32_t acc, int32_t multiplier, unsigned shift);

/* CRC-32 as in zlib; crc is 0 for the first piece, and stays as it is where bytes is NULL. */
uint32_t dqa_crc32(uint32_t crc, const void *bytes, size_t size);

/* A short English name of a status, for logs. */
const char *dqa_status_name(dqa_status status);

#ifdef __cplusplus
}
#endif
#endif
