/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa_tflm: see dqa_tflm_core.h. */
#include "dqa_tflm_core.h"

#include <string.h>

enum { MAX_ENDS = 8, OPTIONS_BYTES = 20, CRC_AT = 12 };

#define OPTIONS_MAGIC 0x4F415144u
#define OPTIONS_VERSION 1u

struct state {
  dqa_model model;
  const char *options;
  size_t options_length;
  int arena; /* number of the scratch buffer */
};

/* Options lie at any alignment. */
static uint32_t u32_at(const void *bytes, size_t at) {
  uint32_t value;
  memcpy(&value, (const char *)bytes + at, sizeof value);
  return value;
}

void *dqa_tflm_init(const dqa_tflm_services *services, void *context, const char *options, size_t length) {
  struct state *state = services->allocate_persistent(context, sizeof *state);
  if (state != NULL) {
    memset(state, 0, sizeof *state);
    state->options = options;
    state->options_length = length;
  }
  return state;
}

static int options_valid(const struct state *state) {
  return state->options != NULL && state->options_length == OPTIONS_BYTES &&
         u32_at(state->options, 0) == OPTIONS_MAGIC &&
         u32_at(state->options, 4) == (OPTIONS_VERSION | (uint32_t)OPTIONS_BYTES << 16);
}

/* Whether a tensor has as many bytes as the program takes or gives there. */
static int tensor_fits(const dqa_tflm_services *services, void *context, int number, uint32_t bytes) {
  dqa_tflm_tensor tensor = {NULL, 0};
  return services->tensor(context, number, &tensor) == 0 && tensor.bytes == bytes;
}

static int tensors_fit(const dqa_tflm_services *services, void *context, const dqa_tflm_node *node,
                       const dqa_model *model) {
  if (node->input_count != model->input_count + 1 || node->output_count != model->output_count) {
    return 0;
  }
  for (unsigned i = 0; i < model->input_count; ++i) {
    if (!tensor_fits(services, context, node->inputs[i], dqa_input_size(model, i))) {
      return 0;
    }
  }
  for (unsigned i = 0; i < model->output_count; ++i) {
    if (!tensor_fits(services, context, node->outputs[i], dqa_output_size(model, i))) {
      return 0;
    }
  }
  return 1;
}

const char *dqa_tflm_prepare(const dqa_tflm_services *services, void *context, const dqa_tflm_node *node, void *memory,
                             dqa_operator_table operators) {
  struct state *state = memory;
  dqa_tflm_tensor program = {NULL, 0};
  if (state == NULL) {
    return "no room for the operator's state";
  }
  if (!options_valid(state)) {
    return "the custom options are not those of a DQA operator";
  }
  if (node->input_count < 2 || node->output_count < 1 ||
      services->tensor(context, node->inputs[node->input_count - 1], &program) != 0 || program.data == NULL) {
    return "the last input is not a constant program";
  }
  if (program.bytes != u32_at(state->options, 8)) {
    return "the program has not the size the custom options say";
  }
  const dqa_status status = dqa_load(&state->model, program.data, program.bytes, operators, DQA_LAYOUT_EXTERNAL);
  if (status != DQA_OK) {
    return dqa_status_name(status);
  }
  if (u32_at(program.data, CRC_AT) != u32_at(state->options, 12) ||
      state->model.arena_size != u32_at(state->options, 16)) {
    return "the program is not the one the custom options say";
  }
  if (!tensors_fit(services, context, node, &state->model)) {
    return "the tensors are not those of the program";
  }
  if (services->request_scratch(context, state->model.arena_size, &state->arena) != 0) {
    return "no room for the program's arena";
  }
  return NULL;
}

const char *dqa_tflm_invoke(const dqa_tflm_services *services, void *context, const dqa_tflm_node *node, void *memory) {
  const struct state *state = memory;
  if (state == NULL || state->model.bytes == NULL) {
    return "the operator is not prepared";
  }
  const dqa_model *model = &state->model;
  const void *inputs[MAX_ENDS];
  void *outputs[MAX_ENDS];
  dqa_tflm_tensor tensor = {NULL, 0};
  for (unsigned i = 0; i < model->input_count; ++i) {
    if (services->tensor(context, node->inputs[i], &tensor) != 0) {
      return "an input tensor is missing";
    }
    inputs[i] = tensor.data;
  }
  for (unsigned i = 0; i < model->output_count; ++i) {
    if (services->tensor(context, node->outputs[i], &tensor) != 0) {
      return "an output tensor is missing";
    }
    outputs[i] = tensor.data;
  }
  void *arena = services->scratch(context, state->arena);
  const dqa_status status = dqa_run(model, arena, model->arena_size, inputs, outputs, NULL);
  return status == DQA_OK ? NULL : dqa_status_name(status);
}
