#include "interpreter.h"

#include <cassert>
#include <cstdlib>

namespace tflite {

constexpr size_t kForAMoment = 100;

MicroInterpreter::MicroInterpreter(const Model *model, const MicroMutableOpResolver<1> &resolver, uint8_t *arena,
                                   size_t size)
    : model_(model), operator_(resolver.custom), arena_(arena),
      size_(size), context_{static_cast<MicroContext *>(this)} {}

void *MicroInterpreter::AllocatePersistentBuffer(size_t bytes) {
  size_t start = (used_ + 15) / 16 * 16;
  if (start + bytes > size_) {
    return nullptr;
  }
  used_ = start + bytes;
  return arena_ + start;
}

TfLiteStatus MicroInterpreter::RequestScratchBufferInArena(size_t bytes, int *index) {
  *index = 0;
  scratch_ = AllocatePersistentBuffer(bytes);
  return scratch_ != nullptr ? kTfLiteOk : kTfLiteError;
}

// Checks end the program, and preparing takes more of the arena for a moment than is kept, both as with the real one.
TfLiteStatus MicroInterpreter::AllocateTensors() {
  assert(arena_ != nullptr);
  if (model_ == nullptr) {
    abort();
  }
  const uint32_t bytes[] = {model_->input, model_->program, model_->output};
  for (int i = 0; i < 3; i++) {
    dims_[i] = {1, {static_cast<int>(bytes[i])}};
    tensors_[i] = {{nullptr}, &dims_[i], i == 1 ? kTfLiteUInt8 : kTfLiteInt8};
  }
  tensors_[1].data.raw = const_cast<char *>(reinterpret_cast<const char *>(model_ + 1));
  inputs_ = {2, {0, 1}};
  outputs_ = {1, {2}};
  node_ = {&inputs_, &outputs_, operator_->init(&context_, model_->options, sizeof model_->options)};
  if (ticks_per_second() != 0 || operator_->prepare(&context_, &node_) != kTfLiteOk) {
    return kTfLiteError;
  }
  for (int end = 0; end < 2; end++) {
    void *place = AllocatePersistentBuffer(bytes[2 * end]);
    if (place == nullptr) {
      return kTfLiteError;
    }
    tensors_[2 * end].data.data = place;
    ends_[end] = {{static_cast<uint8_t *>(place)}, bytes[2 * end]};
  }
  return used_ + kForAMoment <= size_ ? kTfLiteOk : kTfLiteError;
}

TfLiteStatus MicroInterpreter::Invoke() { return operator_->invoke(&context_, &node_); }

} // namespace tflite
