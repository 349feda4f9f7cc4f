/* Calls every function of dqa.h with null and misaligned pointers, with sizes too small, and out of turn; meant to be
 * built with sanitizers. Argument: the file of a program with one input, one output and a layout for pushed rows.
 *
 * Every block is a heap block of exactly its size. Says on stderr what was answered otherwise than it must be, and how
 * many answers were looked at. */
#include "dqa.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned checks, failures;

static void check(int good, const char *text, int line) {
  ++checks;
  if (!good) {
    ++failures;
    fprintf(stderr, "line %d: %s\n", line, text);
  }
}
#define CHECK(condition) check((condition), #condition, __LINE__)

static uint8_t *block(size_t size) {
  uint8_t *const memory = malloc(size + (size == 0));
  if (memory == NULL) {
    exit(3);
  }
  memset(memory, 0xA5, size);
  return memory;
}

struct program {
  uint8_t *bytes;
  size_t size;
};

static dqa_status load(dqa_model *model, struct program program, int layout) {
  return dqa_load(model, program.bytes, program.size, dqa_all_operators, layout);
}

/* Nothing but refusals, whatever the arena is. */
static void refuses_everything(const dqa_model *model, uint8_t *arena, size_t size) {
  const void *const input = arena;
  void *const output = arena;
  CHECK(dqa_run(model, arena, size, &input, &output, NULL) == DQA_ERROR_ARGUMENT);
  CHECK(dqa_run(model, NULL, 0, NULL, NULL, NULL) == DQA_ERROR_ARGUMENT);
  CHECK(dqa_begin(model, arena, size) == DQA_ERROR_ARGUMENT);
  CHECK(dqa_push_row(model, arena, arena) == DQA_ERROR_ARGUMENT);
  CHECK(dqa_end(model, arena, NULL) == DQA_ERROR_ARGUMENT);
  CHECK(dqa_input_size(model, 0) == 0 && dqa_output_size(model, 0) == 0);
  CHECK(dqa_input(model, arena, 0) == NULL && dqa_input(model, NULL, 0) == NULL);
  CHECK(dqa_output(model, arena, 0) == NULL && dqa_output(model, NULL, 0) == NULL);
}

static void without_a_model(uint8_t *arena, size_t size) {
  static const int patterns[] = {0x00, 0xFF, 0xA5, 0x55, 0xCD};
  refuses_everything(NULL, arena, size);
  for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; ++i) {
    dqa_model model;
    memset(&model, patterns[i], sizeof model);
    refuses_everything(&model, arena, size);
  }
}

static void loading(struct program program, uint8_t *arena, size_t arena_size) {
  dqa_model *const misaligned = (dqa_model *)(void *)(arena + 1);
  const dqa_operator_table odd = (dqa_operator_table)(const void *)((const uint8_t *)dqa_all_operators + 1);
  dqa_model model;
  CHECK(load(NULL, program, DQA_LAYOUT_INTERNAL) == DQA_ERROR_ARGUMENT);
  CHECK(load(misaligned, program, DQA_LAYOUT_INTERNAL) == DQA_ERROR_ARGUMENT);
  refuses_everything(misaligned, arena, arena_size);
  for (int layout = -2; layout < 6; ++layout) {
    const int known = layout >= 0 && layout <= DQA_LAYOUT_PUSHED;
    const dqa_status unknown = layout == DQA_LAYOUT_CONTINUOUS ? DQA_ERROR_LAYOUT : DQA_ERROR_ARGUMENT; /* it ends */
    CHECK(load(&model, program, layout) == (known ? DQA_OK : unknown));
    CHECK((dqa_input_size(&model, 0) > 0) == known); /* what was loaded before is forgotten */
  }
  CHECK(load(&model, program, INT_MAX) == DQA_ERROR_ARGUMENT && load(&model, program, INT_MIN) == DQA_ERROR_ARGUMENT);
  CHECK(dqa_load(&model, NULL, program.size, dqa_all_operators, 0) == DQA_ERROR_ARGUMENT);
  CHECK(dqa_load(&model, program.bytes, program.size, NULL, 0) == DQA_ERROR_ARGUMENT);
  CHECK(dqa_load(&model, program.bytes, program.size, odd, 0) == DQA_ERROR_ARGUMENT);
  for (size_t size = 0; size < program.size; size += size < 80 ? 1 : 61) {
    struct program cut = {block(size), size};
    memcpy(cut.bytes, program.bytes, size);
    CHECK(load(&model, cut, DQA_LAYOUT_INTERNAL) == DQA_ERROR_TRUNCATED);
    refuses_everything(&model, arena, arena_size);
    free(cut.bytes);
  }
  for (size_t offset = 1; offset < 4; ++offset) { /* a program may lie anywhere */
    uint8_t *const moved = block(program.size + offset);
    memcpy(moved + offset, program.bytes, program.size);
    CHECK(dqa_load(&model, moved + offset, program.size, dqa_all_operators, 0) == DQA_OK);
    CHECK(dqa_run(&model, arena, arena_size, NULL, NULL, NULL) == DQA_OK);
    free(moved);
  }
}

static void arenas(const dqa_model *model, uint8_t *arena) {
  const size_t size = model->arena_size;
  const size_t small[] = {0, 1, size / 2, size - 1};
  for (size_t i = 0; i < sizeof small / sizeof small[0]; ++i) {
    CHECK(dqa_run(model, arena, small[i], NULL, NULL, NULL) == DQA_ERROR_ARENA);
  }
  CHECK(dqa_run(model, NULL, size, NULL, NULL, NULL) == DQA_ERROR_ARENA);
  for (size_t offset = 1; offset < 4; ++offset) {
    CHECK(dqa_run(model, arena + offset, size, NULL, NULL, NULL) == DQA_ERROR_ARENA);
    CHECK(dqa_input(model, arena + offset, 0) == NULL && dqa_output(model, arena + offset, 0) == NULL);
  }
  CHECK(dqa_input(model, NULL, 0) == NULL && dqa_output(model, NULL, 0) == NULL);
}

/* A whole input in the arena. */
static void internal(struct program program, uint8_t *arena) {
  uint32_t counters[4096] = {0};
  uint32_t *const odd = (uint32_t *)(void *)((uint8_t *)counters + 1);
  dqa_model model;
  CHECK(load(&model, program, DQA_LAYOUT_INTERNAL) == DQA_OK);
  const uint32_t in = dqa_input_size(&model, 0), out = dqa_output_size(&model, 0);
  CHECK(in > 0 && out > 0);
  CHECK(dqa_input_size(&model, 1) == 0 && dqa_output_size(&model, 1) == 0 && dqa_input_size(&model, UINT_MAX) == 0 &&
        dqa_output_size(&model, UINT_MAX) == 0);
  CHECK(dqa_input(&model, arena, 1) == NULL && dqa_input(&model, arena, UINT_MAX) == NULL);
  arenas(&model, arena);
  CHECK(dqa_output(&model, arena, 0) == NULL); /* no run yet */
  uint8_t *const input = dqa_input(&model, arena, 0);
  CHECK(input >= arena && input + in <= arena + model.arena_size);
  memset(input, 0x11, in);
  CHECK(dqa_run(&model, arena, model.arena_size, NULL, NULL, odd) == DQA_ERROR_ARGUMENT);
  CHECK(dqa_output(&model, arena, 0) == NULL);
  CHECK(dqa_run(&model, arena, model.arena_size, NULL, NULL, counters) == DQA_OK);
  const uint8_t *const output = (const uint8_t *)dqa_output(&model, arena, 0);
  CHECK(output >= arena && output + out <= arena + model.arena_size);
  CHECK(dqa_output(&model, arena, 1) == NULL && dqa_output(&model, arena, UINT_MAX) == NULL);
  CHECK(dqa_run(&model, arena, 0, NULL, NULL, NULL) == DQA_ERROR_ARENA); /* does no harm */
  CHECK((const uint8_t *)dqa_output(&model, arena, 0) == output);
  CHECK(load(&model, program, DQA_LAYOUT_INTERNAL) == DQA_OK); /* again: the arena is as it was */
  CHECK((const uint8_t *)dqa_output(&model, arena, 0) == output);
  CHECK(dqa_begin(&model, arena, model.arena_size) == DQA_ERROR_ARGUMENT); /* another layout's functions */
  CHECK(dqa_push_row(&model, arena, input) == DQA_ERROR_ARGUMENT && dqa_end(&model, arena, NULL) == DQA_ERROR_ARGUMENT);
}

/* Inputs and outputs of the caller. */
static void external(struct program program, uint8_t *arena) {
  dqa_model model;
  CHECK(load(&model, program, DQA_LAYOUT_EXTERNAL) == DQA_OK);
  const uint32_t in = dqa_input_size(&model, 0), out = dqa_output_size(&model, 0);
  uint8_t *const input = block(in), *const output = block(out + 4);
  const void *const inputs[] = {input}, *const no_input[] = {NULL};
  void *const outputs[] = {output}, *const no_output[] = {NULL}, *const odd_output[] = {output + 1};
  const void *const *const odd_inputs = (const void *const *)(const void *)((const uint8_t *)inputs + 1);
  void *const *const odd_outputs = (void *const *)(void *)((uintptr_t)outputs + 1);
  const size_t size = model.arena_size;
  CHECK(dqa_run(&model, arena, size, NULL, outputs, NULL) == DQA_ERROR_ARGUMENT);
  CHECK(dqa_run(&model, arena, size, inputs, NULL, NULL) == DQA_ERROR_ARGUMENT);
  CHECK(dqa_run(&model, arena, size, no_input, outputs, NULL) == DQA_ERROR_ARGUMENT);
  CHECK(dqa_run(&model, arena, size, inputs, no_output, NULL) == DQA_ERROR_ARGUMENT);
  CHECK(dqa_run(&model, arena, size, odd_inputs, outputs, NULL) == DQA_ERROR_ARGUMENT);
  CHECK(dqa_run(&model, arena, size, inputs, odd_outputs, NULL) == DQA_ERROR_ARGUMENT);
  CHECK(dqa_run(&model, arena, size, inputs, odd_output, NULL) == DQA_ERROR_ARENA);
  CHECK(dqa_run(&model, arena, size, inputs, outputs, NULL) == DQA_OK);
  CHECK(dqa_input(&model, arena, 0) == NULL && dqa_output(&model, arena, 0) == NULL); /* they lie elsewhere */
  CHECK(dqa_begin(&model, arena, size) == DQA_ERROR_ARGUMENT);
  free(input);
  free(output);
}

static dqa_status push_all(const dqa_model *model, uint8_t *arena, const uint8_t *row) {
  dqa_status status = DQA_OK;
  for (int rows = 0; status == DQA_OK; ++rows) {
    status = dqa_push_row(model, arena, row);
    CHECK(status == DQA_OK || rows > 0);
  }
  return status; /* of one row too many */
}

/* Rows that come one by one. */
static void pushed(struct program program, uint8_t *arena) {
  dqa_model model;
  uint32_t counters[4096] = {0};
  CHECK(load(&model, program, DQA_LAYOUT_PUSHED) == DQA_OK);
  const size_t size = model.arena_size;
  uint8_t *const row = block(dqa_input_size(&model, 0));
  memset(arena, 0xA5, size);
  CHECK(dqa_push_row(&model, arena, row) == DQA_ERROR_ARGUMENT && dqa_end(&model, arena, NULL) == DQA_ERROR_ARGUMENT);
  CHECK(dqa_begin(&model, NULL, size) == DQA_ERROR_ARENA && dqa_begin(&model, arena, size - 1) == DQA_ERROR_ARENA &&
        dqa_begin(&model, arena, 0) == DQA_ERROR_ARENA && dqa_begin(&model, arena + 2, size) == DQA_ERROR_ARENA);
  CHECK(dqa_run(&model, arena, size, NULL, NULL, NULL) == DQA_ERROR_ARGUMENT); /* there is no input to run on */
  CHECK(dqa_begin(&model, arena, size) == DQA_OK && dqa_begin(&model, arena, size) == DQA_OK);
  CHECK(dqa_output(&model, arena, 0) == NULL && dqa_input(&model, arena, 0) == NULL);
  CHECK(dqa_push_row(&model, arena, NULL) == DQA_ERROR_ARGUMENT);
  CHECK(dqa_push_row(&model, NULL, row) == DQA_ERROR_ARGUMENT);
  CHECK(dqa_push_row(&model, arena + 1, row) == DQA_ERROR_ARGUMENT);
  CHECK(dqa_end(&model, arena, NULL) == DQA_ERROR_ARGUMENT); /* too early */
  CHECK(push_all(&model, arena, row) == DQA_ERROR_ARGUMENT);
  CHECK(dqa_end(&model, NULL, NULL) == DQA_ERROR_ARGUMENT && dqa_end(&model, arena + 1, NULL) == DQA_ERROR_ARGUMENT);
  CHECK(dqa_end(&model, arena, (uint32_t *)(void *)((uint8_t *)counters + 2)) == DQA_ERROR_ARGUMENT);
  CHECK(dqa_end(&model, arena, counters) == DQA_OK);
  const uint8_t *const output = (const uint8_t *)dqa_output(&model, arena, 0);
  CHECK(output >= arena && output + dqa_output_size(&model, 0) <= arena + size);
  CHECK(dqa_end(&model, arena, NULL) == DQA_ERROR_ARGUMENT); /* once only */
  CHECK(dqa_push_row(&model, arena, row) == DQA_ERROR_ARGUMENT);
  CHECK((const uint8_t *)dqa_output(&model, arena, 0) == output);
  CHECK(dqa_begin(&model, arena, size) == DQA_OK);
  CHECK(dqa_output(&model, arena, 0) == NULL); /* of the run before */
  free(row);
}

static void helpers(void) {
  static const int32_t numbers[] = {INT32_MIN, INT32_MIN + 1, -1, 0, 1, 12345, INT32_MAX};
  static const unsigned shifts[] = {0, 1, 15, 31, 32, 33, 63, 64, UINT_MAX};
  enum { NUMBERS = sizeof numbers / sizeof numbers[0], SHIFTS = sizeof shifts / sizeof shifts[0] };
  for (size_t i = 0; i < (size_t)NUMBERS * NUMBERS * SHIFTS; ++i) {
    const int32_t acc = numbers[i % NUMBERS], multiplier = numbers[i / NUMBERS % NUMBERS];
    const unsigned shift = shifts[i / NUMBERS / NUMBERS];
    const int defined = multiplier >= 0 && shift >= 1 && shift <= 31;
    const int64_t halves = defined ? ((int64_t)acc * multiplier) >> 31 : 0; /* floor(2 * product / 2^32) */
    const int64_t wanted = defined ? (halves + ((int64_t)1 << shift)) >> (shift + 1) : 0;
    CHECK(dqa_requantize(acc, multiplier, shift) == wanted);
  }
  CHECK(dqa_program_size(NULL, 99) == 0 && dqa_program_size("DQAP", 4) == 0);
  CHECK(dqa_crc32(0, NULL, 0) == 0 && dqa_crc32(7, NULL, 99) == 7 && dqa_crc32(0, "123456789", 9) == 0xCBF43926u);
  CHECK(strcmp(dqa_status_name((dqa_status)(DQA_ERROR_STALLED + 1)), "unknown status") == 0);
  CHECK(strcmp(dqa_status_name(DQA_OK), "ok") == 0);
}

int main(int argc, char **argv) {
  FILE *const file = argc == 2 ? fopen(argv[1], "rb") : NULL;
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
    return 2;
  }
  const struct program program = {block((size_t)ftell(file)), (size_t)ftell(file)};
  rewind(file);
  if (fread(program.bytes, 1, program.size, file) != program.size) {
    return 2;
  }
  fclose(file);
  dqa_model model;
  size_t arena_size = 64;
  for (int layout = DQA_LAYOUT_INTERNAL; layout <= DQA_LAYOUT_PUSHED; ++layout) {
    CHECK(load(&model, program, layout) == DQA_OK);
    arena_size = model.arena_size > arena_size ? model.arena_size : arena_size;
  }
  uint8_t *const arena = block(arena_size);
  without_a_model(arena, arena_size);
  loading(program, arena, arena_size);
  memset(arena, 0xA5, arena_size);
  internal(program, arena);
  external(program, arena);
  pushed(program, arena);
  helpers();
  free(arena);
  free(program.bytes);
  fprintf(stderr, "%u answers, %u wrong\n", checks, failures);
  return failures > 0;
}
