/* Calls the functions of dqa.h in random order, with models, layouts and arenas changed in between; meant to be built
 * with sanitizers. Arguments: how many calls, a seed, and files of programs.
 *
 * Two models share two arenas, each large enough for every program: what is wrong is the order alone, and some null and
 * misaligned pointers. Says on stderr how many calls got DQA_OK; status 1 for a pointer to nowhere. */
#include "dqa.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROGRAMS = 16, MODELS = 2, ARENAS = 2 };

static uint32_t state;

static uint32_t draw(uint32_t below) {
  state = state * 1664525u + 1013904223u;
  return (state >> 8) % below;
}

static uint8_t *block(size_t size) {
  uint8_t *const memory = malloc(size + (size == 0));
  if (memory == NULL) {
    exit(3);
  }
  memset(memory, 0, size);
  return memory;
}

static uint8_t *programs[PROGRAMS], *arenas[ARENAS];
static size_t sizes[PROGRAMS], arena_size, io_size;
static uint32_t counters[4096];

static int read_program(const char *path, int number) {
  FILE *const file = fopen(path, "rb");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
    return 0;
  }
  sizes[number] = (size_t)ftell(file);
  programs[number] = block(sizes[number]);
  rewind(file);
  const int whole = fread(programs[number], 1, sizes[number], file) == sizes[number];
  fclose(file);
  for (int layout = 0; layout <= DQA_LAYOUT_PUSHED; ++layout) {
    dqa_model model;
    if (dqa_load(&model, programs[number], sizes[number], dqa_all_operators, layout) == DQA_OK) {
      arena_size = model.arena_size > arena_size ? model.arena_size : arena_size;
      for (unsigned i = 0; i < 8; ++i) {
        const uint32_t in = dqa_input_size(&model, i), out = dqa_output_size(&model, i);
        io_size = in > io_size ? in : io_size;
        io_size = out > io_size ? out : io_size;
      }
    }
  }
  return whole;
}

static int inside(const void *pointer, size_t size, const uint8_t *arena) {
  const uintptr_t at = (uintptr_t)pointer, begin = (uintptr_t)arena;
  return at >= begin && size <= arena_size && at - begin <= arena_size - size;
}

int main(int argc, char **argv) {
  const int count = argc - 3;
  if (count < 1 || count > PROGRAMS) {
    return 2;
  }
  state = (uint32_t)strtoul(argv[2], NULL, 10);
  for (int i = 0; i < count; ++i) {
    if (!read_program(argv[i + 3], i)) {
      return 2;
    }
  }
  dqa_model models[MODELS];
  memset(models, 0, sizeof models);
  for (int i = 0; i < ARENAS; ++i) {
    arenas[i] = block(arena_size);
  }
  const void *inputs[8];
  void *outputs[8];
  for (int i = 0; i < 8; ++i) {
    inputs[i] = block(io_size);
    outputs[i] = block(io_size);
  }
  uint8_t *const row = block(io_size);
  unsigned long good = 0, pushed = 0, ended = 0;
  for (unsigned long calls = strtoul(argv[1], NULL, 10); calls > 0; --calls) {
    dqa_model *const model = draw(50) == 0 ? NULL : &models[draw(MODELS)];
    uint8_t *const arena = draw(50) == 0 ? NULL : arenas[draw(ARENAS)] + (draw(50) == 0 ? draw(4) : 0);
    uint32_t *const dropped = draw(2) == 0 ? NULL : counters;
    const unsigned index = draw(4);
    dqa_status status = DQA_ERROR_ARGUMENT;
    memset(row, (int)draw(256), io_size);
    switch (draw(12)) {
    case 0: { /* rarely, so that some runs come to an end */
      if (draw(8) != 0) {
        break;
      }
      const uint32_t number = draw((uint32_t)count);
      status = dqa_load(model, programs[number], sizes[number], dqa_all_operators, (int)draw(4));
      break;
    }
    case 1:
      status = dqa_run(model, arena, arena_size, inputs, outputs, dropped);
      break;
    case 2:
      status = dqa_begin(model, arena, arena_size - (draw(20) == 0));
      break;
    case 3:
      status = dqa_end(model, arena, dropped);
      ended += status == DQA_OK;
      break;
    case 4: {
      void *const input = dqa_input(model, arena, index);
      if (input != NULL) {
        if (!inside(input, dqa_input_size(model, index), arenas[0]) &&
            !inside(input, dqa_input_size(model, index), arenas[1])) {
          return 1;
        }
        memset(input, (int)draw(256), dqa_input_size(model, index));
      }
      break;
    }
    case 5: {
      const int8_t *const output = dqa_output(model, arena, index);
      const uint32_t size = dqa_output_size(model, index);
      if (output != NULL && !inside(output, size, arenas[0]) && !inside(output, size, arenas[1])) {
        return 1;
      }
      break;
    }
    default:
      status = dqa_push_row(model, arena, row);
      pushed += status == DQA_OK;
      break;
    }
    good += status == DQA_OK;
  }
  fprintf(stderr, "%lu went well, %lu rows, %lu ends\n", good, pushed, ended);
  for (int i = 0; i < 8; ++i) {
    free((void *)(uintptr_t)inputs[i]);
    free(outputs[i]);
  }
  for (int i = 0; i < count; ++i) {
    free(programs[i]);
  }
  free(arenas[0]);
  free(arenas[1]);
  free(row);
  return 0;
}
