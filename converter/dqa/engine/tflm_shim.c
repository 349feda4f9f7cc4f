/* Registers the DQA operator in the interpreter of the Python wheel tflite-micro, which comes without headers.
 *
 * The offsets below are those of one wheel (tflm_host.py pins it) on a 64-bit machine with the System V ABI; a
 * self-test in a process of its own finds out whether they hold. On a device the operator is compiled with the real
 * headers. */
#include "dqa_tflm_core.h"

#include <string.h>

enum {
  /* tflite::PythonOpsResolver */
  RESOLVER_REGISTRATIONS = 8,
  RESOLVER_COUNT = 11208,
  RESOLVER_CAPACITY = 200,
  /* TfLiteContext: pointers to functions */
  CONTEXT_ALLOCATE_PERSISTENT = 112,
  CONTEXT_REQUEST_SCRATCH = 128,
  CONTEXT_GET_SCRATCH = 136,
  CONTEXT_GET_EVAL_TENSOR = 168,
  /* enumerators */
  STATUS_OK = 0,
  STATUS_ERROR = 1,
  BUILTIN_CUSTOM = 32,
  TYPE_UINT8 = 3,
  TYPE_INT8 = 9
};

/* TfLiteIntArray */
struct int_array {
  int size;
  int data[];
};

/* TfLiteEvalTensor */
struct eval_tensor {
  void *data;
  const struct int_array *dims;
  int type;
};

/* The beginning of TfLiteNode */
struct node {
  const struct int_array *inputs, *outputs, *intermediates;
  void *user_data;
};

/* TFLMRegistration */
struct registration {
  void *(*init)(void *context, const char *options, size_t length);
  void (*free)(void *context, void *state);
  int (*prepare)(void *context, struct node *node);
  int (*invoke)(void *context, struct node *node);
  void (*reset)(void *context, void *state);
  int32_t builtin_code;
  const char *custom_name;
};

static const char *last_error;

/* A function of the context, whose type the caller knows. */
static void context_function(const void *context, size_t at, void *function) {
  memcpy(function, (const char *)context + at, sizeof(void (*)(void)));
}

static void *allocate_persistent(void *context, size_t bytes) {
  void *(*function)(void *, size_t);
  context_function(context, CONTEXT_ALLOCATE_PERSISTENT, &function);
  return function(context, bytes);
}

static int request_scratch(void *context, size_t bytes, int *index) {
  int (*function)(void *, size_t, int *);
  context_function(context, CONTEXT_REQUEST_SCRATCH, &function);
  return function(context, bytes, index);
}

static void *scratch(void *context, int index) {
  void *(*function)(void *, int);
  context_function(context, CONTEXT_GET_SCRATCH, &function);
  return function(context, index);
}

static int tensor(void *context, int number, dqa_tflm_tensor *out) {
  struct eval_tensor *(*function)(const void *, int);
  context_function(context, CONTEXT_GET_EVAL_TENSOR, &function);
  const struct eval_tensor *eval = number < 0 ? NULL : function(context, number);
  if (eval == NULL || eval->dims == NULL) {
    return 1;
  }
  out->data = eval->data;
  out->bytes = eval->type == TYPE_INT8 || eval->type == TYPE_UINT8;
  for (int i = 0; i < eval->dims->size; ++i) {
    out->bytes *= (size_t)eval->dims->data[i];
  }
  return 0;
}

static const dqa_tflm_services services = {allocate_persistent, request_scratch, scratch, tensor};

static dqa_tflm_node numbers_of(const struct node *node) {
  dqa_tflm_node numbers = {node->inputs->data, node->outputs->data, node->inputs->size, node->outputs->size};
  return numbers;
}

static int report(const char *wrong) {
  if (wrong != NULL) {
    last_error = wrong;
  }
  return wrong == NULL ? STATUS_OK : STATUS_ERROR;
}

static void *init(void *context, const char *options, size_t length) {
  return dqa_tflm_init(&services, context, options, length);
}

static int prepare(void *context, struct node *node) {
  const dqa_tflm_node numbers = numbers_of(node);
  return report(dqa_tflm_prepare(&services, context, &numbers, node->user_data, dqa_all_operators));
}

static int invoke(void *context, struct node *node) {
  const dqa_tflm_node numbers = numbers_of(node);
  return report(dqa_tflm_invoke(&services, context, &numbers, node->user_data));
}

/* What the operator last complained about, or NULL. */
const char *dqa_tflm_last_error(void) { return last_error; }

/* The interpreter looks this up by its name. */
int dqa_tflm_register(void *resolver) {
  static const struct registration registration = {init, NULL, prepare, invoke, NULL, BUILTIN_CUSTOM, "DQA"};
  uint32_t count;
  char *bytes = resolver;
  memcpy(&count, bytes + RESOLVER_COUNT, sizeof count);
  if (count >= RESOLVER_CAPACITY) {
    last_error = "the interpreter's resolver is full, or not laid out as expected";
    return 0;
  }
  memcpy(bytes + RESOLVER_REGISTRATIONS + count * sizeof registration, &registration, sizeof registration);
  ++count;
  memcpy(bytes + RESOLVER_COUNT, &count, sizeof count);
  return 1;
}
