/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
#include "mlperf.h"

#ifdef DQA_PROTOCOL_MLPERF

#include <string.h>

#include "board.h"
#include "inference.h"
#include "model.h"
#include "runtime.h"

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

#define FIRMWARE "ULPMark for tinyML Firmware V0.0.1" /* the name that the benchmark's runner knows */

#if DQA_MLPERF_REBUILDS
enum { BYTES_PER_VALUE = 4 };
static float rebuilding_error;
#else
enum { BYTES_PER_VALUE = 1 };
#endif

enum { BUFFER_SIZE = DQA_MODEL_INPUT_SIZE * BYTES_PER_VALUE, BUFFER_LINE = 8, WARMUPS = 10 };
enum { RUN = 0x4D4C5054 }; /* this protocol's runs among those of the other */

/* What db loads. Beside the arena: a run uses its input up, and on some boards the other bank is small. */
#ifdef __ELF__
__attribute__((section(".bss.dqa_arena")))
#endif
static uint8_t buffer[BUFFER_SIZE];
static uint32_t expected, loaded; /* bytes of it */
static int load_status;
static uint32_t clock_hz;
static uint64_t model_ticks; /* of all inferences so far */
static bool answering, faulted, overflowed, inferred;
static uint32_t fault_detail;

static void line_with(const char *before, uint32_t number, const char *after) {
  text_put(before);
  text_put_number(number);
  text_line(after);
}

static void quote(const char *before, const char *quoted, const char *after) {
  text_put(before);
  text_put(quoted);
  text_line(after);
}

/* The time that the model took so far, in microseconds: monotonic, and still while the port is busy. */
static void timestamp(void) {
  const uint64_t hz = counter_hz(clock_hz);
  text_put("m-lap-us-");
  text_put_number(model_ticks / hz * 1000000 + model_ticks % hz * 1000000 / hz);
  text_end();
}

static void help(void) {
  text_line(FIRMWARE);
  text_line("");
  text_line("help         : this text");
  text_line("name         : the name of the device");
  text_line("profile      : the benchmark's firmware and the model");
  text_line("timestamp    : microseconds that inferences took so far");
  text_line("db load N    : N bytes of input follow");
  text_line("db HH[HH]*   : the next of them, in hexadecimal");
  text_line("db print     : the bytes that are there");
  text_line("infer N [W=10]: N inferences of this input after W to warm up");
  text_line("results      : the result of the last one");
}

static void db_load(const char *size) {
  uint32_t count;
  if (size == NULL) {
    text_line("e-[Command 'db load' requires the # of bytes]");
    return;
  }
  expected = loaded = 0;
  if (!text_number(size, &count) || count == 0) {
    text_line("e-[Command 'db load' must be >0 bytes]");
  } else if (count > BUFFER_SIZE) {
    text_put("e-[Supplied buffer size ");
    text_put_number(count);
    line_with(" exceeds maximum of ", BUFFER_SIZE, "]");
  } else {
    expected = count;
    line_with("m-[Expecting ", count, " bytes]");
  }
}

/* All of a command's bytes are taken, or none. */
static void db_bytes(const char *digits) {
  const size_t count = strlen(digits);
  if (count % 2) {
    text_line("e-[Insufficent number of hex digits]"); /* sic: so the benchmark has it */
    return;
  }
  for (size_t i = 0; i < count; i++) {
    if (text_hex_digit(digits[i]) < 0) {
      const char found[2] = {digits[i], 0};
      quote("e-[Invalid hex digit '", found, "']");
      return;
    }
  }
  if (count / 2 > expected - loaded) {
    line_with("e-[More bytes than 'db load' announced: ", expected - loaded, " are missing]");
    return;
  }
  for (size_t i = 0; i < count; i += 2)
    buffer[loaded++] = (uint8_t)(text_hex_digit(digits[i]) << 4 | text_hex_digit(digits[i + 1]));
  if (loaded == expected)
    text_line("m-load-done");
}

static void db_print(void) {
  for (uint32_t i = 0; i < loaded; i++) {
    text_put(i % BUFFER_LINE ? "-" : "m-buffer-");
    text_put_hex(buffer[i]);
    if (i % BUFFER_LINE == BUFFER_LINE - 1 || i + 1 == loaded)
      text_end();
  }
}

static void db(char *rest) {
  const char *word = text_word(&rest);
  if (word == NULL)
    text_line("e-[Command 'db' requires a subcommand]");
  else if (strcmp(word, "load") == 0)
    db_load(text_word(&rest));
  else if (strcmp(word, "print") == 0)
    db_print();
  else
    db_bytes(word);
}

/* Output i as a real number. */
static float output(uint32_t i) {
  int8_t value;
  inference_read(i, (uint8_t *)&value, 1);
  return (float)(((double)value - (DQA_MLPERF_OUTPUT_ZERO_POINT)) * (DQA_MLPERF_OUTPUT_SCALE));
}

#if DQA_MLPERF_REBUILDS

static float input(uint32_t i) {
  float value;
  memcpy(&value, buffer + i * sizeof value, sizeof value); /* little-endian, as this processor */
  return value;
}

static int write_input(void) {
  int status = DQA_OK;
  for (uint32_t i = 0; i < DQA_MODEL_INPUT_SIZE && status == DQA_OK; i++) {
    double value = (double)input(i) / (DQA_MLPERF_INPUT_SCALE) + (DQA_MLPERF_INPUT_ZERO_POINT);
    value = value > -128 ? value : -128; /* what is not a number, too */
    value = value < 127 ? value : 127;
    const uint8_t byte = (uint8_t)(int8_t)text_nearest(value);
    status = inference_write(&byte, 1);
  }
  return status;
}

static void keep_result(void) {
  double sum = 0;
  for (uint32_t i = 0; i < DQA_MODEL_INPUT_SIZE; i++) {
    const double difference = (double)output(i) - (double)input(i);
    sum += difference * difference;
  }
  rebuilding_error = (float)(sum / DQA_MODEL_INPUT_SIZE);
}

#else

static int write_input(void) { return inference_write(buffer, BUFFER_SIZE); }

static void keep_result(void) {}

#endif

static void results(void) {
  if (!inferred || !inference_is(RUN) || !inference_done()) {
    text_line("e-[No results: there was no inference]");
    return;
  }
  text_put("m-results-[");
#if DQA_MLPERF_REBUILDS
  text_put_thousandths(rebuilding_error);
#else
  for (uint32_t i = 0; i < inference_output_size(); i++) {
    text_put(i ? "," : "");
    text_put_thousandths(output(i));
  }
#endif
  text_line("]");
}

/* Says why if one fails. */
static bool infer_times(uint32_t count) {
  for (; count; count--) {
    inference_begin(RUN);
    int status = write_input();
    if (status == DQA_OK)
      status = inference_run();
    if (status != DQA_OK) {
      line_with("e-[Inference failed: status ", (uint32_t)status, "]");
      return false;
    }
    model_ticks += inference_ticks();
  }
  return true;
}

static void infer(char *rest) {
  uint32_t count = 1, warmups = WARMUPS;
  const char *word = text_word(&rest);
  if (word && (!text_number(word, &count) || count == 0)) {
    text_line("e-[Inference iterations must be >0]");
    return;
  }
  word = word ? text_word(&rest) : NULL;
  if (word && !text_number(word, &warmups)) {
    text_line("e-[Inference warmup must be >=0]");
    return;
  }
  if (load_status != DQA_OK) {
    line_with("e-[The model did not load: status ", (uint32_t)load_status, "]");
    return;
  }
  if (loaded != BUFFER_SIZE) {
    text_put("e-[The input has ");
    text_put_number(loaded);
    line_with(" of ", BUFFER_SIZE, " bytes]");
    return;
  }
  inferred = false;
  line_with("m-warmup-start-", warmups, "");
  if (!infer_times(warmups))
    return;
  text_line("m-warmup-done");
  line_with("m-infer-start-", count, "");
  timestamp();
  if (!infer_times(count))
    return;
  timestamp();
  text_line("m-infer-done");
  keep_result();
  inferred = true;
  results();
}

static void answer(char *rest) {
  const char *word = text_word(&rest);
  if (word && strcmp(word, "name") == 0) {
    text_line("m-name-dut-[" TEXT(DQA_BOARD) "]");
  } else if (word && strcmp(word, "profile") == 0) {
    text_line("m-profile-[" FIRMWARE "]");
    text_line("m-model-[" TEXT(DQA_MLPERF_MODEL) "]");
  } else if (word && strcmp(word, "timestamp") == 0) {
    timestamp();
  } else if (word && strcmp(word, "help") == 0) {
    help();
  } else if (word && strcmp(word, "db") == 0) {
    db(rest);
  } else if (word && strcmp(word, "infer") == 0) {
    infer(rest);
  } else if (word && strcmp(word, "results") == 0) {
    results();
  } else {
    quote("e-[Unknown command: ", word ? word : "", "]");
  }
}

static void report_fault(void) {
  if (overflowed)
    line_with("e-[Stack overflow: it has ", fault_detail, " bytes]");
  else
    line_with("e-[Processor fault: status ", fault_detail, "]");
}

void mlperf_open(int status, uint32_t core_hz) {
  load_status = status;
  clock_hz = core_hz;
}

void mlperf_answer(text_command *command) {
  answering = true;
  if (faulted)
    report_fault();
  else if (command->overlong)
    line_with("e-[Command of more than ", TEXT_MAX, " characters]");
  else
    answer(command->chars);
  text_line("m-ready");
  answering = false;
}

void mlperf_fault(bool overflow, uint32_t detail) {
  faulted = true;
  overflowed = overflow;
  fault_detail = detail;
  if (answering) {
    report_fault();
    text_line("m-ready");
  }
  answering = false;
}

#endif
