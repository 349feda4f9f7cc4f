/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
// dqa_tflm: registers the DQA operator with TensorFlow Lite Micro.
//
//   tflite::MicroMutableOpResolver<2> resolver;
//   TFLMRegistration registration = tflite::micro::RegisterDqa();
//   resolver.AddCustom("DQA", &registration);
#ifndef DQA_TFLM_H
#define DQA_TFLM_H

#include "dqa.h"
#include "tensorflow/lite/micro/micro_common.h"
#include "tensorflow/lite/micro/micro_context.h"

// In 2026 TensorFlow Lite Micro moved its types from the global namespace to tflite::micro; in here, an unqualified
// name means the one or the other.
namespace tflite {
namespace micro {

// operators: those of DQA programs to link, all or a table of the ones the models use; one table serves a firmware.
TFLMRegistration RegisterDqa(dqa_operator_table operators = dqa_all_operators);

} // namespace micro
} // namespace tflite

#endif // DQA_TFLM_H
