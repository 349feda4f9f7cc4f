/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
// dqa_tflm: adapts dqa_tflm_core to the headers of TensorFlow Lite Micro, before and after its move to tflite::micro.
#include "dqa_tflm.h"

#include "dqa_tflm_core.h"
#include "tensorflow/lite/micro/micro_log.h"

namespace tflite {
namespace micro {
namespace {

dqa_operator_table linked_operators;

MicroContext *Context(void *context) { return GetMicroContext(static_cast<TfLiteContext *>(context)); }

void *AllocatePersistent(void *context, size_t bytes) { return Context(context)->AllocatePersistentBuffer(bytes); }

int RequestScratch(void *context, size_t bytes, int *index) {
  return Context(context)->RequestScratchBufferInArena(bytes, index) == kTfLiteOk ? 0 : 1;
}

void *Scratch(void *context, int index) { return Context(context)->GetScratchBuffer(index); }

int Tensor(void *context, int number, dqa_tflm_tensor *tensor) {
  const TfLiteEvalTensor *eval = number < 0 ? nullptr : Context(context)->GetEvalTensor(number);
  if (eval == nullptr || eval->dims == nullptr) {
    return 1;
  }
  tensor->data = eval->data.data;
  tensor->bytes = eval->type == kTfLiteInt8 || eval->type == kTfLiteUInt8 ? 1 : 0;
  for (int i = 0; i < eval->dims->size; ++i) {
    tensor->bytes *= static_cast<size_t>(eval->dims->data[i]);
  }
  return 0;
}

constexpr dqa_tflm_services kServices = {AllocatePersistent, RequestScratch, Scratch, Tensor};

dqa_tflm_node Node(const TfLiteNode *node) {
  return {node->inputs->data, node->outputs->data, node->inputs->size, node->outputs->size};
}

TfLiteStatus Report(const char *wrong) {
  if (wrong == nullptr) {
    return kTfLiteOk;
  }
  MicroPrintf("DQA: %s", wrong);
  return kTfLiteError;
}

void *Init(TfLiteContext *context, const char *buffer, size_t length) {
  return dqa_tflm_init(&kServices, context, buffer, length);
}

TfLiteStatus Prepare(TfLiteContext *context, TfLiteNode *node) {
  const dqa_tflm_node tensors = Node(node);
  return Report(dqa_tflm_prepare(&kServices, context, &tensors, node->user_data, linked_operators));
}

TfLiteStatus Invoke(TfLiteContext *context, TfLiteNode *node) {
  const dqa_tflm_node tensors = Node(node);
  return Report(dqa_tflm_invoke(&kServices, context, &tensors, node->user_data));
}

} // namespace

TFLMRegistration RegisterDqa(dqa_operator_table operators) {
  linked_operators = operators;
  TFLMRegistration registration = {};
  registration.init = Init;
  registration.prepare = Prepare;
  registration.invoke = Invoke;
  return registration;
}

} // namespace micro
} // namespace tflite
