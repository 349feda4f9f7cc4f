// A test double of TensorFlow Lite Micro's interpreter for firmware: reads a .tflite, runs the DQA operator behind the
// resolver's registration, and of the builtins MAXIMUM and QUANTIZE, int8. What it declares the real headers declare.
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

struct Model; // the bytes of a .tflite

inline const Model *GetModel(const void *bytes) { return static_cast<const Model *>(bytes); }

// Like the real one it has a destructor, which a static resolver registers.
class MicroOpResolver {
public:
  virtual ~MicroOpResolver() {}
  virtual bool Has(int code) const = 0;
  virtual unsigned Size() const = 0;
  TFLMRegistration *custom = nullptr;
};

constexpr int kCustom = 32, kMaximum = 55, kQuantize = 114;

template <unsigned count> class MicroMutableOpResolver : public MicroOpResolver {
public:
  TfLiteStatus AddCustom(const char *, TFLMRegistration *registration) {
    custom = registration;
    return Add(kCustom);
  }
  TfLiteStatus AddAdd() { return Add(0); }
  TfLiteStatus AddLogistic() { return Add(14); }
  TfLiteStatus AddMaximum() { return Add(kMaximum); }
  TfLiteStatus AddMul() { return Add(18); }
  TfLiteStatus AddQuantize() { return Add(kQuantize); }
  TfLiteStatus AddReshape() { return Add(22); }
  TfLiteStatus AddTransposeConv() { return Add(67); }
  bool Has(int code) const override {
    for (unsigned i = 0; i < size_; i++) {
      if (codes_[i] == code) {
        return true;
      }
    }
    return false;
  }
  unsigned Size() const override { return size_; }

private:
  TfLiteStatus Add(int code) {
    if (size_ == count || Has(code)) {
      return kTfLiteError;
    }
    codes_[size_++] = code;
    return kTfLiteOk;
  }
  int codes_[count];
  unsigned size_ = 0;
};

constexpr int kMostTensors = 48, kMostNodes = 16;

class MicroInterpreter : MicroContext {
public:
  MicroInterpreter(const Model *model, const MicroOpResolver &resolver, uint8_t *arena, size_t size);
  TfLiteStatus AllocateTensors();
  TfLiteStatus Invoke();
  size_t inputs_size() const { return 1; }
  size_t outputs_size() const { return 1; }
  TfLiteTensor *input(size_t) { return &ends_[0]; }
  TfLiteTensor *output(size_t) { return &ends_[1]; }
  size_t arena_used_bytes() const { return used_; }

private:
  struct Node {
    int code;
    TfLiteIntArray inputs, outputs;
    TfLiteNode node;
  };
  struct Quantization {
    float scale;
    int zero;
  };
  void *AllocatePersistentBuffer(size_t bytes) override;
  TfLiteStatus RequestScratchBufferInArena(size_t bytes, int *index) override;
  void *GetScratchBuffer(int index) override { return scratch_[index]; }
  TfLiteEvalTensor *GetEvalTensor(int number) override { return &tensors_[number]; }
  bool ReadTensors();
  bool ReadNodes();
  TfLiteStatus Builtin(const Node &node);

  const uint8_t *model_;
  const MicroOpResolver &resolver_;
  uint8_t *arena_;
  size_t size_, used_ = 0;
  int tensor_count_ = 0, node_count_ = 0, scratch_count_ = 0;
  void *scratch_[kMostNodes];
  TfLiteContext context_;
  TfLiteEvalTensor tensors_[kMostTensors];
  TfLiteIntArray dims_[kMostTensors];
  Quantization quantizations_[kMostTensors];
  Node nodes_[kMostNodes];
  TfLiteTensor ends_[2];
};

} // namespace tflite

#endif
