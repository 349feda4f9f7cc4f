// The part of TensorFlow Lite Micro's interface that dqa_tflm.cc uses, for a test double: what is declared here is what
// the real headers declare, in the global namespace and tflite, or with TFLM_MOVED all in tflite::micro.
#ifndef TFLM_INTERFACE_H
#define TFLM_INTERFACE_H

#include <cstddef>
#include <cstdint>
#include <cstdio>

#ifdef TFLM_MOVED
namespace tflite {
namespace micro {
#endif

enum TfLiteStatus { kTfLiteOk = 0, kTfLiteError = 1 };
enum TfLiteType { kTfLiteUInt8 = 3, kTfLiteInt16 = 7, kTfLiteInt8 = 9 };
struct TfLiteIntArray {
  int size;
  int data[8];
};
union TfLitePtrUnion {
  char *raw;
  void *data;
};
struct TfLiteEvalTensor {
  TfLitePtrUnion data;
  TfLiteIntArray *dims;
  TfLiteType type;
};
struct TfLiteNode {
  TfLiteIntArray *inputs, *outputs;
  void *user_data;
};
struct TfLiteContext {
  void *impl_;
};
struct TFLMRegistration {
  void *(*init)(TfLiteContext *context, const char *buffer, size_t length);
  void (*free)(TfLiteContext *context, void *buffer);
  TfLiteStatus (*prepare)(TfLiteContext *context, TfLiteNode *node);
  TfLiteStatus (*invoke)(TfLiteContext *context, TfLiteNode *node);
  void (*reset)(TfLiteContext *context, void *buffer);
  int32_t builtin_code;
  const char *custom_name;
};

#ifndef TFLM_MOVED
namespace tflite {
#endif

class MicroContext {
public:
  virtual ~MicroContext() = default;
  virtual void *AllocatePersistentBuffer(size_t bytes) = 0;
  virtual TfLiteStatus RequestScratchBufferInArena(size_t bytes, int *index) = 0;
  virtual void *GetScratchBuffer(int index) = 0;
  virtual TfLiteEvalTensor *GetEvalTensor(int number) = 0;
};

inline MicroContext *GetMicroContext(const TfLiteContext *context) {
  return reinterpret_cast<MicroContext *>(context->impl_);
}

#ifdef TFLM_MOVED
} // namespace micro
#endif
} // namespace tflite

#define MicroPrintf(...) (std::fprintf(stderr, __VA_ARGS__), std::fputc('\n', stderr))

#endif // TFLM_INTERFACE_H
