/* Corrupts programs at random, loads them, and runs those that are accepted; meant to be built with sanitizers.
 *
 *   fuzz_corrupt COUNT SEED PROGRAM...
 *
 * Every block is a heap block of exactly its size, so that one byte too far is found. Most corruptions get a right CRC:
 * they reach the structural checks. Prints how many of each status there were, how many programs ran, "stalled"
 * being some of them, and of how many of those the rows may go on without end. */
#include "operators/operator.h"

#include <stdio.h>
#include <stdlib.h>

enum { STATUSES = DQA_ERROR_STALLED + 1 };
#define MAX_ARENA (1u << 20)
#define MAX_WORK (1u << 21) /* products: a corruption may ask for hours of them, legally */

struct program {
  uint8_t *bytes;
  uint32_t size;
};

enum { MAX_PROGRAMS = 256 };

static uint64_t state;

static uint32_t random_u32(void) { /* splitmix64 */
  uint64_t z = state += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return (uint32_t)((z ^ (z >> 31)) >> 16);
}

static uint32_t below(uint32_t limit) { return random_u32() % limit; }

static void fill(uint8_t *bytes, uint32_t size) {
  for (uint32_t i = 0; i < size; ++i) {
    bytes[i] = (uint8_t)random_u32();
  }
}

static void *block(uint32_t size) {
  uint8_t *memory = malloc(size);
  if (memory == NULL) {
    exit(3);
  }
  fill(memory, size);
  return memory;
}

/* A number that tends to be wrong where a program has one. */
static uint32_t odd_number(const struct program *p) {
  static const uint32_t edges[] = {0,           1,           2,           3,          4,        7,        8,
                                   16,          64,          127,         128,        255,      256,      4095,
                                   4096,        32767,       0x8000,      0xFFFFu,    0x10000u, 0x40000u, 0x1000000u,
                                   0x7FFFFFFFu, 0x80000000u, 0xFFFFFFFCu, 0xFFFFFFFFu};
  switch (below(4)) {
  case 0:
    return random_u32();
  case 1:
    return p->size - 4 * below(8);
  case 2:
    return 4 * below(p->size / 4);
  default:
    return edges[below(sizeof edges / sizeof edges[0])];
  }
}

/* Half of the time a place in the records, which are few and matter most. */
static uint32_t place(const struct program *p) {
  const uint32_t edges = dqa_u32(p->bytes + DQA_HEADER_EDGES), edge_count = dqa_u16(p->bytes + DQA_HEADER_EDGE_COUNT);
  const uint32_t ops = dqa_u32(p->bytes + DQA_HEADER_OPERATORS), op_count = dqa_u16(p->bytes + DQA_HEADER_OP_COUNT);
  uint32_t at = below(p->size);
  switch (below(8)) {
  case 0:
    at = below(DQA_HEADER_BYTES);
    break;
  case 1:
    at = dqa_u32(p->bytes + DQA_HEADER_LAYOUTS) + below(4 * DQA_LAYOUTS * (edge_count + 2 * op_count) + 1);
    break;
  case 2:
    at = edges + below(DQA_EDGE_BYTES * edge_count + 1);
    break;
  case 3:
    at = ops + below(DQA_OPERATOR_BYTES * op_count + 1);
    break;
  default:
    break;
  }
  return at < p->size ? at : below(p->size); /* an earlier corruption may have moved the tables */
}

static void corrupt_once(const struct program *p) {
  const uint32_t wanted = place(p);
  const uint32_t at = wanted < p->size - 4 ? wanted : p->size - 4; /* four bytes fit */
  const uint32_t number = odd_number(p);
  switch (below(4)) {
  case 0:
    p->bytes[at] = (uint8_t)(p->bytes[at] ^ (1u << below(8)));
    break;
  case 1:
    p->bytes[at] = (uint8_t)number;
    break;
  case 2:
    memcpy(p->bytes + (at & ~1u), &number, 2);
    break;
  default:
    memcpy(p->bytes + (at & ~3u), &number, 4);
  }
}

/* A corrupt copy; its size may be anything from 0 to the original's. */
static struct program corrupt(const struct program *original) {
  struct program p = {NULL, original->size};
  const bool truncated = below(16) == 0;
  if (truncated) {
    p.size = below(4) == 0 ? below(p.size + 1) : 4 * below(p.size / 4 + 1);
  }
  p.bytes = malloc(p.size);
  if (p.bytes == NULL && p.size > 0) {
    exit(3);
  }
  memcpy(p.bytes, original->bytes, p.size);
  if (p.size < DQA_HEADER_BYTES) {
    return p;
  }
  if (truncated && below(2) == 0) {
    memcpy(p.bytes + DQA_HEADER_PROGRAM_SIZE, &p.size, 4);
  }
  for (uint32_t count = truncated ? below(2) : 1 + below(3); count > 0; --count) {
    corrupt_once(&p);
  }
  if (below(16) != 0) {
    const uint32_t crc = dqa_crc32(0, p.bytes + DQA_HEADER_CRC_FROM, p.size - DQA_HEADER_CRC_FROM);
    memcpy(p.bytes + DQA_HEADER_CRC, &crc, 4);
  }
  return p;
}

/* Products and values of a run, about. */
static uint64_t work(const dqa_model *model) {
  uint64_t sum = 0;
  for (uint32_t i = 0; i < model->op_count; ++i) {
    struct dqa_op op;
    dqa_op_at(model, i, &op);
    const uint64_t in = (uint64_t)op.input.height * op.input.row_values;
    const uint64_t out = (uint64_t)op.output.height * op.output.row_values;
    const uint64_t window = (uint64_t)op.window.kernel_h * op.window.kernel_w * op.input.channels;
    sum += in * op.input_count + (op.methods->accumulate ? in * op.output.channels : out * window);
  }
  return sum;
}

/* Any calls in any order, on an arena that holds anything. */
static dqa_status push_wildly(const dqa_model *model, uint8_t *arena) {
  const uint32_t height = dqa_u16(dqa_edge_record(model, 0) + DQA_EDGE_HEIGHT);
  const uint32_t row_bytes = dqa_input_size(model, 0) / height, windows = dqa_is_endless(model) ? 8 : 2;
  dqa_status status = DQA_OK;
  for (uint32_t calls = below(windows * height + 4); calls > 0; --calls) {
    uint8_t *const row = block(row_bytes);
    switch (below(dqa_is_endless(model) ? 64 : 8)) { /* streams go on for long, so that counters begin again */
    case 0:
      status = dqa_begin(model, arena, model->arena_size);
      break;
    case 1:
      status = dqa_end(model, arena, NULL);
      break;
    case 2:
      arena[below(model->arena_size)] = (uint8_t)random_u32();
      break;
    default:
      status = dqa_push_row(model, arena, row);
    }
    free(row);
  }
  return status;
}

/* Rows without end, where a program is made for them. */
static bool stream(const struct program *p) {
  dqa_model model;
  if (dqa_load(&model, p->bytes, p->size, dqa_all_operators, DQA_LAYOUT_CONTINUOUS) != DQA_OK) {
    return false;
  }
  uint8_t *const arena = block(model.arena_size);
  (void)dqa_begin(&model, arena, model.arena_size);
  const dqa_status wild = push_wildly(&model, arena);
  if (wild != DQA_OK && wild != DQA_ERROR_STALLED && wild != DQA_ERROR_ARGUMENT) {
    abort();
  }
  free(arena);
  return true;
}

/* A run may stall, because rings are too small or buffers overlap now. */
static dqa_status run(const dqa_model *model) {
  uint8_t *const arena = block(model->arena_size);
  void *ends[16] = {NULL};
  const void *inputs[8] = {NULL};
  for (unsigned i = 0; model->layout != DQA_LAYOUT_INTERNAL && i < model->input_count; ++i) {
    inputs[i] = ends[i] = block(dqa_input_size(model, i));
  }
  for (unsigned i = 0; model->layout == DQA_LAYOUT_EXTERNAL && i < model->output_count; ++i) {
    ends[8 + i] = block(dqa_output_size(model, i));
  }
  const dqa_status status = dqa_run(model, arena, model->arena_size, inputs, ends + 8, NULL);
  if (status != DQA_OK && status != DQA_ERROR_STALLED) {
    abort();
  }
  if (model->layout == DQA_LAYOUT_PUSHED) {
    const dqa_status wild = push_wildly(model, arena);
    if (wild != DQA_OK && wild != DQA_ERROR_STALLED && wild != DQA_ERROR_ARGUMENT) {
      abort();
    }
  }
  for (unsigned i = 0; i < 16; ++i) {
    free(ends[i]);
  }
  free(arena);
  return status;
}

static struct program read_program(const char *path) {
  struct program p = {NULL, 0};
  FILE *const file = fopen(path, "rb");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
    exit(2);
  }
  p.size = (uint32_t)ftell(file);
  p.bytes = malloc(p.size);
  rewind(file);
  if (p.bytes == NULL || fread(p.bytes, 1, p.size, file) != p.size) {
    exit(2);
  }
  fclose(file);
  return p;
}

int main(int argc, char **argv) {
  static struct program originals[MAX_PROGRAMS];
  uint32_t found[STATUSES] = {0}, ran = 0, streamed = 0;
  const uint32_t programs = argc > 3 ? (uint32_t)argc - 3u : 0;
  if (programs == 0 || programs > MAX_PROGRAMS) {
    return 2;
  }
  const uint32_t count = (uint32_t)strtoul(argv[1], NULL, 10);
  state = strtoul(argv[2], NULL, 10);
  for (uint32_t i = 0; i < programs; ++i) {
    originals[i] = read_program(argv[3 + i]);
  }
  for (uint32_t i = 0; i < count; ++i) {
    const struct program p = corrupt(&originals[i % programs]);
    dqa_model model;
    const dqa_status status =
        dqa_load(&model, p.size ? p.bytes : (const void *)"", p.size, dqa_all_operators, (int)below(DQA_LAYOUTS));
    ++found[status];
    if (status == DQA_OK && model.arena_size <= MAX_ARENA && work(&model) <= MAX_WORK) {
      found[DQA_ERROR_STALLED] += run(&model) == DQA_ERROR_STALLED;
      ++ran;
      streamed += stream(&p);
    }
    free(p.bytes);
  }
  for (uint32_t i = 0; i < STATUSES; ++i) {
    printf("%u %u %s\n", i, found[i], dqa_status_name((dqa_status)i));
  }
  printf("ran %u\nstreamed %u\n", ran, streamed);
  for (uint32_t i = 0; i < programs; ++i) {
    free(originals[i].bytes);
  }
  return 0;
}
