/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: one run of a program: where its buffers lie and how far its operators are.
 *
 * Operators of one phase run together, phases one after the other. What an operator remembers of its phase lies at the
 * beginning of its scratch, so that rows can be pushed from outside, call by call. The arena may hold anything, because
 * a layout may overlap buffers or a caller may forget dqa_begin: a state is used only if it is possible. */
#ifndef DQA_RUN_H
#define DQA_RUN_H

#include "storage.h"

struct dqa_run {
  const dqa_model *model;
  uint8_t *arena;
  const void *const *inputs; /* the caller's, where the layout has none */
  void *const *outputs;
  const uint8_t *pushed;     /* the row being pushed, or NULL */
  uint32_t pushed_rows;      /* rows pushed so far, this one too */
  uint32_t first_op, end_op; /* operators of the phase */
};

/* ---- model.c ---- */

/* Whether a pointer that a caller gave is null, or not aligned to some bytes, a power of 2. */
static inline bool dqa_is_misplaced(const void *pointer, size_t alignment) {
  return pointer == NULL || ((uintptr_t)pointer & (alignment - 1u)) != 0;
}

/* The same of counters of dropped rows, which may be null. */
static inline bool dqa_is_misplaced_counters(const uint32_t *dropped) {
  return dropped != NULL && dqa_is_misplaced(dropped, sizeof *dropped);
}

/* Whether a model was loaded, so that its program may be read. */
bool dqa_is_loaded(const dqa_model *model);

/* The same, and inputs or outputs lie in this arena. */
bool dqa_arena_is_usable(const dqa_model *model, const void *arena);

static inline bool dqa_arena_fits(const dqa_model *model, const void *arena, size_t size) {
  return !dqa_is_misplaced(arena, 4) && size >= model->arena_size;
}

/* The first word of a state: its phase is under way; its phase is complete. Memory that holds anything is neither. */
#define DQA_STATE_BEGUN 0x44514173u
#define DQA_STATE_ENDED 0x44514165u

struct dqa_op_state {
  uint32_t mark;
  struct dqa_writer output; /* its row is the next the operator writes */
};
struct dqa_input_state {
  uint32_t offset; /* of row `taken` in a whole map */
  uint32_t taken;  /* rows copied, skipped or accumulated; of others not counted */
};
static inline uint32_t dqa_state_bytes(uint32_t input_count) {
  return (uint32_t)(sizeof(struct dqa_op_state) + input_count * sizeof(struct dqa_input_state));
}

/* ---- buffers.c ---- */

/* The arena offset of an edge, of an operator's scratch, of its transient row; DQA_NOWHERE if it has none. With
 * DQA_IN_OUTPUT it counts from the first output, whose memory serves before its rows are written. */
uint32_t dqa_place_of_edge(const dqa_model *model, uint32_t layout, uint32_t number);
uint32_t dqa_place_of_scratch(const dqa_model *model, uint32_t layout, uint32_t number);
uint32_t dqa_place_of_transient(const dqa_model *model, uint32_t layout, uint32_t number);

static inline bool dqa_is_pushed(const dqa_model *model, uint32_t edge) {
  return model->layout == DQA_LAYOUT_PUSHED && edge < model->input_count;
}

/* Where an edge begins. Operators never write inputs, so that it gives nothing away that theirs are not const. */
uint8_t *dqa_edge_data(const struct dqa_run *run, uint32_t number);
int8_t *dqa_transient_of(const struct dqa_run *run, uint32_t number);
struct dqa_op_state *dqa_state_of(const struct dqa_run *run, uint32_t number);
struct dqa_input_state *dqa_input_state_of(const struct dqa_run *run, uint32_t number, uint32_t input);

/* An input of an operator in a run. */
struct dqa_source {
  struct dqa_edge edge;
  struct dqa_view view;
  struct dqa_ring ring;
};
void dqa_source_of(const struct dqa_op *op, uint32_t input, struct dqa_source *source);

/* Nothing produced and nothing read; the padding of the operator's own rows are zero points. */
void dqa_start_op(const struct dqa_run *run, uint32_t number);

/* ---- step.c ---- */

/* How an operator or a phase stands; of several things the worst counts. */
enum dqa_progress {
  DQA_COMPLETE, /* all rows are written */
  DQA_WAITING,  /* for rows of an input */
  DQA_FULL,     /* for room in a ring */
  DQA_BROKEN    /* its state is impossible: buffers overlap */
};

/* Lets an operator of the phase go on as far as its inputs and the room of its output allow. Adds to *rows those it
 * wrote or took. */
enum dqa_progress dqa_step(const struct dqa_run *run, uint32_t number, uint32_t *rows);

/* ---- schedule.c ---- */

bool dqa_finished(const struct dqa_run *run, uint32_t number);

/* Rows of an edge that have been written or pushed. */
uint32_t dqa_rows_available(const struct dqa_run *run, uint32_t edge, uint32_t height);

/* The first row of an edge that an operator of the phase may still ask for; its height if none does. */
uint32_t dqa_first_needed(const struct dqa_run *run, uint32_t edge);

/* Makes the phase that begins at an operator the run's; start: from its beginning. */
void dqa_find_phase(struct dqa_run *run, uint32_t first_op);
void dqa_start_phase(struct dqa_run *run, uint32_t first_op);

/* Runs the phase until it is complete or no operator can go on. */
enum dqa_progress dqa_run_phase(const struct dqa_run *run);

/* Runs the phases from an operator on; the first is under way. Adds the dropped rows. */
dqa_status dqa_run_to_end(struct dqa_run *run, uint32_t *dropped);

/* Whether a run came to its end, by the state of the last operator, and makes it that none did. */
bool dqa_has_ended(const struct dqa_run *run);
void dqa_forget_end(const struct dqa_run *run);

#endif
