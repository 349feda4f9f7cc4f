/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa_tflm: the DQA operator of TensorFlow Lite Micro, without TensorFlow Lite Micro.
 *
 * Plain C over four services of an interpreter, so that it outlives changes of the interpreter's interface: dqa_tflm.cc
 * adapts it to the real headers, and on the host a shim adapts it to the Python wheel.
 *
 * The operator's inputs are those of its program and, last, the program itself (a constant uint8 tensor); its outputs
 * are the program's. Its custom_options say what program to expect: u32 magic "DQAO", u16 version 1, u16 20, u32 size
 * of the program, u32 its CRC-32, u32 arena bytes of its layout 1. */
#ifndef DQA_TFLM_CORE_H
#define DQA_TFLM_CORE_H

#include "dqa.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  void *data;   /* NULL while the interpreter has not placed it */
  size_t bytes; /* 0 for a tensor whose elements are not int8 or uint8 */
} dqa_tflm_tensor;

/* `context` is whatever the interpreter gives its operators. */
typedef struct {
  void *(*allocate_persistent)(void *context, size_t bytes);       /* NULL: no room */
  int (*request_scratch)(void *context, size_t bytes, int *index); /* 0: done */
  void *(*scratch)(void *context, int index);
  int (*tensor)(void *context, int number, dqa_tflm_tensor *tensor); /* 0: done */
} dqa_tflm_services;

/* Tensor numbers of one operator. */
typedef struct {
  const int *inputs;
  const int *outputs;
  int input_count;
  int output_count;
} dqa_tflm_node;

/* The operator's state, in persistent memory; NULL if there is no room. `options` must stay in place. */
void *dqa_tflm_init(const dqa_tflm_services *services, void *context, const char *options, size_t length);

/* Checks options, program and tensors, and asks for the arena. Returns NULL, or in English what is wrong. */
const char *dqa_tflm_prepare(const dqa_tflm_services *services, void *context, const dqa_tflm_node *node, void *state,
                             dqa_operator_table operators);

/* Runs the program. Returns NULL, or in English what is wrong. */
const char *dqa_tflm_invoke(const dqa_tflm_services *services, void *context, const dqa_tflm_node *node, void *state);

#ifdef __cplusplus
}
#endif
#endif
