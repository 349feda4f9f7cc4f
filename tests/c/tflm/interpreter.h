// A test double of TensorFlow Lite Micro's interpreter for firmware: one custom operator with one input and one output.
// The "model" is u32 input bytes, u32 output bytes, u32 program bytes, the 20 bytes of custom options, the program.
#ifndef TFLM_INTERPRETER_H
#define TFLM_INTERPRETER_H

#include "interface.h"

#undef MicroPrintf
#define MicroPrintf(...) ((void)0)

union TfLiteTensorData {
  uint8_t *uint8;
};
struct TfLiteTensor {
  TfLiteTensorData data;
  size_t bytes;
};

namespace tflite {

uint32_t ticks_per_second();

struct Model {
  uint32_t input, output, program;
  char options[20];
};

inline const Model *GetModel(const void *bytes) { return static_cast<const Model *>(bytes); }

// Like the real one it has a destructor, which a static resolver registers.
class MicroOpResolver {
public:
  virtual ~MicroOpResolver() {}
};

template <unsigned count> class MicroMutableOpResolver : public MicroOpResolver {
public:
  TfLiteStatus AddCustom(const char *, TFLMRegistration *registration) {
    custom = registration;
    return kTfLiteOk;
  }
  TFLMRegistration *custom = nullptr;
};

class MicroInterpreter : MicroContext {
public:
  MicroInterpreter(const Model *model, const MicroMutableOpResolver<1> &resolver, uint8_t *arena, size_t size);
  TfLiteStatus AllocateTensors();
  TfLiteStatus Invoke();
  size_t inputs_size() const { return 1; }
  size_t outputs_size() const { return 1; }
  TfLiteTensor *input(size_t) { return &ends_[0]; }
  TfLiteTensor *output(size_t) { return &ends_[1]; }
  size_t arena_used_bytes() const { return used_; }

private:
  void *AllocatePersistentBuffer(size_t bytes) override;
  TfLiteStatus RequestScratchBufferInArena(size_t bytes, int *index) override;
  void *GetScratchBuffer(int) override { return scratch_; }
  TfLiteEvalTensor *GetEvalTensor(int number) override { return &tensors_[number]; }

  const Model *model_;
  TFLMRegistration *operator_;
  uint8_t *arena_;
  size_t size_, used_ = 0;
  void *scratch_ = nullptr;
  TfLiteContext context_;
  TfLiteIntArray dims_[3], inputs_, outputs_;
  TfLiteEvalTensor tensors_[3];
  TfLiteTensor ends_[2];
  TfLiteNode node_;
};

} // namespace tflite

#endif
