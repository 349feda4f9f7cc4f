// Runs the DQA operator behind the test double of TensorFlow Lite Micro. Arguments: files of the options and the
// program. Standard input: u32 bytes of the only input and output, then the input; standard output: the output.
#include "dqa_tflm.h"

#include <cstdio>
#include <cstdlib>
#include <vector>

namespace tflite {
namespace micro {
namespace {

std::vector<char> Read(const char *path) {
  std::FILE *file = std::fopen(path, "rb");
  std::vector<char> bytes;
  for (int c; file != nullptr && (c = std::fgetc(file)) != EOF;) {
    bytes.push_back(static_cast<char>(c));
  }
  return bytes;
}

struct Buffers : MicroContext {
  TfLiteEvalTensor tensors[3];
  void *scratch = nullptr;
  void *AllocatePersistentBuffer(size_t bytes) override { return std::malloc(bytes); }
  TfLiteStatus RequestScratchBufferInArena(size_t bytes, int *index) override {
    scratch = std::malloc(bytes);
    *index = 7;
    return kTfLiteOk;
  }
  void *GetScratchBuffer(int index) override { return index == 7 ? scratch : nullptr; }
  TfLiteEvalTensor *GetEvalTensor(int number) override { return &tensors[number]; }
};

int Run(const char *options_path, const char *program_path) {
  std::vector<char> options = Read(options_path), program = Read(program_path);
  uint32_t sizes[2];
  if (std::fread(sizes, 4, 2, stdin) != 2) {
    return 3;
  }
  std::vector<char> input(sizes[0]), output(sizes[1]);
  if (std::fread(input.data(), 1, input.size(), stdin) != input.size()) {
    return 3;
  }
  TfLiteIntArray dims[3] = {{2, {1, static_cast<int>(sizes[0])}},
                            {1, {static_cast<int>(program.size())}},
                            {2, {1, static_cast<int>(sizes[1])}}};
  Buffers buffers;
  buffers.tensors[0] = {{nullptr}, &dims[0], kTfLiteInt8};
  buffers.tensors[1] = {{program.data()}, &dims[1], kTfLiteUInt8};
  buffers.tensors[2] = {{nullptr}, &dims[2], kTfLiteInt8};
  TfLiteIntArray inputs = {2, {0, 1}}, outputs = {1, {2}};
  TfLiteContext context = {static_cast<MicroContext *>(&buffers)};
  const TFLMRegistration registration = RegisterDqa();
  TfLiteNode node = {&inputs, &outputs, registration.init(&context, options.data(), options.size())};
  if (registration.prepare(&context, &node) != kTfLiteOk) {
    return 2;
  }
  buffers.tensors[0].data.raw = input.data(); // an interpreter places them after all operators are prepared
  buffers.tensors[2].data.raw = output.data();
  if (registration.invoke(&context, &node) != kTfLiteOk) {
    return 2;
  }
  std::fwrite(output.data(), 1, output.size(), stdout);
  return 0;
}

} // namespace
} // namespace micro
} // namespace tflite

int main(int count, char **arguments) { return count == 3 ? tflite::micro::Run(arguments[1], arguments[2]) : 1; }
