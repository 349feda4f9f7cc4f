/* Runs programs from a file; meant to be built with sanitizers. Every block a run may touch is a heap block of exactly
 * its size, and memory the executor must not rely on is filled with a pattern.
 *
 * Input: u32 program bytes, u32 input bytes, u32 layout; the program; the inputs one after the other; and so on.
 * Output, for each: u32 status; if it is 0 the outputs and a u32 of dropped rows for each edge. */
#include "dqa.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *block(size_t size) {
  void *memory = malloc(size);
  if (memory == NULL && size > 0) {
    exit(3);
  }
  if (size > 0) {
    memset(memory, 0xA5, size);
  }
  return memory;
}

static void run(const dqa_model *model, const uint8_t *inputs) {
  void *const arena = block(model->arena_size);
  uint32_t *const dropped = calloc(model->edge_count, sizeof *dropped);
  void *in[8], *out[8];
  const void *in_const[8];
  for (unsigned i = 0; i < model->input_count; ++i) {
    const size_t size = dqa_input_size(model, i);
    in_const[i] = in[i] = model->layout == DQA_LAYOUT_INTERNAL ? dqa_input(model, arena, i) : block(size);
    memcpy(in[i], inputs, size);
    inputs += size;
  }
  for (unsigned i = 0; i < model->output_count; ++i) {
    out[i] = model->layout == DQA_LAYOUT_EXTERNAL ? block(dqa_output_size(model, i)) : NULL;
  }
  const uint32_t status = (uint32_t)dqa_run(model, arena, model->arena_size, in_const, out, dropped);
  fwrite(&status, 4, 1, stdout);
  for (unsigned i = 0; status == DQA_OK && i < model->output_count; ++i) {
    const void *bytes = model->layout == DQA_LAYOUT_EXTERNAL ? out[i] : dqa_output(model, arena, i);
    fwrite(bytes, 1, dqa_output_size(model, i), stdout);
  }
  if (status == DQA_OK) {
    fwrite(dropped, 4, model->edge_count, stdout);
  }
  for (unsigned i = 0; model->layout != DQA_LAYOUT_INTERNAL && i < model->input_count; ++i) {
    free(in[i]);
  }
  for (unsigned i = 0; i < model->output_count; ++i) {
    free(out[i]);
  }
  free(dropped);
  free(arena);
}

int main(int argc, char **argv) {
  FILE *const file = argc == 2 ? fopen(argv[1], "rb") : NULL;
  uint32_t sizes[3];
  if (file == NULL) {
    return 2;
  }
  while (fread(sizes, 4, 3, file) == 3) {
    uint8_t *const program = block(sizes[0]), *const inputs = block(sizes[1]);
    dqa_model model;
    if (fread(program, 1, sizes[0], file) != sizes[0] || fread(inputs, 1, sizes[1], file) != sizes[1]) {
      return 2;
    }
    const uint32_t status = (uint32_t)dqa_load(&model, program, sizes[0], dqa_all_operators, (int)sizes[2]);
    if (status != DQA_OK) {
      fwrite(&status, 4, 1, stdout);
    } else {
      run(&model, inputs);
    }
    free(program);
    free(inputs);
  }
  fclose(file);
  return 0;
}
