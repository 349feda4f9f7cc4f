/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
// Runs model.tflite in TensorFlow Lite Micro, with the DQA operator and of its own those that the model uses.
#include "runtime.h"

#ifdef DQA_RUNTIME_TFLM

#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <new>

#include "dqa_tflm.h"
#include "model.h"
#include "resolver.h"
#include "tensorflow/lite/micro/debug_log.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/micro/micro_time.h"
#include "tensorflow/lite/schema/schema_generated.h"

// The model, as the linker puts it into flash; the assembler finds it beside the project's platformio.ini.
__asm__(".section .rodata.dqa_weights, \"a\", %progbits\n"
        ".balign 16\n"
        ".global dqa_model_tflite\n"
        ".type dqa_model_tflite, %object\n"
        "dqa_model_tflite:\n"
        ".incbin \"model.tflite\"\n"
        ".size dqa_model_tflite, . - dqa_model_tflite\n"
        ".previous\n");
extern "C" const uint8_t dqa_model_tflite[];

// What TensorFlow Lite Micro asks of a platform. Nothing is logged: the port belongs to the protocol.
extern "C" void DebugLog(const char *, va_list) {}
extern "C" int DebugVsnprintf(char *, size_t, const char *, va_list) { return 0; }
namespace tflite {
uint32_t ticks_per_second() { return 0; }
uint32_t GetCurrentTimeTicks() { return 0; }
} // namespace tflite

// Objects here live for ever: nothing is ever deleted.
void operator delete(void *) noexcept {}
void operator delete(void *, size_t) noexcept {}

namespace {

using namespace tflite;
using namespace tflite::micro;

#ifdef DQA_TFLM_ARENA_SIZE
// Measured by a run of this model.
constexpr size_t kArenaBytes = DQA_TFLM_ARENA_SIZE;
#else
// The interpreter owns inputs and outputs; it needs some room for itself.
constexpr size_t kInterpreterBytes = 4096;
constexpr size_t kArenaBytes = DQA_MODEL_ARENA_SIZE + DQA_MODEL_INPUT_SIZE + DQA_MODEL_OUTPUT_SIZE + kInterpreterBytes;
#endif

alignas(16) __attribute__((section(".bss.dqa_arena"))) uint8_t arena[kArenaBytes];
alignas(MicroInterpreter) uint8_t interpreter_memory[sizeof(MicroInterpreter)];
MicroMutableOpResolver<DQA_TFLM_OPERATORS> resolver;
TFLMRegistration registration;
MicroInterpreter *interpreter;

} // namespace

int runtime_load(void) {
  registration = RegisterDqa(dqa_tflm_operators);
#define ADD(Name) &&resolver.Add##Name() == kTfLiteOk
  if (!(resolver.AddCustom("DQA", &registration) == kTfLiteOk DQA_TFLM_BUILTINS(ADD))) {
    return RUNTIME_REFUSED;
  }
  auto *created = new (interpreter_memory) MicroInterpreter(GetModel(dqa_model_tflite), resolver, arena, sizeof arena);
  if (created->AllocateTensors() != kTfLiteOk) {
    return RUNTIME_REFUSED;
  }
  interpreter = created;
  return DQA_OK;
}

unsigned runtime_inputs(void) { return interpreter ? static_cast<unsigned>(interpreter->inputs_size()) : 0; }

unsigned runtime_outputs(void) { return interpreter ? static_cast<unsigned>(interpreter->outputs_size()) : 0; }

uint8_t *runtime_input(unsigned index, uint32_t *size) {
  auto *tensor = interpreter->input(index);
  *size = static_cast<uint32_t>(tensor->bytes);
  return tensor->data.uint8;
}

const uint8_t *runtime_output(unsigned index, uint32_t *size) {
  auto *tensor = interpreter->output(index);
  *size = static_cast<uint32_t>(tensor->bytes);
  return tensor->data.uint8;
}

// The interpreter takes inputs whole.
uint32_t runtime_row_size(void) { return 0; }

uint8_t *runtime_row(void) { return nullptr; }

int runtime_begin(void) { return RUNTIME_REFUSED; }

int runtime_push(void) { return RUNTIME_REFUSED; }

int runtime_run(void) {
  if (interpreter->Invoke() != kTfLiteOk) {
    return RUNTIME_REFUSED;
  }
  return DQA_OK;
}

uint32_t runtime_dropped_rows(void) { return RUNTIME_NOT_KNOWN; }

uint32_t runtime_arena_size(void) {
  return interpreter ? static_cast<uint32_t>(interpreter->arena_used_bytes()) : sizeof arena;
}

uint32_t runtime_crc(void) { return DQA_MODEL_CRC32; }

#endif
