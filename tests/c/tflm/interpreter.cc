#include "interpreter.h"

#include <cassert>
#include <cmath>
#include <cstdlib>
#include <cstring>

namespace tflite {
namespace {

constexpr size_t kForAMoment = 100;

template <class T> T At(const uint8_t *place) {
  T value;
  std::memcpy(&value, place, sizeof value);
  return value;
}

const uint8_t *Follow(const uint8_t *place) { return place + At<uint32_t>(place); }

// A table of a flatbuffer; fields by their place in the schema.
struct Table {
  const uint8_t *at;
  const uint8_t *Field(int slot) const {
    const uint8_t *vtable = at - At<int32_t>(at);
    const int place = 4 + 2 * slot;
    const unsigned offset = place < At<uint16_t>(vtable) ? At<uint16_t>(vtable + place) : 0;
    return offset != 0 ? at + offset : nullptr;
  }
  int Byte(int slot) const { return Field(slot) != nullptr ? At<int8_t>(Field(slot)) : 0; }
  int Int(int slot) const { return Field(slot) != nullptr ? At<int32_t>(Field(slot)) : 0; }
  int Count(int slot) const { return Field(slot) != nullptr ? At<int32_t>(Follow(Field(slot))) : 0; }
  const uint8_t *Items(int slot) const { return Follow(Field(slot)) + 4; }
  Table Child(int slot, int index) const { return {Follow(Items(slot) + 4 * index)}; }
};

Table Root(const uint8_t *model) { return {Follow(model)}; }
Table Graph(const uint8_t *model) { return Root(model).Child(2, 0); }

bool Ints(const Table &table, int slot, TfLiteIntArray *found) {
  found->size = table.Count(slot);
  for (int i = 0; i < found->size && i < 8; i++) {
    found->data[i] = At<int32_t>(table.Items(slot) + 4 * i);
  }
  return found->size <= 8;
}

size_t Values(const TfLiteEvalTensor &tensor) {
  size_t values = 1;
  for (int i = 0; i < tensor.dims->size; i++) {
    values *= static_cast<size_t>(tensor.dims->data[i]);
  }
  return values;
}

} // namespace

MicroInterpreter::MicroInterpreter(const Model *model, const MicroOpResolver &resolver, uint8_t *arena, size_t size)
    : model_(reinterpret_cast<const uint8_t *>(model)), resolver_(resolver), arena_(arena),
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
  *index = scratch_count_++;
  scratch_[*index] = AllocatePersistentBuffer(bytes);
  return scratch_[*index] != nullptr ? kTfLiteOk : kTfLiteError;
}

bool MicroInterpreter::ReadTensors() {
  const Table graph = Graph(model_);
  tensor_count_ = graph.Count(0);
  for (int i = 0; i < tensor_count_ && tensor_count_ <= kMostTensors; i++) {
    const Table tensor = graph.Child(0, i);
    const Table buffer = Root(model_).Child(4, tensor.Int(2));
    tensors_[i] = {{nullptr}, &dims_[i], static_cast<TfLiteType>(tensor.Byte(1))};
    if (!Ints(tensor, 0, &dims_[i])) {
      return false;
    }
    if (buffer.Count(0) > 0) {
      tensors_[i].data.data = const_cast<uint8_t *>(buffer.Items(0));
    }
    if (tensor.Field(4) != nullptr) {
      const Table quantization = {Follow(tensor.Field(4))};
      if (quantization.Count(2) == 1 && quantization.Count(3) == 1) {
        quantizations_[i] = {At<float>(quantization.Items(2)), static_cast<int>(At<int64_t>(quantization.Items(3)))};
      }
    }
  }
  return tensor_count_ <= kMostTensors;
}

// The resolver must have all operators of the file, and no other.
bool MicroInterpreter::ReadNodes() {
  const Table graph = Graph(model_);
  unsigned kinds = 0;
  node_count_ = graph.Count(3);
  for (int i = 0; i < node_count_ && node_count_ <= kMostNodes; i++) {
    const Table op = graph.Child(3, i);
    Node &node = nodes_[i];
    node.code = Root(model_).Child(1, op.Int(0)).Int(3);
    bool known = false;
    for (int j = 0; j < i; j++) {
      known = known || nodes_[j].code == node.code;
    }
    kinds += known ? 0 : 1;
    if (!resolver_.Has(node.code) || !Ints(op, 1, &node.inputs) || !Ints(op, 2, &node.outputs)) {
      return false;
    }
    node.node = {&node.inputs, &node.outputs, nullptr};
    if (node.code == kCustom) {
      const char *options = reinterpret_cast<const char *>(op.Items(5));
      node.node.user_data = resolver_.custom->init(&context_, options, static_cast<size_t>(op.Count(5)));
      if (resolver_.custom->prepare(&context_, &node.node) != kTfLiteOk) {
        return false;
      }
    }
  }
  return node_count_ <= kMostNodes && kinds == resolver_.Size();
}

// Checks end the program, and preparing takes more of the arena for a moment than is kept, both as with the real one.
TfLiteStatus MicroInterpreter::AllocateTensors() {
  assert(arena_ != nullptr);
  if (model_ == nullptr) {
    abort();
  }
  if (ticks_per_second() != 0 || !ReadTensors() || !ReadNodes()) {
    return kTfLiteError;
  }
  for (int i = 0; i < tensor_count_; i++) {
    TfLiteEvalTensor &tensor = tensors_[i];
    if (tensor.data.data == nullptr) {
      tensor.data.data = AllocatePersistentBuffer(Values(tensor));
      if (tensor.data.data == nullptr) {
        return kTfLiteError;
      }
    }
  }
  for (int end = 0; end < 2; end++) {
    const TfLiteEvalTensor &tensor = tensors_[At<int32_t>(Graph(model_).Items(1 + end))];
    ends_[end] = {{static_cast<uint8_t *>(tensor.data.data)}, Values(tensor)};
  }
  return used_ + kForAMoment <= size_ ? kTfLiteOk : kTfLiteError;
}

TfLiteStatus MicroInterpreter::Builtin(const Node &node) {
  const int from = node.inputs.data[0], to = node.outputs.data[0];
  const int8_t *first = static_cast<const int8_t *>(tensors_[from].data.data);
  const TfLiteEvalTensor &other = tensors_[node.inputs.data[node.inputs.size - 1]];
  const int8_t *second = static_cast<const int8_t *>(other.data.data);
  const size_t repeats = Values(tensors_[to]) / Values(other); // of one channel, for each of the first's
  int8_t *output = static_cast<int8_t *>(tensors_[to].data.data);
  const Quantization source = quantizations_[from], target = quantizations_[to];
  for (size_t i = 0; i < Values(tensors_[to]); i++) {
    if (node.code == kMaximum) {
      output[i] = first[i] > second[i / repeats] ? first[i] : second[i / repeats];
    } else if (node.code == kQuantize) {
      const double real = (first[i] - source.zero) * (static_cast<double>(source.scale) / target.scale);
      const long code = std::lround(real) + target.zero;
      output[i] = static_cast<int8_t>(code < -128 ? -128 : code > 127 ? 127 : code);
    } else {
      return kTfLiteError;
    }
  }
  return kTfLiteOk;
}

TfLiteStatus MicroInterpreter::Invoke() {
  for (int i = 0; i < node_count_; i++) {
    Node &node = nodes_[i];
    const TfLiteStatus status = node.code == kCustom ? resolver_.custom->invoke(&context_, &node.node) : Builtin(node);
    if (status != kTfLiteOk) {
      return status;
    }
  }
  return kTfLiteOk;
}

} // namespace tflite
