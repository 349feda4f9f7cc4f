/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* What the compiler and the C library leave open for TensorFlow Lite Micro in firmware that never ends: objects with
 * destructors register them, and failed checks end the program. The library's own versions would ask for files,
 * processes and a heap. */
#include "runtime.h"

#ifdef DQA_RUNTIME_TFLM

void *__dso_handle __attribute__((visibility("hidden")));

int __aeabi_atexit(void *object, void (*destroy)(void *), void *library);
void abort(void);
void __assert_func(const char *file, int line, const char *function, const char *expression);

/* Nothing is ever destroyed. */
int __aeabi_atexit(void *object, void (*destroy)(void *), void *library) {
  (void)object;
  (void)destroy;
  (void)library;
  return 0;
}

/* An undefined instruction: the fault is reported over the port as any other. */
__attribute__((noreturn)) void abort(void) { __builtin_trap(); }

__attribute__((noreturn)) void __assert_func(const char *file, int line, const char *function, const char *expression) {
  (void)file;
  (void)line;
  (void)function;
  (void)expression;
  abort();
}

#endif
